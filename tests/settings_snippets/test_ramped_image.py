"""`ramped-image`: what a disk holds while an image is made of it, and that all is there again afterwards."""

import json
import os
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.settings_snippets.image_disk import DEPLOY, PROGRAM, ROOT, SECRETS, TOKEN, Disk, disk, folder

__all__ = ["disk", "folder"]  # fixtures

DROPPED = {"var/lib/systemd/random-seed", "var/cache/apt/archives/x.deb", "home/deploy/.cache/pip/http/x"}
needs_root = pytest.mark.skipif(not ROOT, reason="only root may be several users, and mount")


def back(disk: Disk, before: dict[str, tuple[str, int, int]]) -> None:
    """Assert that everything is as before, but for what nobody needs again."""
    assert disk.files() == {name: told for name, told in before.items() if name not in DROPPED}
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
        ([], "remove /\n", "`remove /`; allowed: unit NAME, aside PATH, drop PATH, whole PATH, allow PATH, refuse = yes"),
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
    os.lchown(disk.root / "home/deploy/.pgpass", DEPLOY, DEPLOY)
    disk.refuses(f".pgpass: it is a link to {disk.root}/etc/shadow, which would stay in the image")
    (disk.root / "home/deploy/.pgpass").unlink()
    disk.refuses(
        "etc/shadow: user 4711 may not remove files from its folder", "user 4711 may not read it", secrets=["/etc/shadow"]
    )
    (disk.root / "root").chmod(0o700)
    disk.file("root/.token", TOKEN)
    disk.refuses("/root: user 4711 may not look for root/.to* there", secrets=["/root/.to*"])


def attribute(path: Path, change: str) -> None:
    subprocess.run(["chattr", change, path], check=True)


@needs_root
def test_all_that_hinders_is_found_before_anything_is_touched(disk: Disk) -> None:
    """A file that its user cannot remove was overwritten and lost: a secret of his in a folder of root's was enough."""
    inside = disk.file("srv/roots/token-of-deploy", TOKEN, 0o600)
    os.chown(inside, DEPLOY, DEPLOY)
    (disk.root / "srv/roots").chmod(0o755)
    sticky = disk.file("srv/sticky/token-of-root", TOKEN, 0o644)
    sticky.parent.chmod(0o1777)
    foreign = disk.file("home/deploy/.aws/root", TOKEN, 0o600)
    group = disk.file("home/deploy/.aws/group", TOKEN, 0o640)
    os.chown(group, DEPLOY, 60_000)
    twice = disk.root / "home/deploy/.netrc"
    os.link(twice, disk.root / "home/deploy/kept")
    fixed = disk.root / "home/deploy/.pgpass"
    away = disk.file("home/deploy/elsewhere/config", TOKEN, 0o600, DEPLOY)
    (disk.root / "home/deploy/.aws/config").symlink_to("../elsewhere/config")
    os.lchown(disk.root / "home/deploy/.aws/config", DEPLOY, DEPLOY)
    attribute(fixed, "+i")
    try:
        disk.refuses(
            f"{inside}: user {DEPLOY} may not remove files from its folder",
            f"{sticky}: it is not user {DEPLOY}'s, in a folder from which only owners remove",
            f"{foreign}: it belongs to user 0, not to {DEPLOY}",
            f"{foreign}: user {DEPLOY} may not read it",
            f"{group}: it belongs to group 60000, in which user {DEPLOY} is not",
            f"{twice}: it has another name (hard link), which would stay: find / -xdev -samefile {twice}",
            f"{fixed} may not be changed (chattr +i or +a)",
            secrets=[*SECRETS, "/srv/roots/*", "/srv/sticky/*"],
        )
    finally:
        attribute(fixed, "-i")
    disk.refuses(f"/.aws/config: it is a link to {away}, which would stay", secrets=["~/.aws/config"])
    with disk.held(secrets=["~/.aws/config", "~/elsewhere"]):
        assert "home/deploy/elsewhere/config" not in disk.files()
    assert away.read_text() == TOKEN


@needs_root
def test_what_is_roots_is_looked_at_first_too(disk: Disk) -> None:
    disk.file("etc/ramped/image.conf", "aside /etc/shop/*.env\ndrop /var/spool/x\n")
    env, spool = disk.file("etc/shop/a.env", TOKEN), disk.file("var/spool/x", TOKEN)
    os.link(env, disk.root / "etc/other")
    attribute(spool, "+a")
    try:
        disk.refuses(f"{env}: it has another name (hard link)", f"{spool} may not be changed (chattr +i or +a)")
    finally:
        attribute(spool, "-a")


