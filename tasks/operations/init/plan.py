"""What `init` would have in a project: the files of ours and the blocks in the project's own, as texts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ...decisions.setup import left, texts
from ...decisions.setup.blocks import without
from ...decisions.setup.facts import Facts, placeholder
from ...decisions.setup.host_files import Names, filled, nginx, settings_file, unit
from ...decisions.setup.layout import Layout
from ...decisions.setup.settings_block import SITE_STORAGE, settings_block, site_storage, storage_name
from ...decisions.setup.source import line_of
from .repository import Repository
from .writing import File

_SERVERS = ("gunicorn", "uvicorn", "uwsgi")
_PACKAGE_NOTE = (
    '"""The drop-ins of ramped, for deployments in which two releases serve side by side; `ramped init` updates them."""\n'
)


BASE = ".ramped/base"  # what `init` wrote last, from which it knows what was changed by hand


def record_of(name: str, kind: str = "base") -> str:
    """Return where it is recorded what `init` wrote last into a file; `kind`: base, or block."""
    return f"{BASE}/{name}.{kind}"


@dataclass
class Wanted:
    """Texts by name of file: whole files, and blocks; `left`: what is left to do."""

    files: dict[str, File] = field(default_factory=dict)
    blocks: dict[str, str] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Project:
    """What is known about a project; `facts`: None where its settings could not be loaded."""

    repository: Repository
    scratch: Path  # the copy in which the facts were found
    layout: Layout
    facts: Facts | None
    names: Names
    leave: tuple[str, ...] = ()  # static files whose broken references stay as they are


def wanted(project: Project, snippets: Path) -> Wanted:
    """Return everything that a project should have."""
    found = Wanted()
    found.files.update(_drop_ins(project, snippets / "django"))
    found.files.update(_host_files(project, snippets))
    _ignore(project, found)
    _requirements(project, found)
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
        "application": layout.application,
        "databases": {
            alias: [engine, _inside(project.scratch, file) if file else ""] for alias, (engine, file) in facts.databases.items()
        },
        "variables": {name: placeholder(name) for name in project.names.variables},
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
    header = (project.facts.proxy_header or [""])[0] if project.facts else ""
    conf = "site-asgi.conf" if names.server == "uvicorn" else "site.conf"
    yield "deploy/nginx/site.conf", File(nginx((snippets / "nginx" / conf).read_text(encoding="utf-8"), names, header))
    for path in sorted((snippets / "systemd").iterdir()):
        if path.stem in _SERVERS and path.stem != names.server:
            continue
        text = path.read_text(encoding="utf-8")
        changed = unit(text, names, project.layout.source) if path.name == f"{names.server}.service" else filled(text, names)
        yield f"deploy/systemd/{path.name}", File(changed, path.stat().st_mode & 0o777)


def _fabric(project: Project, snippets: Path, found: Wanted) -> None:
    layout, repository = project.layout, project.repository
    facts = project.facts
    requirements = texts.requirements_files([*repository.names, *found.files])
    values = {
        "app.directory": f"/srv/{project.names.site}/app",
        "app.virtualenv": f"/srv/{project.names.site}/venv",
        "app.branch": repository.branch(),
        "app.manage": layout.manage,
        # Left as it is where a lock file installs the site.
        **(
            {}
            if not requirements and list(texts.lock_files(repository.names))
            else {"app.requirements": f"[{', '.join(requirements)}]"}
        ),
        **(
            {"app.after_collectstatic": json.dumps([f"python {layout.manage} compress --force"])}
            if facts and facts.compressed
            else {}
        ),
        "app.databases": f"[{', '.join(facts.databases if facts else ['default'])}]",
        "app.services": f"[{project.names.server}.service]",
        "app.domain": project.names.domain,
        "app.deep_health_path": f"/health_check/{project.names.domain}/deep",
        "static.url": _path_of(facts.static_url) if facts else "/static/",
        "health_check.draining_file": f"/run/{project.names.site}/draining",
    }
    text = (snippets / "fabric.yaml").read_text(encoding="utf-8")
    found.files["fabric.yaml"] = File(settings_file(text, values))
    if repository.text("fabric.yaml") in (None, repository.text(record_of("fabric.yaml"))):
        found.left += left.about_names(project.names)


def _path_of(url: str) -> str:
    """Return the path of STATIC_URL, which may be an address on another host."""
    host_and_path = url.partition("://")[2]
    return f"/{host_and_path.partition('/')[2]}" if host_and_path else url if url.startswith("/") else f"/{url}"


def _ignore(project: Project, found: Wanted) -> None:
    # Where the block of the settings has django-compressor keep its manifest.
    more = ["/.compress/"] if project.facts and project.facts.compressed else []
    if missing := texts.not_ignored(project.repository.own(".gitignore") or "", more):
        found.blocks[".gitignore"] = texts.ignore_block(missing)


def _requirements(project: Project, found: Wanted) -> None:
    repository = project.repository
    files = texts.requirements_files(repository.names)
    if not files:
        _without_requirements(project, found)
        return
    (file,) = files
    repository.own(file)
    every = repository.texts([name for name in repository.names if name.endswith((".txt", ".in"))])
    block_free = {name: without(text) for name, text in every.items()}
    lacking = texts.requirement_lines(texts.required(file, block_free))
    if not lacking:
        return
    if source := texts.compiled_of(every[file]):
        found.left.append(f"{source}: add {' and '.join(lacking)}, and compile {file} again")
    elif texts.hashed(every[file]):
        found.left.append(f"{file}: add {' and '.join(lacking)} with their hashes")
    else:
        found.blocks[file] = texts.requirements_block(lacking)


def _without_requirements(project: Project, found: Wanted) -> None:
    """Name what a lock file lacks, or write requirements.txt where nothing says what the site needs."""
    versions = project.facts.versions if project.facts else {}
    lacking = texts.requirement_lines(set(versions))
    if locks := list(texts.lock_files(project.repository.names)):
        name, command = locks[0]
        found.left += [f"{name}: {command} {' '.join(map(repr, lacking))}"] if lacking else []
    elif "pyproject.toml" in project.repository.names or "Pipfile" in project.repository.names:
        found.left.append("fabric.yaml: app.requirements: there is no requirements file: say how the site is installed")
    elif versions:
        lines = [f"django=={versions['django']}", *texts.requirement_lines(set())]
        found.files["requirements.txt"] = File("\n".join(lines) + "\n")


def _settings(project: Project, facts: Facts, found: Wanted) -> None:
    layout, repository = project.layout, project.repository
    found.left += left.about_settings(layout, facts, _lines(project))
    found.left += [
        f"{name}: references a static file that is not there; the reference is left as it is" for name in project.leave
    ]
    if {"INSTALLED_APPS", "MIDDLEWARE"} <= set(facts.own):
        found.blocks[layout.settings_file] = settings_block(layout, facts, str(project.scratch), project.leave)
        urls = _inside(project.scratch, facts.urls_file)
        text = repository.text(urls) if urls else None
        if text is not None and line_of(without(text), "urlpatterns") and not texts.has_health(text):
            found.blocks[urls] = texts.urls_block(layout)


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
