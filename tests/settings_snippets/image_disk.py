"""A disk of which an image is to be made."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.settings_snippets.project import SNIPPETS

PROGRAM = SNIPPETS / "systemd/ramped-image"


PYTHON = shutil.which("python3", path="/usr/bin")  # that of the system, which every user may run


ROOT = os.geteuid() == 0 and PYTHON is not None


DEPLOY = 4711 if ROOT else os.getuid()


TOKEN = "planted-secret"


SECRETS = ["~/.aws", "~/.pgpass", "~/.netrc", "/srv/shop/token-*"]


def key(folder: Path, name: str) -> str:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", folder / name], check=True)
    return (folder / f"{name}.pub").read_text()


class Disk:
    """The disk of an instance on which everything lies that no image may hold, and what must stay in it."""

    def __init__(self, folder: Path, root: Path | None = None) -> None:
        self.folder, self.root, self.run = folder, root or folder / "disk", folder / "run"
        folder.chmod(0o755)  # other users pass
        (folder / "sbin").mkdir()
        for name in ("ramped-image", "ramped-files", "ramped-scan", "ramped-freeze", "ramped-whole"):
            shutil.copy(PROGRAM.with_name(name), folder / "sbin" / name)
        self.ours, self.team, self.foreign = (key(folder, name) for name in ("ours@ci", "colleague@pc", "stranger@pc"))
        self.file(
            "etc/passwd", f"root:x:0:0::/root:/bin/sh\ndeploy:x:{DEPLOY}:{DEPLOY}::/home/deploy:/bin/sh\nsys:x:3:3::/:/bin/sh\n"
        )
        for name in ("etc/ssh/ssh_host_ed25519_key", "etc/ssh/ssh_host_ed25519_key.pub", "var/lib/cloud/data/instance-id"):
            self.file(name, f"{TOKEN} {name}\n", 0o600)
        self.file("etc/machine-id", f"{TOKEN} machine-id\n", 0o444)
        self.file("var/log/journal/abc/system.journal", f"{TOKEN} journal\n")
        self.file("var/lib/cloud/instances/i-1/user-data.txt", f"{TOKEN} user data\n", 0o600)
        self.file("var/lib/systemd/random-seed", f"{TOKEN} seed\n", 0o600)
        self.file("var/cache/apt/archives/x.deb", f"{TOKEN} package\n")
        for name in (".aws/credentials", ".pgpass", ".netrc", ".bash_history", ".python_history"):
            self.file(f"home/deploy/{name}", f"{TOKEN} {name}\n", 0o600, DEPLOY)
        self.file("home/deploy/.cache/pip/http/x", f"https://u:{TOKEN}@pypi.example.com\n", 0o600, DEPLOY)
        self.file("srv/shop/token-api", f"{TOKEN} api\n", 0o600, DEPLOY)
        lines = f'# {TOKEN.upper()} is no key\n{self.ours}{self.team}from="10.0.0.1" {self.foreign}'
        self.file("home/deploy/.ssh/authorized_keys", lines, 0o600, DEPLOY)
        self.file("home/deploy/app/settings.py", "DEBUG = False\n", 0o644, DEPLOY)
        self.file("root/.bash_history", f"{TOKEN} root\n", 0o600)
        with socket.socket(socket.AF_UNIX) as control:
            at = Path.cwd()
            os.chdir(self.root / "home/deploy")  # the path of a socket is short
            control.bind("gunicorn.ctl")
            if ROOT:
                os.chown("gunicorn.ctl", DEPLOY, DEPLOY)
            os.chdir(at)

    def file(self, name: str, text: str, mode: int = 0o644, owner: int | None = None) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        if ROOT and owner is not None:
            while path != self.root / "home" and path != self.root / "srv":
                os.chown(path, owner, owner)
                path = path.parent
        return self.root / name

    def files(self) -> dict[str, tuple[str, int, int]]:
        """Return text, mode and owner of every file."""
        paths = sorted(p for p in self.root.rglob("*") if p.is_file() and not p.is_symlink() and "lost+found" not in p.parts)
        told = ((p, p.stat()) for p in paths)
        return {str(p.relative_to(self.root)): (p.read_text(), s.st_mode, s.st_uid) for p, s in told}

    def holding(self, token: str) -> list[str]:
        return [name for name, (text, _, _) in self.files().items() if token in text]

    def start(self, verb: str = "hold", **environment: str) -> "subprocess.Popen[str]":
        command = [
            PYTHON or sys.executable,
            str(self.folder / "sbin/ramped-image"),
            verb,
            "--root",
            str(self.root),
            "--run",
            str(self.run),
        ]
        given = {**os.environ, "SUDO_UID": str(DEPLOY), "SUDO_GID": str(DEPLOY if ROOT else os.getgid()), **environment}
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=given)

    @contextmanager
    def held(self, **request: Any) -> Iterator[tuple["subprocess.Popen[str]", dict[str, Any]]]:
        with self.start(**request.pop("environment", {})) as running:
            assert running.stdin and running.stdout and running.stderr
            try:
                running.stdin.write(json.dumps({"secrets": SECRETS, "keys": [self.ours], **request}) + "\n")
                running.stdin.flush()
                line = running.stdout.readline()
                assert line, running.stderr.read()
                yield running, json.loads(line)
            finally:
                running.stdin.close()
                running.wait(60)

    def refuses(self, *reasons: str, **request: Any) -> str:
        """Assert that it refuses for these reasons, a line for each, and that nothing is touched."""
        before = self.files()
        with self.start() as running:
            out, err = running.communicate(json.dumps({"secrets": SECRETS, "keys": [self.ours], **request}) + "\n", 120)
        assert (running.returncode, out) == (1, ""), err
        lines = err.splitlines()
        assert all(line.startswith("ramped-image: ") for line in lines), err
        assert [why for why in reasons if not any(why in line for line in lines)] == [], err
        assert self.files() == before and not (self.run / "image").exists()
        return err


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users can reach, which pytest's own is not."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        yield Path(name)


@pytest.fixture
def disk(folder: Path) -> Disk:
    return Disk(folder)
