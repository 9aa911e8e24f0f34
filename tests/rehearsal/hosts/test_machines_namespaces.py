"""A box: whatever ends it, no process, mount, namespace, control group or file of it remains."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from rehearsal.hosts.machines import namespaces, requirements
from tests.rehearsal.hosts.machines_support import ROOT, groups, machines_here

pytestmark = [machines_here, pytest.mark.alone, pytest.mark.long]
# A mount, a network, a folder's worth of files, a process that has left its parent: then one line, and a long sleep.
BUSY = """
mkdir -p "$0/disk" && mount -t tmpfs tmpfs "$0/disk" && touch "$0/disk/file"
ip netns add inner && ip link add bridge type bridge
mkdir "/sys/fs/cgroup/$REHEARSAL_BOX/inner"
BOX="$0" setsid sleep 4321 &
echo ready
"""


def eventually(holds: Callable[[], bool], seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def live() -> list[str]:
    return [entry.name for entry in Path("/proc").iterdir() if entry.name.isdecimal()]


def namespaces_of(pids: Iterable[str]) -> set[str]:
    """Return the network and mount namespaces of processes."""
    found = set()
    for pid in pids:
        for kind in ("net", "mnt"):
            try:
                found.add(str(Path(f"/proc/{pid}/ns/{kind}").readlink()))
            except OSError:
                continue
    return found


def run_in_box(folder: Path, script: str) -> "subprocess.Popen[str]":
    program = "import sys; from pathlib import Path; from rehearsal.hosts.machines import namespaces;"
    program += "sys.exit(namespaces.run(['sh', '-ec', sys.argv[1], sys.argv[2]], [Path(sys.argv[2])]))"
    return subprocess.Popen(
        [sys.executable, "-c", program, script, str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize(
    ("end", "code"),
    [("true", 0), ("exit 7", 7), (signal.SIGTERM, 143), (signal.SIGKILL, -9)],
    ids=["success", "failure", "terminated", "killed"],
)
def test_nothing_of_a_box_remains(tmp_path: Path, end: "str | signal.Signals", code: int) -> None:
    folder, own_groups, used = tmp_path / "box", groups(), set()
    folder.mkdir()
    last = end if isinstance(end, str) else "trap 'exit 143' TERM; while true; do sleep 0.1; done"
    with run_in_box(folder, BUSY + last) as process:
        assert process.stdout and process.stdout.readline() == "ready\n"
        new = groups() - own_groups
        if not isinstance(end, str):
            used = namespaces_of(_marked(folder)) - namespaces_of(["self"])
            assert new and used and (folder / "disk").is_dir()
            process.send_signal(end)
        process.wait(60)
        assert process.returncode == code
    if code != -9:  # it has cleaned up before it ends; after a kill the reaper does
        assert not folder.exists() and not new & groups()
    assert eventually(lambda: not folder.exists()), list(folder.rglob("*"))
    assert eventually(lambda: not new & groups()), "a control group remains"
    assert eventually(lambda: not _marked(folder)), "a process remains"
    assert eventually(lambda: not used & namespaces_of(live())), "a namespace remains"
    assert str(folder) not in Path("/proc/self/mounts").read_text()


def test_the_process_to_enter_is_the_box_s_first_and_not_one_that_prepares_it(tmp_path: Path) -> None:
    """`rehearse --hosts machines --keep` says how to enter it."""
    note = tmp_path / "note"
    program = "import sys; from pathlib import Path; from rehearsal.hosts.machines import namespaces;"
    program += "sys.exit(namespaces.run(['sh', '-c', 'echo ready; read line'], note=Path(sys.argv[1])))"
    command = [sys.executable, "-c", program, str(note)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "ready\n"
        assert eventually(lambda: note.exists() and note.read_text() != "")
        entered = ["nsenter", "--target", note.read_text().strip(), "--all", "cat", "/proc/1/cmdline"]
        shown = subprocess.run(entered, capture_output=True, text=True, check=True).stdout
        process.communicate("\n")
    assert "read line" in shown and process.returncode == 0


def _marked(folder: Path) -> list[str]:
    """Return the processes that name the folder."""
    found = []
    for pid in live():
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in line:
            found.append(pid)
    return found


def test_machine_hosts_outside_of_a_box_are_refused(tmp_path: Path) -> None:
    places = ["--directory", str(tmp_path), "--octet", "77", "--options", '{"hosts": {"authorized_key": ""}}']
    command = [sys.executable, "-m", "rehearsal.server", "--hosts", "machines", *places]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert "machine hosts run in a box only" in done.stderr
    assert not Path("/sys/class/net/machines").exists() and not list(tmp_path.iterdir())


def test_it_says_in_one_line_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "search_path", lambda: "/nowhere")
    assert requirements.missing() == (
        "machine hosts need packages that are not installed: "
        "apt install git iproute2 mmdebstrap openssh-client systemd-container util-linux"
    )
    monkeypatch.undo()
    assert requirements.missing(10_000).endswith("sysctl -w fs.inotify.max_user_instances=60018")


@pytest.mark.parametrize(("who", "wanted"), [(65534, "machine hosts need root")])
def test_without_root_it_says_so_and_touches_nothing(who: int, wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: who)
    assert requirements.missing().startswith(wanted)
    assert namespaces.main() == 2
