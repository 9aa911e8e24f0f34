"""Somebody's site as a project of the rehearsal: its first image is a host on which the old release serves already."""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath
from shlex import quote
from textwrap import shorten
from typing import Any
from urllib.parse import urlsplit

import yaml

from ..host_kinds import PROCESSES, Kind
from ..project import HEADER
from ..site import repository as shop
from . import databases, units
from .commands import run
from .prepare import Prepared

PROGRAMS = Path(__file__).parents[1] / "site/anyone"
TOOLS = ("uv", "poetry", "pdm", "pipenv", "npm", "pnpm", "yarn", "node")
# What the operator's own fabric.yaml says of the host, which is another here: its unit has the whole environment.
_OF_THE_HOST = {
    "directory",
    "virtualenv",
    "services",
    "domain",
    "port",
    "boot_timeout",
    "health_path",
    "branch",
    "environment_file",
}
WIDTH = 100  # of a command that is named
PER_HOST = "rehearsal"  # the folder on the disk with our two modules
# What a rehearsal sets itself: an environment file wins over what a unit says (systemd.exec(5)), and would lead to the real site.
_OURS = {"DJANGO_SETTINGS_MODULE", "PYTHONPATH"}
# Anywhere else than in a folder, the static files would be written to the real place.
_ON_DISK = """
import sys
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.files.storage import FileSystemStorage
if not isinstance(staticfiles_storage, FileSystemStorage):
    sys.exit("STORAGES: staticfiles are kept elsewhere than in a folder, where a rehearsal must not write")
"""


