"""The files of hosts, and fabric.yaml: our snippets with the names of a project."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from .facts import Facts
from .layout import Layout, is_module
from .texts import UWSGI

DOMAIN = "www.example.com"
_USUAL_HEADER = "X-Forwarded-Proto"
# gunicorn reads these as well (secure_scheme_headers), and answers 400 where two of the three seem to differ.
_OF_GUNICORN = {"X-Forwarded-Ssl", "X-Forwarded-Protocol"}
_OTHER_VALUE = """
# The value of SECURE_PROXY_SSL_HEADER; nginx sends no header with an empty value.
map $visitors_scheme $visitors_secure {
    default "";
    https   "%s";
}
"""


@dataclass(frozen=True)
class Names:
    """What a project is called on its hosts."""

    site: str  # user, group and folders
    domain: str
    server: str  # gunicorn, uvicorn or uwsgi
    application: str  # the module of WSGI or ASGI, with ":" and the name in it if that is not `application`
    settings: str  # the value of DJANGO_SETTINGS_MODULE that the unit has to give; "" where the application's own is right
    variables: tuple[str, ...]  # that the settings need


def names_of(project: str, layout: Layout, facts: Facts | None, variables: tuple[str, ...]) -> Names:
    """Return the names of a project; `project`: of its folder, `variables`: what its settings need of the environment."""
    hosts = [host.lstrip(".") for host in facts.allowed_hosts] if facts else []
    public = [host for host in hosts if re.fullmatch(r"(?:[a-z0-9-]+\.)+[a-z]{2,}", host)]
    versions = facts.versions if facts else {}
    asgi = _asgi(layout, facts) if facts else ""
    uwsgi = not UWSGI.isdisjoint(versions) and "gunicorn" not in versions
    return Names(
        site=site_of(project),
        domain=public[0] if public else DOMAIN,
        server="uvicorn" if asgi else "uwsgi" if uwsgi else "gunicorn",
        application=asgi or layout.application or "config.wsgi",
        settings="" if {layout.of_manage, layout.of_application} == {layout.settings} else layout.settings,
        variables=variables,
    )


def site_of(project: str) -> str:
    """Return what user, group and folders of a project are called; `project`: the name of its folder."""
    return re.sub(r"[^a-z0-9]+", "-", project.lower()).strip("-")[:24] or "site"


def _asgi(layout: Layout, facts: Facts) -> str:
    """Return the ASGI application of a site that is served by it; "" for a site that is served by WSGI.

    A site with ASGI_APPLICATION wants it, unless it has installed nothing but a server of WSGI.
    """
    able, other = facts.versions.keys() & {"uvicorn", "daphne", "hypercorn"}, facts.versions.keys() & {"gunicorn", *UWSGI}
    if not (able and (facts.asgi or not other)) and not (facts.asgi and not other):
        return ""
    module, _, name = facts.asgi.rpartition(".")
    named = module if name == "application" else f"{module}:{name}"
    return named if is_module(module) and name.isidentifier() else layout.asgi


def filled(text: str, names: Names) -> str:
    """Return a snippet of nginx, systemd or sudo with the project's names in it."""
    changed = text.replace(DOMAIN, names.domain)
    changed = re.sub(r"/srv/shop\b", f"/srv/{names.site}", changed)
    changed = re.sub(r"^(User|Group|RuntimeDirectory)=shop$", rf"\1={names.site}", changed, flags=re.MULTILINE)
    changed = changed.replace("/run/shop", f"/run/{names.site}")
    module, _, name = names.application.partition(":")
    changed = changed.replace("config.asgi:application", f"{module}:{name or 'application'}")
    changed = re.sub(r"\bconfig\.[aw]sgi\b", module, changed)
    return re.sub(r"\bgunicorn\.(service|socket)\b", rf"{names.server}.\1", changed) if names.server != "gunicorn" else changed


def unit(text: str, names: Names, source: str) -> str:
    """Return a service with the project's names, its folder and its environment."""
    changed = filled(text, names)
    if source != ".":
        changed = re.sub(r"^(WorkingDirectory=\S+)$", rf"\1/{source}", changed, count=1, flags=re.MULTILINE)
    lines = [f"Environment=DJANGO_SETTINGS_MODULE={names.settings}"] if names.settings else []
    if names.variables:
        lines += [
            f"# {', '.join(names.variables)}: a line NAME=VALUE each, readable by root, {names.site} and the user of `fab`.",
            f"EnvironmentFile=/srv/{names.site}/{names.site}.env",
        ]
    return changed.replace("ExecStart=", "\n".join([*lines, "ExecStart="]), 1) if lines else changed