@needs_root
def test_what_is_usual_in_homes_is_left_out_and_told_where_it_cannot_be_put_aside(disk: Disk) -> None:
    for name, text in {".viminfo": "x", ".big_history": "x" * (65 << 20), ".linked_history": "x"}.items():
        disk.file(f"home/deploy/{name}", text, 0o600, DEPLOY)
    os.chown(disk.root / "home/deploy/.viminfo", 0, 0)
    os.link(disk.root / "home/deploy/.linked_history", disk.root / "home/deploy/copy")
    disk.file(
        "etc/passwd",
        (disk.root / "etc/passwd").read_text()
        + "bob:x:4712:4712::/home/bob:/bin/sh\nodd:x:many:1::/home/odd:/bin/sh\n+::::::\nx\n"
        "eve:x:4713:4713::/home/eve:/bin/sh\nlost:x:4714:1::/nonexistent:/bin/sh\n",
    )
    for name, owner in (("bob", 4712), ("eve", 0)):
        disk.file(f"home/{name}/.bash_history", TOKEN, 0o600, owner)
    keys = disk.file("home/bob/.ssh/authorized_keys", f"ssh-ed25519 AAAA\n\xff no key\n{disk.foreign}", 0o600, 4712)
    before = keys.read_bytes()
    with disk.held() as (_, told):
        left_out = "\n".join(told["left_out"])
        for why in (
            "home/deploy/.viminfo: it belongs to user 0, not to 4711",
            "home/deploy/.big_history: it is too large: more than 64 MiB",
            "home/deploy/.linked_history: it has another name (hard link)",
            "home/eve: it belongs to user 0, not to eve: not looked into",
        ):
            assert why in left_out
        assert keys.read_text() == "" and disk.holding(TOKEN) == ["home/eve/.bash_history"]
        assert told["keys"][:3] == ["a line that is no key", "a line that is no key", "stranger@pc"]
    assert keys.read_bytes() == before
    with disk.held():
        os.chown(keys.parent, 0, 0)
    assert keys.read_bytes() == before, "written into the file that is there, where no other can be made"
    with disk.held() as (_, told):
        assert [why for why in told["left_out"] if why.startswith(str(keys)) and why.endswith("; 3 keys stay")]


def test_our_key_in_the_options_of_anothers_line_saves_nobody(disk: Disk) -> None:
    ours, other = disk.ours.split()[1], disk.foreign.strip()
    options = [
        f'environment="X={disk.ours.split()[0]} {ours}"',
        f'command="a \\" {ours} "',
        f"{ours}",
        f'from="*",command="x {ours}"',
    ]
    lines = [f"{option} {other}\n" for option in options] + [f'command="say \\"hi\\" # x",no-pty {disk.ours}']
    keys = disk.root / "home/deploy/.ssh/authorized_keys"
    keys.write_text("".join(lines))
    with disk.held() as (_, told):
        assert keys.read_text() == lines[-1] and told["keys"] == ["stranger@pc"] * 4
    assert keys.read_text() == "".join(lines)


@needs_root
def test_mode_owner_times_attributes_and_acls_come_back(disk: Disk) -> None:
    path, folder = disk.root / "home/deploy/.aws/credentials", disk.root / "home/deploy/.aws"
    pipe, linked = folder / "pipe", folder / "again"
    os.mkfifo(pipe, 0o620)
    os.link(path, linked)
    os.chown(pipe, DEPLOY, DEPLOY)
    entries = [(1, 7, -1), (2, 4, 60_001), (4, 4, -1), (16, 4, -1), (32, 0, -1)]
    acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *e) for e in entries)
    for each in (path, folder):
        os.setxattr(each, "user.note", b"\x00\xff")
        os.setxattr(each, "system.posix_acl_access", acl)
    path.chmod(0o440)
    os.setxattr(disk.root / "etc/ssh/ssh_host_ed25519_key", "trusted.note", b"x")
    for each in (path, pipe, folder, disk.root / "etc/ssh/ssh_host_ed25519_key"):
        os.utime(each, ns=(1_111_111_111_111_111_111, 1_222_222_222_222_222_222))

    def known() -> list[object]:
        told: list[object] = []
        for each in (path, pipe, linked, folder, disk.root / "etc/ssh/ssh_host_ed25519_key"):
            kind = each.lstat()
            marks = {name: os.getxattr(each, name) for name in os.listxattr(each)}
            told.append((kind.st_mode, kind.st_uid, kind.st_gid, kind.st_mtime_ns, kind.st_nlink, marks))
        return told

    before = known()
    with disk.held():
        assert not folder.exists()
    assert known() == before and path.samefile(linked)


