"""What `init` cannot know or mend: a line for each, with file and line where there are some."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import PurePosixPath as Path

from .facts import Facts
from .host_files import DOMAIN, Names, is_plain
from .layout import Layout

# The settings that others' packages have for a manifest, whose default is in STATIC_ROOT.
_IMMUTABLE = "WHITENOISE_IMMUTABLE_FILE_TEST"
_PROXY = "SECURE_PROXY_SSL_HEADER"


def about_settings(layout: Layout, facts: Facts, at: Callable[[str], str]) -> Iterator[str]:
    """Yield what the settings lack for production; `at`: returns "file:line" of a name's last assignment."""
    if facts.debug:
        yield f"{at('DEBUG')}: DEBUG is on: production needs DEBUG = False (from the unit's environment, say)"
    if facts.debug_variable:
        yield f"{at('DEBUG')}: DEBUG is on unless {facts.debug_variable}=False is in the site's environment"
    if not facts.secret:
        yield f"{at('SECRET_KEY')}: SECRET_KEY is not set: read it from the environment"
    if facts.secret_file:
        where = str(Path(layout.settings_file).with_name(facts.secret_file))
        yield f"{ascii(where)[1:-1]}: SECRET_KEY stands in the code, and so in every image: read it from the environment"
    if not facts.allowed_hosts:
        yield f"{at('ALLOWED_HOSTS')}: ALLOWED_HOSTS is empty: name the site's domain"
    if facts.storage_error:
        yield f"{at('STORAGES')}: the storage of static files cannot be imported: {facts.storage_error}"
    elif not facts.local:
        yield f"{at('STORAGES')}: {facts.storage} keeps static files on no disk: it is left as it is, and `deploy` checks none"
    if facts.proxy_header and not is_plain(facts.proxy_header):
        yield f"{at(_PROXY)}: {_PROXY} cannot stand in nginx's files as it is: set its header in deploy/nginx/site.conf yourself"
    missing = [name for name in ("INSTALLED_APPS", "MIDDLEWARE") if name not in facts.own]
    if missing:
        lacking = " and no ".join(missing)
        yield f"{layout.settings_file}: has no {lacking} of its own (settings in classes?): add the lines by hand"
    if facts.immutable_test:
        yield f"{at(_IMMUTABLE)}: {_IMMUTABLE} decides which files browsers keep for ever: it must name hashed names alone"
    yield from _disks(facts, at)


def _disks(facts: Facts, at: Callable[[str], str]) -> Iterator[str]:
    for alias, (engine, file) in facts.databases.items():
        if "sqlite" in engine and file:
            yield f"{at('DATABASES')}: {alias} is SQLite on a local disk: lost with each instance. Use a database server (RDS)"
    if facts.media_root:
        yield f"{at('MEDIA_ROOT')}: uploads on a local disk are lost with each instance: use the shared disk, or S3"


def about_urls(layout: Layout, urlconf: str) -> str:
    """Say what the root URLconf needs where it is no file that can be changed; `urlconf`: its module, or ""."""
    name = ascii(urlconf)[1:-1] or "(none)"
    return (
        f"{layout.settings_file}: ROOT_URLCONF {name} is no file of this repository: make it one whose urlpatterns"
        f' begin with path("health/", ApplicationStatus.as_view()), from {layout.package}.health'
    )


def about_names(names: Names) -> Iterator[str]:
    """Yield what only the operator knows."""
    keys = ["aws.region", "groups", "ssh.user"] + (["app.domain"] if names.domain == DOMAIN else [])
    yield f"fabric.yaml: {', '.join(keys)}: fill in"
    if names.variables:
        wanted, file = ", ".join(names.variables), f"/srv/{names.site}/{names.site}.env"
        yield f"deploy/systemd/{names.server}.service: the settings need {wanted}: {file} on every host"