@dataclass(frozen=True)
class Existing:
    """A prepared repository in a folder."""

    top: Path
    prepared: Prepared
    serves: bool = True
    tells: str = HEADER

    @cached_property
    def facts(self) -> Mapping[str, Any]:
        """What `init` has recorded of the project."""
        found: dict[str, Any] = json.loads((self.tree / ".ramped/project.json").read_text(encoding="utf-8"))
        return found

    @cached_property
    def settings(self) -> Mapping[str, Any]:
        """The new release's fabric.yaml."""
        found: dict[str, Any] = yaml.safe_load((self.tree / "fabric.yaml").read_text(encoding="utf-8"))
        return found

    @property
    def tree(self) -> Path:
        """The new release."""
        return self.top / self.prepared.name

    @property
    def domain(self) -> str:
        """The host name of its fabric.yaml."""
        return str(self.settings["app"]["domain"])

    @property
    def files_host(self) -> str:
        """The host of its STATIC_URL, if that is an address."""
        return urlsplit(str(self.facts.get("static_url", ""))).hostname or ""

    @property
    def pages(self) -> tuple[str, ...]:
        """Where a crawl begins: "/" and what fabric.yaml names."""
        named = (page["path"] if isinstance(page, Mapping) else page for page in self.settings["app"].get("pages") or ())
        return tuple(dict.fromkeys(["/", *named]))

    def releases(self, top: Path) -> tuple[str, str]:
        """Return the revisions that were prepared."""
        return self.prepared.old, self.prepared.new

    def app(self, kind: Kind) -> Mapping[str, Any]:
        """Return what its fabric.yaml says of the site."""
        own = {key: value for key, value in self.settings["app"].items() if key not in _OF_THE_HOST}
        return own | {"deep_health_path": f"/health_check/{self.domain}/deep"}

    def static(self, endpoints: Mapping[str, Any], distribution: str) -> Mapping[str, Any]:
        """Return the path of its static files; they come through the load balancer."""
        return {"url": urlsplit(self.settings["static"]["url"]).path}

    def hosts(self) -> Mapping[str, Any]:
        """Return what nginx does: the path of its health middleware, unread requests again, its own headers for https."""
        return {"health_path": "/health/ready/", "again": True, "secure": self.facts["secure_headers"]}

    def parts(self, address: str) -> Sequence[tuple[str, Sequence[str]]]:
        """Return what has to run beside the hosts: a database server, if the site has one."""
        return databases.parts(self.facts["databases"], self.top, address)

    def disk(self, top: Path, shared: Path, endpoints: Mapping[str, Any]) -> Path:
        """Set the old release up as a person does: checkout, environment, migrate, collectstatic; raises Refusal."""
        disk = top / "base"
        (disk / "systemd").mkdir(parents=True)
        run("git", "clone", "--quiet", shop.origin_of(top), disk / "app", cwd=top)
        (disk / "app/REVISION").unlink(missing_ok=True)  # a link of that name leads anywhere
        (disk / "app/REVISION").write_text(f"{self.prepared.old}\n", encoding="utf-8")
        (top / "old-venv").rename(disk / "venv")
        shutil.copytree(PROGRAMS, disk / PER_HOST, ignore=shutil.ignore_patterns("__pycache__"))
        self._write_host(disk, shared, endpoints)
        databases.bring(self.facts["databases"], self.prepared.database, shared, disk / "app", self.tree)
        for command in self.first_steps(str(disk / "venv")):
            say_step(command)
            self._run(disk / "venv", disk / "app", disk, *command)
        return disk

    def first_steps(self, venv: str) -> Iterator[Sequence[str]]:
        """Yield the commands that build and migrate the old release in its checkout; `venv`: its virtual environment."""
        yield from (("sh", "-c", command) for command in (*self.prepared.install, *self.prepared.build))
        manage = (f"{venv}/bin/python", self.facts["manage"])
        for alias in self.settings["app"].get("databases", ["default"]):
            yield *manage, "migrate", "--noinput", "--verbosity=0", f"--database={alias}"
        yield from (("sh", "-c", command) for command in self.prepared.fill)
        yield *manage, "shell", "-c", _ON_DISK
        yield *manage, "collectstatic", "--noinput", "--verbosity=0"
        yield from (("sh", "-c", command) for command in self.settings["app"].get("after_collectstatic") or [])

    def manage(self, venv: Path, tree: Path, disk: Path, *arguments: str) -> str:
        """Run a management command of a release as the site's unit would; raises Refusal."""
        return self._run(venv, tree, disk, venv / "bin/python", self.facts["manage"], *arguments)

    def _run(self, venv: Path, tree: Path, disk: Path, *command: str | Path) -> str:
        environment = {
            "PATH": os.pathsep.join([f"{venv}/bin", f"{disk}/.local/bin", os.environ["PATH"]]),
            "VIRTUAL_ENV": str(venv),
            "UV_PROJECT_ENVIRONMENT": str(venv),
            "HOME": str(disk),
            "PYTHONDONTWRITEBYTECODE": "1",
            **self.variables(),
            "DJANGO_SETTINGS_MODULE": "rehearsal_settings",
            "PYTHONPATH": self.python_path(str(disk / PER_HOST), str(tree)),
            "REHEARSAL_SETTINGS": self.facts["settings"],
            "REHEARSAL_VALUES": str(disk / PER_HOST / "values.json"),
        }
        return run(*command, cwd=tree, env=environment, what=" ".join(map(str, command[1:4])))

    def variables(self) -> dict[str, str]:
        """Return what the settings need of the environment: placeholders, and what was given, except what we set ourselves."""
        given = {**self.facts["variables"], **self.prepared.environment}
        return {name: value for name, value in given.items() if name not in _OURS}

    def python_path(self, modules: str, checkout: str, written: Callable[[str], str] = str) -> str:
        """Return PYTHONPATH with our modules before what the site has there.

        Args: modules: their folder. checkout: the site's. written: how a name stands where it is used.
        """
        return os.pathsep.join([modules, *(f"{checkout}/{written(name)}" for name in self.facts["python_path"])])

    def values(self, shared: PurePath, endpoints: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what `rehearsal_settings` has in place of production's; `shared`: where a host has what all share."""
        engines = self.facts["databases"].items()
        return {
            "static_root": str(shared / "static"),
            "media_root": str(shared / "media"),
            "domain": self.domain,
            "databases": {alias: databases.settings(alias, engine, shared, endpoints) for alias, (engine, _) in engines},
        }

    def _write_host(self, disk: Path, shared: Path, endpoints: Mapping[str, Any]) -> None:
        for name in ("static", "media", "database"):
            (shared / name).mkdir()
        (disk / PER_HOST / "values.json").write_text(json.dumps(self.values(shared, endpoints)), encoding="utf-8")
        (disk / "site.env").write_text(environment_file(self.variables()), encoding="utf-8")
        (disk / "site.env").chmod(0o600)
        path = self.python_path(f"%h/{PER_HOST}", "%h/app", units.quoted)
        unit = units.service(self.prepared.name, self.facts, PER_HOST, path, disk / "venv")
        (disk / f"systemd/{PROCESSES.unit}").write_text(unit, encoding="utf-8")
        shutil.copy(shop.UNITS["socket"] / "shop.socket", disk / "systemd/shop.socket")
        _link_tools(disk / ".local/bin", self.prepared.tools)
        (disk / ".config/pip").mkdir(parents=True)
        (disk / ".config/pip/pip.conf").write_text(self.prepared.pip, encoding="utf-8")


def say_step(command: Sequence[str]) -> None:
    """Print which command sets the old release up: a build or an empty database may take minutes."""
    shown = command[2].splitlines()[0] if command[0] == "sh" else " ".join(command[1:3])
    print(f"rehearsal: the old release: {shorten(shown, WIDTH, placeholder='...')}", flush=True)


def _link_tools(folder: Path, variables: Mapping[str, str]) -> None:
    """Let a host find the tools of this machine that install and build: its PATH is that of the system.

    `variables`: where they find packages and certificates, of which a host's environment has nothing.
    """
    folder.mkdir(parents=True)
    for name in TOOLS:
        if found := shutil.which(name):
            given = "".join(f"{key}={quote(value)} " for key, value in variables.items())
            (folder / name).write_text(f'#!/bin/sh\n{given}exec {quote(str(Path(found).resolve()))} "$@"\n', encoding="utf-8")
            (folder / name).chmod(0o700)


def environment_file(variables: Mapping[str, str]) -> str:
    """Return variables as an environment file of systemd."""
    return "".join(f"{name}={_quoted(value)}\n" for name, value in variables.items())


def _quoted(value: str) -> str:
    """Return a value for an environment file of systemd."""
    if re.fullmatch(r"[\w@%+=:,./-]*", value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$").replace("`", "\\`")
    return f'"{escaped}"'