@needs_root
@pytest.mark.alone  # the kernel lists it for every process: other images would be refused for it
def test_swap_space_on_the_imaged_disk_is_refused_unless_it_is_allowed(disk: Disk) -> None:
    swap = disk.root / "swapfile"
    swap.write_bytes(bytes(1 << 20))
    swap.chmod(0o600)
    made = subprocess.run(f"mkswap {swap} && swapon {swap}", shell=True, capture_output=True, text=True)  # noqa: S602
    if made.returncode:
        pytest.skip(f"no swap space here: {made.stderr.strip()}")
    try:
        with disk.start() as running:
            _, err = running.communicate("{}\n", 120)
        assert running.returncode == 1 and f"{swap}: swap space on the imaged disk" in err
        disk.file("etc/ramped/image.conf", f"allow = {swap}\n")
        with disk.held() as (_, told):
            assert told["found"] == [{"path": str(swap), "kind": "swap space"}], "of this disk: /swapfile"
    finally:
        subprocess.run(["swapoff", swap], check=True)


@pytest.mark.parametrize("name", ["relative", "linked"])
def test_a_socket_that_somebody_listens_on_stays_whatever_its_name(disk: Disk, name: str) -> None:
    home, at = disk.root / "home/deploy", Path.cwd()
    (disk.folder / "l").symlink_to(home)
    with socket.socket(socket.AF_UNIX) as live, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams:
        os.chdir(home)
        live.bind("live" if name == "relative" else f"{disk.folder}/l/live")
        datagrams.bind("datagrams")
        os.chdir(at)
        live.listen()
        live.setblocking(False)
        for each in ("live", "datagrams"):
            (home / each).chmod(0o777)
        with disk.held(secrets=["~/live", "~/app"]):
            assert (home / "live").is_socket() and (home / "datagrams").is_socket() and not (home / "gunicorn.ctl").exists()
        with pytest.raises(BlockingIOError):
            live.accept()  # nobody was disturbed


@pytest.fixture
def small(folder: Path) -> Iterator[Path]:
    """A disk of its own, in memory, that is soon full."""
    at = folder / "small"
    at.mkdir()
    if not ROOT or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4M", "none", at], capture_output=True).returncode:
        pytest.skip("needs root, and to mount")
    try:
        yield at
    finally:
        subprocess.run(["umount", at], check=True)


def fill(disk: Path, name: str = "filler") -> Path:
    with suppress(OSError), (disk / name).open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    return disk / name


def test_a_full_disk_is_refused_first_and_one_that_fills_up_meanwhile_has_room_for_the_host_keys(
    small: Path, folder: Path
) -> None:
    disk = Disk(folder, small)
    before = disk.files()
    filler = fill(small)
    with disk.start() as running:
        _, err = running.communicate("{}\n", 120)
    filler.unlink()
    assert running.returncode == 1 and f"{small}: the disk is too full to put back" in err and disk.files() == before
    with disk.held(secrets=SECRETS):
        filler = fill(small)
    assert running.returncode == 1 and disk.files()["etc/ssh/ssh_host_ed25519_key"] == before["etc/ssh/ssh_host_ed25519_key"]
    assert {name for name in before if name not in disk.files()} <= DROPPED
    filler.unlink()


def test_what_cannot_be_put_back_is_tried_until_it_can_and_its_copy_is_named(disk: Disk) -> None:
    before = disk.files()
    home, hidden = disk.root / "home/deploy", disk.root / "home/hidden"
    with disk.held() as (running, _):
        home.rename(hidden)
        home.write_text("in the way")
        assert running.stdin and running.stderr and running.stdout
        running.stdin.close()
        err = running.stderr.read()
        assert running.wait(120) == 1
        assert f"its copy is in {disk.run}/image/" in err and "it is tried again until it is done" in err
        assert disk.files()["etc/ssh/ssh_host_ed25519_key"] == before["etc/ssh/ssh_host_ed25519_key"]
        copies = "".join(subprocess.run(["tar", "-xOf", tar], capture_output=True, text=True).stdout for tar in tars(disk))
        assert f"{TOKEN} .pgpass" in copies
        home.unlink()
        hidden.rename(home)
    until(lambda: not (disk.run / "image").exists())
    back(disk, before)


def tars(disk: Disk) -> list[Path]:
    return sorted((disk.run / "image").glob("*.tar"))


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
