"""What `init` would have in a project: the files of ours and the blocks in the project's own, as texts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from shlex import quote

from ...decisions.setup import left, texts, vite
from ...decisions.setup.blocks import without
from ...decisions.setup.build_setting import build_setting
from ...decisions.setup.build_steps import Steps, build_steps, is_description, left_to_build
from ...decisions.setup.facts import Facts
from ...decisions.setup.host_files import filled, in_yaml, nginx, secure_headers, settings_file, unit
from ...decisions.setup.settings_block import SITE_STORAGE, settings_block, site_storage, storage_name
from ...decisions.setup.source import has_star, line_of
from ...hosts.shell.scripts.dependencies import npm
from .project import Project, Wanted, record_of
from .requirements import install_commands, require
from .writing import File

_SERVERS = ("gunicorn", "uvicorn", "uwsgi")
_PACKAGE_NOTE = (
    '"""The drop-ins of ramped, for deployments in which two releases serve side by side; `ramped init` updates them."""\n'
)


def wanted(project: Project, snippets: Path) -> Wanted:
    """Return everything that a project should have."""
    found = Wanted(left=project.path.left)
    found.files.update(_drop_ins(project, snippets / "django"))
    found.files.update(_host_files(project, snippets))
    _ignore(project, found)
    require(project, found)
    _fabric(project, snippets, found)
    if project.facts:
        _settings(project, project.facts, found)
        found.files[".ramped/project.json"] = File(_record(project, project.facts))
    return found


def _record(project: Project, facts: Facts) -> str:
    """Return what `rehearse --project` needs to know of a project."""
    layout = project.layout
    known = {
        "manage": layout.manage,
        "settings": layout.settings,
        "server": project.names.server,
        "application": project.names.application,
        "static_url": facts.static_url,
        "secure_headers": secure_headers(facts.proxy_header),
        "databases": {
            alias: [engine, _inside(project.scratch, file) if file else ""] for alias, (engine, file) in facts.databases.items()
        },
        "variables": dict(project.placeholders),
        "python_path": list(project.path.folders),
    }
    return json.dumps(known, indent=2) + "\n"


def _drop_ins(project: Project, folder: Path) -> Iterator[tuple[str, File]]:
    target = project.layout.folder
    yield f"{target}/__init__.py", File(_PACKAGE_NOTE)
    names = ["local_manifest_storage.py", "health.py", "health_middleware.py"]
    packages = (path for name in ("migration_rules", "management") for path in (folder / name).rglob("*.py"))
    names += sorted(str(path.relative_to(folder)) for path in packages)
    for name in names:
        yield f"{target}/{name}", File((folder / name).read_text(encoding="utf-8"))
    if project.facts and storage_name(project.layout, project.facts).endswith(SITE_STORAGE):
        yield f"{target}/{SITE_STORAGE.partition('.')[0]}.py", File(site_storage(project.facts))


def _host_files(project: Project, snippets: Path) -> Iterator[tuple[str, File]]:
    names = project.names
    header = project.facts.proxy_header if project.facts else []
    conf = "site-asgi.conf" if names.server == "uvicorn" else "site.conf"
    yield "deploy/nginx/site.conf", File(nginx((snippets / "nginx" / conf).read_text(encoding="utf-8"), names, header))
    for path in sorted(path for path in (snippets / "systemd").iterdir() if path.is_file()):
        if path.stem in _SERVERS and path.stem != names.server:
            continue
        text = path.read_text(encoding="utf-8")
        changed = unit(text, names, project.layout.source) if path.name == f"{names.server}.service" else filled(text, names)
        yield f"deploy/systemd/{path.name}", File(changed, path.stat().st_mode & 0o777)


def _fabric(project: Project, snippets: Path, found: Wanted) -> None:
    layout, repository = project.layout, project.repository
    facts = project.facts
    requirements = texts.requirements_files([*repository.names, *found.files])
    steps = _steps(project)
    found.built = bool(steps.commands) or npm(str(repository.top))
    current, base = repository.own("fabric.yaml"), repository.text(record_of("fabric.yaml"))
    build = build_setting(steps, current, base)
    values: dict[str, str | Sequence[str]] = {
        "app.directory": f"/srv/{project.names.site}/app",
        "app.virtualenv": f"/srv/{project.names.site}/venv",
        "app.branch": repository.branch(),
        "app.manage": layout.manage,
        # Left as it is where a lock file installs the site.
        **({} if not requirements and list(texts.lock_files(repository.names)) else {"app.requirements": requirements}),
        **({"app.install": install} if (install := install_commands(repository.names)) else {}),
        **({"app.build": build.commands} if build.commands else {}),
        **(
            {"app.after_collectstatic": [f"python {quote(layout.manage)} compress --force"]} if facts and facts.compressed else {}
        ),
        "app.databases": list(facts.databases) if facts else ["default"],
        "app.services": [f"{project.names.server}.service"],
        "app.domain": project.names.domain,
        "app.deep_health_path": f"/health_check/{project.names.domain}/deep",
        "static.url": _url_of(facts.static_url) if facts else "/static/",
        "health_check.draining_file": f"/run/{project.names.site}/draining",
    }
    text = (snippets / "fabric.yaml").read_text(encoding="utf-8")
    found.files["fabric.yaml"] = File(settings_file(text, {path: in_yaml(value) for path, value in values.items()}))
    found.left += [build.says] if build.says else []
    if current in (None, base):
        found.left += left.about_names(project.names)
        packages = repository.texts([name for name in repository.names if Path(name).name == "package.json"])
        found.left += left_to_build(repository.names, packages, steps.commands)


def _steps(project: Project) -> Steps:
    """Return the commands that build the project, as its own files have them."""
    repository = project.repository
    described = repository.texts([name for name in repository.names if is_description(name)])
    apps = project.facts.apps if project.facts else []
    return build_steps(described, project.layout.manage, apps, npm(str(repository.top)))


def _url_of(url: str) -> str:
    """Return STATIC_URL as fabric.yaml has it: an address on another host as it is."""
    return url if url.startswith("/") or "://" in url else f"/{url}"


def _ignore(project: Project, found: Wanted) -> None:
    # Where the block of the settings has django-compressor keep its manifest.
    more = ["/.compress/"] if project.facts and project.facts.compressed else []
    if missing := texts.not_ignored(project.repository.own(".gitignore") or "", more):
        found.blocks[".gitignore"] = texts.ignore_block(missing)


def _settings(project: Project, facts: Facts, found: Wanted) -> None:
    layout, repository = project.layout, project.repository
    found.left += left.about_settings(layout, facts, _lines(project))
    found.left += [
        f"{name}: references a static file that is not there; the reference is left as it is" for name in project.leave
    ]
    if {"INSTALLED_APPS", "MIDDLEWARE"} <= set(facts.own):
        configs = repository.texts([name for name in repository.names if vite.is_config(name)])
        manifests = vite.manifests(facts, str(project.scratch), list(configs.values()))
        found.left += vite.left(facts, manifests, _lines(project)(vite.SETTING))
        found.blocks[layout.settings_file] = settings_block(layout, facts, str(project.scratch), project.leave, manifests)
        _urls(project, facts, found)


def _urls(project: Project, facts: Facts, found: Wanted) -> None:
    """Add the health view to the root URLconf; where that is no file of the repository, say what to add."""
    urls = _inside(project.scratch, facts.urls_file)
    text = project.repository.text(urls) if urls else None
    if text is None:
        found.left.append(left.about_urls(project.layout, facts.urlconf))
    elif not texts.has_health(text):
        found.blocks[urls] = texts.urls_block(project.layout, has_star(without(text)))


def _lines(project: Project) -> Callable[[str], str]:
    """Return a function that finds the last assignment of a name: in the settings that serve, or beside them."""
    layout, repository = project.layout, project.repository
    folder = str(Path(layout.settings_file).parent)
    beside = [name for name in repository.names if name.endswith(".py") and str(Path(name).parent) == folder]
    every: Mapping[str, str] = repository.texts([layout.settings_file, *beside])

    def at(name: str) -> str:
        for file, text in every.items():
            if line := line_of(text, name):
                return f"{file}:{line}"
        return layout.settings_file

    return at


def _inside(top: Path, path: str) -> str:
    return str(Path(path).relative_to(top)) if path and Path(path).is_relative_to(top) else ""