def nginx(text: str, names: Names, header: Sequence[str]) -> str:
    """Return the configuration of nginx for a project.

    `header`: the one from which Django learns the scheme, as in META, and its value for HTTPS; () where there is none.
    """
    changed = filled(text, names)
    server = "uvicorn" if names.server == "uvicorn" else "gunicorn"
    changed = changed.replace(f"proxy_pass http://{server}/health/;", f"proxy_pass http://{server}/health/ready/;")
    changed = changed.replace(f"{server}.sock", f"{names.server}.sock")
    changed = re.sub(r"^    # (location = /health_check/\S+/deep \{.*\})$", r"    \1", changed, flags=re.MULTILINE)
    secure = secure_headers(header)
    for name in secure:
        changed = re.sub(rf'^ *proxy_set_header {name} "";\n', "", changed, flags=re.MULTILINE)
    others = [value for value in secure.values() if value not in ("", "https")]
    for value in others:
        changed = re.sub(r"^map [^\n]* \$visitors_scheme \{.*?^\}\n", rf"\g<0>{_OTHER_VALUE % value}", changed, flags=re.M | re.S)
    always = {name: value or '""' for name, value in secure.items()}
    visitors = {"https": "$visitors_scheme", "": '""', **dict.fromkeys(others, "$visitors_secure")}
    for now, then in (("https", always), ("$visitors_scheme", {name: visitors[value] for name, value in secure.items()})):
        lines = "\n".join(rf"\1proxy_set_header {name} {value};" for name, value in then.items())
        changed = re.sub(rf"^( *)proxy_set_header {_USUAL_HEADER} {re.escape(now)};$", lines, changed, flags=re.MULTILINE)
    return changed


def secure_headers(header: Sequence[str]) -> dict[str, str]:
    """Return the headers by which nginx says to the site that a request came by HTTPS; "": it sends none of that name.

    `header`: SECURE_PROXY_SSL_HEADER of the settings; what cannot stand in a configuration of nginx is not taken.
    """
    if not is_plain(header):
        return {_USUAL_HEADER: "https"}
    name = "-".join(part.capitalize() for part in header[0].removeprefix("HTTP_").split("_"))
    return {_USUAL_HEADER: "" if name in _OF_GUNICORN else "https", name: header[1]}


def is_plain(header: Sequence[str]) -> bool:
    """Return whether a header's name, as in META, and its value can stand in a configuration of nginx as they are."""
    return len(header) == 2 and bool(re.fullmatch("HTTP_[A-Z0-9_]+", header[0]) and re.fullmatch(r"[\w.-]+", header[1], re.ASCII))


def in_yaml(value: str | Sequence[str]) -> str:
    """Return a text, or a list of texts, as YAML of one line, quoted where it would mean anything else."""
    if not isinstance(value, str):
        return f"[{', '.join(map(in_yaml, value))}]"
    plain = re.fullmatch(r"[A-Za-z/][A-Za-z0-9_./-]*", value) and yaml.safe_load(value) == value
    return value if plain else yaml.safe_dump(value, default_style='"', width=float("inf")).strip()


def value_in(text: str | None, section: str, key: str) -> Any:
    """Return a value of a fabric.yaml; None where it is null, is not there, or cannot be read."""
    try:
        return (yaml.safe_load(text or "") or {})[section][key]
    except (yaml.YAMLError, ValueError, KeyError, TypeError):
        return None


def settings_file(text: str, values: Mapping[str, str]) -> str:
    """Return fabric.yaml with values in place of the example's.

    Args: text: the example. values: YAML of one line by dotted path, such as "app.domain". Raises KeyError for a path that the
    example lacks.
    """
    lines, section, done = text.splitlines(), "", set()
    kept: list[str] = []
    skipping = False
    for line in lines:
        if skipping and line.lstrip().startswith("- "):
            continue
        skipping = False
        if top := re.match(r"([a-z_]+):", line):
            section = top[1]
        key = re.match(r"  ([a-z_]+):", line)
        path = f"{section}.{key[1]}" if key else section if top else ""
        if path in values and path not in done:
            indent = "  " if key else ""
            line = f"{indent}{path.rpartition('.')[2]}: {values[path]}"
            done.add(path)
            skipping = True
        kept.append(line)
    if missing := values.keys() - done:
        raise KeyError(f"the example has no {', '.join(sorted(missing))}")
    return "\n".join(kept) + "\n"
