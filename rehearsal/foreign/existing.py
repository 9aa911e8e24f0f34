"""Somebody's site as a project of the rehearsal: its first image is a host on which the old release serves already."""

import json
import os
import re
import shutil
import sqlite3
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from ..host_kinds import PROCESSES, Kind
from ..project import HEADER
from ..sandbox import Refusal
from ..site import repository as shop
from .commands import git, run
from .prepare import PREPARED, Prepared

PROGRAMS = Path(__file__).parents[1] / "site/anyone"
TOOLS = ("uv", "poetry", "pdm", "pipenv", "npm", "node")
SQLITE, POSTGRESQL = "sqlite", "postgresql"
# What the operator's own fabric.yaml says of the host, which is another here.
_OF_THE_HOST = {"directory", "virtualenv", "services", "domain", "port", "boot_timeout", "health_path", "branch"}
_PER_HOST = "rehearsal"  # the folder on the disk with our two modules
# Anywhere else than in a folder, the static files would be written to the real place.
_ON_DISK = """
import sys
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.files.storage import FileSystemStorage
if not isinstance(staticfiles_storage, FileSystemStorage):
    sys.exit("STORAGES: staticfiles are kept elsewhere than in a folder, where a rehearsal must not write")
"""
UNIT = """\
# {name} on a host of the rehearsal; for a real machine see deploy/systemd.
[Unit]
Description={name} (gunicorn)
Requires=shop.socket
After=network.target shop.socket

[Service]
Type=notify
NotifyAccess=main
WorkingDirectory=%h/app/{source}
EnvironmentFile=%h/site.env
Environment=DJANGO_SETTINGS_MODULE=rehearsal_settings PYTHONPATH=%h/{programs} REHEARSAL_CHECKOUT=%h/app
Environment=REHEARSAL_SETTINGS={settings} REHEARSAL_VALUES=%h/{programs}/values.json REHEARSAL_APPLICATION={application}
ExecStart=%h/venv/bin/python -m gunicorn --worker-class gthread --workers 2 --threads 4 --graceful-timeout 20 \
--timeout 90 {no_socket}rehearsal_wsgi
ExecReload=/bin/kill -s HUP $MAINPID
KillMode=mixed
TimeoutStopSec=30
Restart=on-failure

[Install]
WantedBy=multi-user.target
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
    def pages(self) -> tuple[str, ...]:
        """Where a crawl begins: "/" and what fabric.yaml names."""
        return tuple(dict.fromkeys(["/", *self.settings["app"].get("pages", [])]))

    @property
    def source(self) -> str:
        """The folder of manage.py."""
        return str(Path(self.facts["manage"]).parent)

    def releases(self, top: Path) -> tuple[str, str]:
        """Return the revisions that were prepared."""
        return self.prepared.old, self.prepared.new

    def app(self, kind: Kind) -> Mapping[str, Any]:
        """Return what its fabric.yaml says of the site."""
        own = {key: value for key, value in self.settings["app"].items() if key not in _OF_THE_HOST}
        return own | {"deep_health_path": f"/health_check/{self.domain}/deep"}

    def static(self, endpoints: Mapping[str, Any], distribution: str) -> Mapping[str, Any]:
        """Return the path of its static files; they come through the load balancer."""
        return {"url": self.settings["static"]["url"]}

    def hosts(self) -> Mapping[str, Any]:
        """Return the path that its health middleware answers."""
        return {"health_path": "/health/ready/"}

    def parts(self) -> Sequence[tuple[str, Sequence[str]]]:
        """Return what has to run beside the hosts: a database server, if the site has one."""
        if not any(POSTGRESQL in engine or "postgis" in engine for engine, _ in self.facts["databases"].values()):
            return ()
        module = f"{__package__}.postgresql"
        aliases = ",".join(self.facts["databases"])
        return (("PostgreSQL", [sys.executable, "-m", module, "--folder", str(self.top / "postgresql"), "--names", aliases]),)

    def disk(self, top: Path, shared: Path, endpoints: Mapping[str, Any]) -> Path:
        """Set the old release up as a person does: checkout, environment, migrate, collectstatic; raises Refusal."""
        disk = top / "base"
        (disk / "systemd").mkdir(parents=True)
        run("git", "clone", "--quiet", shop.origin_of(top), disk / "app", cwd=top)
        (disk / "app/REVISION").unlink(missing_ok=True)  # a link of that name leads anywhere
        (disk / "app/REVISION").write_text(f"{self.prepared.old}\n", encoding="utf-8")
        (top / "old-venv").rename(disk / "venv")
        shutil.copytree(PROGRAMS, disk / _PER_HOST, ignore=shutil.ignore_patterns("__pycache__"))
        self._write_host(disk, shared, endpoints)
        self._bring_databases(disk, shared)
        aliases = self.settings["app"].get("databases", ["default"])
        for command in self.prepared.build:
            self._run(disk / "venv", disk / "app", disk, "sh", "-c", command)
        for alias in aliases:
            self.manage(disk / "venv", disk / "app", disk, "migrate", "--noinput", "--verbosity=0", f"--database={alias}")
        self.manage(disk / "venv", disk / "app", disk, "shell", "-c", _ON_DISK)
        self.manage(disk / "venv", disk / "app", disk, "collectstatic", "--noinput", "--verbosity=0")
        for command in self.settings["app"].get("after_collectstatic") or []:
            self._run(disk / "venv", disk / "app", disk, "sh", "-c", command)
        return disk

    def manage(self, venv: Path, tree: Path, disk: Path, *arguments: str) -> str:
        """Run a management command of a release as the site's unit would; raises Refusal."""
        return self._run(venv, tree, disk, venv / "bin/python", self.facts["manage"], *arguments)

    def _run(self, venv: Path, tree: Path, disk: Path, *command: str | Path) -> str:
        environment = {
            "PATH": f"{venv}/bin{os.pathsep}{os.environ['PATH']}",
            "VIRTUAL_ENV": str(venv),
            "UV_PROJECT_ENVIRONMENT": str(venv),
            "HOME": str(disk),
            "PYTHONDONTWRITEBYTECODE": "1",
            **self._variables(),
            "DJANGO_SETTINGS_MODULE": "rehearsal_settings",
            "PYTHONPATH": str(disk / _PER_HOST),
            "REHEARSAL_SETTINGS": self.facts["settings"],
            "REHEARSAL_VALUES": str(disk / _PER_HOST / "values.json"),
        }
        return run(*command, cwd=tree, env=environment, what=" ".join(map(str, command[1:4])))

    def _variables(self) -> dict[str, str]:
        return {**self.facts["variables"], **self.prepared.environment}

    def _write_host(self, disk: Path, shared: Path, endpoints: Mapping[str, Any]) -> None:
        for name in ("static", "media", "database"):
            (shared / name).mkdir()
        values = {
            "static_root": str(shared / "static"),
            "media_root": str(shared / "media"),
            "domain": self.domain,
            "databases": {alias: self._database(alias, engine, shared, endpoints) for alias, (engine, _) in self._databases()},
        }
        (disk / _PER_HOST / "values.json").write_text(json.dumps(values), encoding="utf-8")
        lines = (f"{name}={_quoted(value)}\n" for name, value in self._variables().items())
        (disk / "site.env").write_text("".join(lines), encoding="utf-8")
        (disk / "site.env").chmod(0o600)
        unit = UNIT.format(
            name=self.prepared.name,
            source="" if self.source == "." else self.source,
            settings=self.facts["settings"],
            application=f"{self.facts['application']}:application",
            programs=_PER_HOST,
            no_socket=_no_control_socket(disk / "venv"),
        )
        (disk / f"systemd/{PROCESSES.unit}").write_text(unit, encoding="utf-8")
        shutil.copy(shop.UNITS["socket"] / "shop.socket", disk / "systemd/shop.socket")
        _link_tools(disk / ".local/bin")
        (disk / ".config/pip").mkdir(parents=True)
        (disk / ".config/pip/pip.conf").write_text(self.prepared.pip, encoding="utf-8")

    def _databases(self) -> list[tuple[str, tuple[str, str]]]:
        return [(alias, (engine, file)) for alias, (engine, file) in self.facts["databases"].items()]

    def _database(self, alias: str, engine: str, shared: Path, endpoints: Mapping[str, Any]) -> Mapping[str, Any]:
        if SQLITE in engine:
            # Readers and a writer of several hosts at once: they share the file as they would share a database server.
            return {"NAME": str(shared / f"database/{alias}.sqlite3"), "OPTIONS": {"timeout": 20}}
        if POSTGRESQL in engine or "postgis" in engine:
            server = endpoints["postgresql"]
            options = {"connect_timeout": 5}
            return {"NAME": alias, "HOST": server["host"], "PORT": "", "USER": server["user"], "PASSWORD": "", "OPTIONS": options}
        raise Refusal(f"the database {alias} is {engine}: a rehearsal has SQLite and PostgreSQL")

    def _bring_databases(self, disk: Path, shared: Path) -> None:
        """Make the files of SQLite, that of the project's development copied if the old release knows all of its migrations."""
        for alias, (engine, file) in self._databases():
            if SQLITE not in engine:
                continue
            target = shared / f"database/{alias}.sqlite3"
            own = self.prepared.database if file and self.prepared.database.endswith(file) else ""
            if own:
                # Copied as files: even a reader of it would write files beside it.
                for end in ("", "-wal"):
                    if Path(f"{own}{end}").is_file():
                        shutil.copyfile(f"{own}{end}", f"{target}{end}")
                if self._unknown(disk, target):
                    target.unlink()
            with closing(sqlite3.connect(target)) as made:
                # It stays in the file: readers do not wait for a writer.
                made.execute("PRAGMA journal_mode=WAL")

    def _unknown(self, disk: Path, database: Path) -> bool:
        """Return whether a database has migrations that the old release does not know: it is that of a later one."""
        with closing(sqlite3.connect(database)) as connection:
            try:
                applied = set(connection.execute("SELECT app, name FROM django_migrations"))
            except sqlite3.DatabaseError:
                return True
        files = git(disk / "app", "ls-files", "*/migrations/*.py").splitlines()
        later = set(git(self.tree, "ls-files", "*/migrations/*.py").splitlines()) - set(files)
        return any((Path(name).parents[1].name, Path(name).stem) in applied for name in later)


def load(top: Path) -> Existing:
    """Return the project that `prepare` has put into a folder."""
    return Existing(top, Prepared(**json.loads((top / PREPARED).read_text(encoding="utf-8"))))


def _link_tools(folder: Path) -> None:
    """Let a host find the tools of this machine that install and build: its PATH is that of the system."""
    folder.mkdir(parents=True)
    for name in TOOLS:
        if found := shutil.which(name):
            (folder / name).symlink_to(Path(found).resolve())


def _quoted(value: str) -> str:
    """Return a value for an environment file of systemd."""
    if re.fullmatch(r"[\w@%+=:,./-]*", value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$").replace("`", "\\`")
    return f'"{escaped}"'


def _no_control_socket(venv: Path) -> str:
    """Return the option that gunicorn 25.1 and later need for no control socket; "" for an older one."""
    found = sorted(venv.glob("lib/python*/site-packages/gunicorn-*.dist-info"))
    version = found[-1].name.removeprefix("gunicorn-").removesuffix(".dist-info") if found else "0"
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    return "--no-control-socket " if numbers >= (25, 1) else ""
