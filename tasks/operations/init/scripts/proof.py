"""Prove a changed project in its scratch copy: static files twice, every template, the first page; in `manage.py shell -c`."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from typing import Any


def main(mark: str, top: str, host: str, ask: bool) -> None:
    """Print marked lines of JSON, each with more than the one before: what was proven, and what failed.

    `top`: the scratch copy; `host`: the Host of the request; `ask`: whether the first page is asked.
    """
    from django.conf import settings

    root = tempfile.mkdtemp(prefix="static-", dir=os.path.dirname(top))
    # Some packages have copied it when they were loaded.
    old = str(settings.STATIC_ROOT)
    for name in [name for name in ("STATIC_ROOT", "COMPRESS_ROOT") if str(getattr(settings, name, "")) == old]:
        setattr(settings, name, os.path.join(root, "static"))
    settings.DEBUG, settings.ALLOWED_HOSTS = False, ["*"]
    # Named as missing already; without it nothing else could be proven.
    settings.SECRET_KEY = settings._wrapped.__dict__.get("SECRET_KEY") or "x" * 50
    answer: dict[str, list[str]] = {"proven": [], "failed": []}
    show = partial(say, mark, answer)
    show()
    try:
        answer["proven"].append(collected())
        show()
        compress()
        answer["failed"] += templates(top)
        show()
        proven, failed = first_page(top, host) if ask else ([], [])
        answer["proven"] += proven
        answer["failed"] += failed
    finally:
        shutil.rmtree(root)
    show()


def say(mark: str, answer: dict[str, list[str]]) -> None:
    """Print what is known by now: what comes next may end the program."""
    print("\n" + mark + json.dumps(answer), flush=True)


class Failed(Exception):
    """Say what did not work."""


def on_disk() -> bool:
    """Return whether static files go to a folder, which is a scratch folder here: anywhere else is the real one."""
    from django.contrib.staticfiles.storage import staticfiles_storage
    from django.core.files.storage import FileSystemStorage

    return isinstance(staticfiles_storage, FileSystemStorage)


def collected() -> str:
    """Collect the static files twice; the second time nothing may change its name."""
    from django.contrib.staticfiles.storage import staticfiles_storage
    from django.core.management import call_command

    if not on_disk():
        return "nothing of static files: their storage is no folder of this machine, and was not asked"
    seen = []
    for _ in range(2):
        call_command("collectstatic", interactive=False, verbosity=0)
        seen.append(dict(getattr(staticfiles_storage, "hashed_files", {})))
    if seen[0] != seen[1]:
        raise Failed("the second collectstatic gave other names than the first")
    return f"collectstatic twice: {len(seen[0])} names"


def compress() -> None:
    """Make the files of django-compressor, where it works offline: without them no template that uses it works."""
    from django.apps import apps
    from django.conf import settings
    from django.core.management import call_command

    if on_disk() and apps.is_installed("compressor") and getattr(settings, "COMPRESS_OFFLINE", False):
        call_command("compress", force=True, verbosity=0)


def templates(top: str) -> Iterator[str]:
    """Yield what is wrong with the project's own templates: those that do not compile, and static files that are not there."""
    from django.template import TemplateDoesNotExist, TemplateSyntaxError, engines
    from django.template.backends.django import DjangoTemplates

    for backend in engines.all():
        if not isinstance(backend, DjangoTemplates):
            continue
        for folder, name in files(backend, top):
            where = os.path.relpath(os.path.join(folder, name), top)
            try:
                compiled = backend.get_template(name)
            except TemplateDoesNotExist:
                continue
            except TemplateSyntaxError as error:
                yield f"{where}: does not compile: {error}"
                continue
            yield from unknown(compiled, where)


def files(backend: Any, top: str) -> Iterator[tuple[str, str]]:
    """Yield folder and name of the templates that lie in the project itself."""
    for folder in map(str, backend.template_dirs):
        inside = os.path.realpath(folder).startswith(os.path.realpath(top) + os.sep)
        for path, _, names in os.walk(folder) if inside else ():
            for name in sorted(names):
                if name.endswith((".html", ".txt", ".xml")):
                    yield folder, os.path.relpath(os.path.join(path, name), folder)


def unknown(compiled: Any, where: str) -> Iterator[str]:
    """Yield the static files that a template names by a literal and that the manifest lacks."""
    from django.contrib.staticfiles.storage import staticfiles_storage
    from django.templatetags.static import StaticNode

    for node in compiled.template.nodelist.get_nodes_by_type(StaticNode):
        name = node.path.var if isinstance(node.path.var, str) else ""
        try:
            if name and not node.path.filters:
                staticfiles_storage.url(name)
        except ValueError:
            yield f"{where}:{node.token.lineno}: names the static file {name}, which collectstatic does not find"


def first_page(top: str, host: str) -> tuple[list[str], list[str]]:
    """Ask for "/" where the databases are files of the scratch copy; return what is proven, and what fails."""
    from django.conf import settings
    from django.core.management import call_command
    from django.core.signals import got_request_exception
    from django.test import Client

    for values in settings.DATABASES.values():
        name = os.path.realpath(str(values.get("NAME", "")))
        if "sqlite" not in values.get("ENGINE", "") or not name.startswith(os.path.realpath(top) + os.sep):
            return ['"/" was not asked: its database is not in the repository (`rehearse --project` brings its own)'], []
        if not os.path.exists(name):
            call_command("migrate", verbosity=0, interactive=False)
    raised: list[str] = []

    def remember(**_: Any) -> None:
        kind, error, _trace = sys.exc_info()
        raised.append(f"{kind.__name__}: {error}" if kind else "")

    got_request_exception.connect(remember)
    answer = Client(raise_request_exception=False).get("/", follow=True, secure=True, HTTP_HOST=host)
    said = f'"/" answered {answer.status_code}'
    return ([], [": ".join([said, *raised[:1]])]) if answer.status_code >= 500 else ([said], [])
