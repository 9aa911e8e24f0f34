"""`ramped-image`: what a disk holds while an image is made of it, and that all is there again afterwards."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
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
needs_root = pytest.mark.skipif(not ROOT, reason="only root may be several users, and mount")


def key(folder: Path, name: str) -> str:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", folder / name], check=True)
    return (folder / f"{name}.pub").read_text()


class Disk:
    """The disk of an instance on which everything lies that no image may hold, and what must stay in it."""

    def __init__(self, folder: Path, root: Path | None = None) -> None:
        self.folder, self.root, self.run = folder, root or folder / "disk", folder / "run"
        folder.chmod(0o755)  # other users pass
        (folder / "sbin").mkdir()
        for name in ("ramped-image", "ramped-files", "ramped-freeze", "ramped-whole"):
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


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users can reach, which pytest's own is not."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        yield Path(name)


@pytest.fixture
def disk(folder: Path) -> Disk:
    return Disk(folder)


def back(disk: Disk, before: dict[str, tuple[str, int, int]]) -> None:
    """Assert that everything is as before, but for what nobody needs again."""
    dropped = {"var/lib/systemd/random-seed", "var/cache/apt/archives/x.deb", "home/deploy/.cache/pip/http/x"}
    assert disk.files() == {name: told for name, told in before.items() if name not in dropped}
    assert not (disk.run / "image").exists()


def test_nothing_secret_lies_on_the_disk_meanwhile_and_all_is_there_again(disk: Disk) -> None:
    before = disk.files()
    with disk.held() as (running, told):
        assert disk.holding(TOKEN) == [] and disk.holding("stranger@pc") == [] and disk.holding("colleague@pc") == []
        assert disk.files()["etc/machine-id"][:2] == ("", stat.S_IFREG | 0o444)
        assert disk.files()["home/deploy/app/settings.py"] == before["home/deploy/app/settings.py"]
        assert disk.files()["home/deploy/.ssh/authorized_keys"] == (
            f"# {TOKEN.upper()} is no key\n{disk.ours}",
            *before["home/deploy/.ssh/authorized_keys"][1:],
        )
        assert not [path for path in disk.root.rglob("*") if stat.S_ISSOCK(path.lstat().st_mode)]
        assert told["keys"] == ["colleague@pc", "stranger@pc"] and not told["frozen"] and told["aside"] > 8
        assert (disk.run / "image").stat().st_mode & 0o777 == 0o700
        running.stdin.write("resume\n")  # type: ignore[union-attr]
        running.stdin.flush()  # type: ignore[union-attr]
        assert json.loads(running.stdout.readline()) == {"ended": "asked"}  # type: ignore[union-attr]
    assert running.returncode == 0
    back(disk, before)


@pytest.mark.parametrize("end", ["the operator is gone", "SIGTERM", "SIGHUP", "SIGINT", "limit"])
def test_however_it_ends_all_is_there_again(disk: Disk, end: str) -> None:
    before = disk.files()
    with disk.held(limit=0.2 if end == "limit" else 600) as (running, _):
        if end.startswith("SIG"):
            running.send_signal(getattr(signal, end))
        if end == "limit":
            assert json.loads(running.stdout.readline()) == {"ended": "limit"}  # type: ignore[union-attr]
        if end.startswith("SIG"):
            running.wait(60)
    back(disk, before)


def children(process: "subprocess.Popen[str]") -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def test_a_killed_one_is_survived_by_who_puts_all_back(disk: Disk) -> None:
    before = disk.files()
    with disk.held() as (running, _):
        assert disk.holding(TOKEN) == []
        running.kill()
        running.wait(60)
    until(lambda: not (disk.run / "image").exists())
    back(disk, before)


@pytest.mark.parametrize("mends", ["resume", "the next hold"])
def test_what_is_left_when_both_are_killed_is_put_back_by_the_next(disk: Disk, mends: str) -> None:
    before = disk.files()
    with disk.held() as (running, _):
        for pid in children(running):
            os.kill(pid, signal.SIGKILL)
        running.kill()
        running.wait(60)
    assert disk.holding(TOKEN) == [] and "etc/ssh/ssh_host_ed25519_key" not in disk.files()
    if mends == "resume":
        with disk.start("resume") as again:
            assert again.wait(60) == 0
    else:
        with disk.held():
            assert disk.holding(TOKEN) == []
    back(disk, before)


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_the_keys_that_are_named_stay_by_fingerprint_too_and_all_of_them_where_ours_is_not_known(disk: Disk) -> None:
    told = subprocess.run(["ssh-keygen", "-lf", disk.folder / "colleague@pc.pub"], capture_output=True, text=True, check=True)
    with disk.held(keys=[disk.ours, told.stdout.split()[1]]) as (_, report):
        assert report["keys"] == ["stranger@pc"] and disk.holding("colleague@pc") and disk.holding("ours@ci")
    with disk.held(keys=None) as (_, report):
        assert report["keys"] == [] and disk.holding("stranger@pc")


def test_the_units_of_its_own_configuration_stand_still_and_come_back_after_a_kill(disk: Disk, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    systemctl = tmp_path / "bin/systemctl"
    systemctl.parent.mkdir()
    systemctl.write_text(f'#!/bin/sh\necho "$*" >>{calls}\ncase "$*" in *is-active*ramped-jobs*) exit 3;; esac\n')
    systemctl.chmod(0o755)
    disk.file(
        "etc/ramped/image.conf", "# ours\nunit gunicorn.socket\nunit gunicorn.service\naside /etc/shop/*.env\ndrop /var/spool/x\n"
    )
    disk.file("etc/shop/a.env", f"{TOKEN}\n")
    disk.file("var/spool/x", f"{TOKEN}\n")
    path = {"environment": {"PATH": f"{systemctl.parent}:{os.environ['PATH']}"}}
    with disk.held(**path) as (running, told):
        assert told["units"] == ["gunicorn.socket", "gunicorn.service"] and disk.holding(TOKEN) == []
        running.kill()
        running.wait(60)
    until(lambda: not (disk.run / "image").exists())
    done = [line for line in calls.read_text().splitlines() if "is-active" not in line]
    assert done == ["stop gunicorn.socket", "stop gunicorn.service", "start gunicorn.service", "start gunicorn.socket"]
    assert disk.holding(TOKEN) and "etc/shop/a.env" in disk.files() and "var/spool/x" not in disk.files()


@pytest.mark.parametrize(
    ("secrets", "conf", "says"),
    [
        (["~/../other"], "", "a path may not hold .."),
        ([], "remove /\n", "`remove /`; allowed: unit NAME, aside PATH, drop PATH, whole PATH"),
    ],
)
def test_what_it_does_not_understand_is_refused_in_one_line_and_nothing_is_touched(
    disk: Disk, secrets: list[str], conf: str, says: str
) -> None:
    disk.file("etc/ramped/image.conf", conf)
    before = disk.files()
    with disk.start() as running:
        out, err = running.communicate(json.dumps({"secrets": secrets}) + "\n", 60)
    assert running.returncode == 1 and out == "" and says in err and len(err.strip().splitlines()) == 1
    assert disk.files() == before


@needs_root
def test_the_user_who_asks_gets_at_nothing_by_a_link_or_a_path_of_others(disk: Disk) -> None:
    disk.file("etc/shadow", f"{TOKEN} shadow\n", 0o600)
    (disk.root / "home/deploy/.pgpass").unlink()
    (disk.root / "home/deploy/.pgpass").symlink_to(disk.root / "etc/shadow")
    with disk.held():
        assert disk.holding(TOKEN) == ["etc/shadow"]
    assert (disk.root / "home/deploy/.pgpass").is_symlink() and disk.holding("shadow") == ["etc/shadow"]
    with disk.start() as running:
        _, err = running.communicate(json.dumps({"secrets": ["/etc/shadow"]}) + "\n", 60)
    assert running.returncode == 1 and "Permission denied" in err and disk.holding("shadow") == ["etc/shadow"]


@pytest.fixture
def volume(folder: Path) -> Iterator[Path]:
    """A disk of its own, mounted: the file system is real, and its blocks can be read from outside."""
    if not ROOT or shutil.which("mkfs.ext4") is None:
        pytest.skip("needs root and mkfs.ext4")
    blocks, at = folder / "blocks", folder / "mounted"
    at.mkdir()
    with blocks.open("wb") as file:
        file.truncate(32 << 20)
    subprocess.run(["mkfs.ext4", "-q", blocks], check=True)
    mounted = subprocess.run(["mount", "-o", "loop", blocks, at], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no loop device here: {mounted.stderr.strip()}")
    try:
        yield at
    finally:
        subprocess.run(["umount", at], check=True)


def test_the_blocks_of_what_was_removed_hold_nothing_either(volume: Path, folder: Path) -> None:
    disk = Disk(folder, volume)
    for dropped in ("var/lib/systemd/random-seed", "var/cache/apt/archives/x.deb", "home/deploy/.cache/pip/http/x"):
        (volume / dropped).write_text("not put aside, so not overwritten\n")
    os.sync()
    assert TOKEN.encode() in (folder / "blocks").read_bytes()
    with disk.held():
        os.sync()
        assert TOKEN.encode() not in (folder / "blocks").read_bytes()
    assert len(disk.holding(TOKEN)) >= 12


@pytest.mark.parametrize("end", ["its input ends", "too long", "SIGTERM"])
def test_nothing_is_written_to_a_frozen_disk_and_it_never_stays_frozen(volume: Path, end: str) -> None:
    written = threading.Event()

    def write() -> None:
        (volume / "later").write_text("x")
        written.set()

    command = [sys.executable, str(PROGRAM.with_name("ramped-freeze")), str(volume), "0.5" if end == "too long" else "60"]
    writer = threading.Thread(target=write)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as frozen:
        assert frozen.stdout and frozen.stdin and frozen.stdout.readline() == "frozen\n"
        writer.start()
        if end == "SIGTERM":
            frozen.terminate()
        if end != "too long":
            assert not written.wait(0.3)
            frozen.stdin.close()
        assert written.wait(60) and frozen.wait(60) == 0
    writer.join()


def test_what_cannot_be_frozen_is_not() -> None:
    command = [sys.executable, str(PROGRAM.with_name("ramped-freeze")), "/proc", "60"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
