"""No process outlives the rehearsal, however it ends."""

import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rehearsal.hosts import reaper
from tests.rehearsal.hosts.support import Fleet, Key, alive, ask, marked, until

ROOT = Path(__file__).parents[3]
SERVER = """
import sys, time
from pathlib import Path
from rehearsal.hosts.processes import ProcessHosts
folder, key, disk, address = sys.argv[1:]
hosts = ProcessHosts(Path(folder), authorized_key=key)
hosts.add_image("ami-1", Path(disk))
hosts.launch("i-1", address, "ami-1", "", {})
hosts.settle()
print(hosts.token, hosts.run_folder, flush=True)
time.sleep(1000)
"""
TOKEN = secrets.token_hex(4)
RUNAWAYS = "setsid sleep 1001 >/dev/null 2>&1 & (setsid nohup sh -c 'sleep 1002; :' >/dev/null 2>&1 &) ; sleep 0.3; echo started"


def marked_sleep(mark: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(["sleep", "1000"], env={reaper.VARIABLE: mark, "PATH": os.environ["PATH"]})


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_server_leaves_no_process_and_no_folder(tmp_path: Path, key: Key, disk: Path, number: signal.Signals) -> None:
    from tests.rehearsal.hosts.support import Instance, address

    place = address()
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(tmp_path), key.public, str(disk), place], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert server.stdout
    with server, server.stdout:
        token, run_folder = server.stdout.readline().split()
        assert Path(run_folder, "i-1/shop.sock").is_socket()
        assert ask(place, 8080, "/") == (200, b"v1")
        visitor = Instance(type("Owner", (), {"key": key})(), "i-1", place)
        assert "started" in visitor.run(RUNAWAYS)[1]
        pids = reaper.find(f"{token}/")
        commands = {Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ") for pid in pids}
        assert any(b"gunicorn" in c for c in commands) and any(b"sleep 1001" in c for c in commands)
        assert any(b"sleep 1002" in c for c in commands)
        server.send_signal(number)
    until(lambda: not any(alive(pid) for pid in pids) and not reaper.find(f"{token}/"))
    until(lambda: not list(tmp_path.iterdir()) and not Path(run_folder).exists())


def test_the_reaper_of_a_part_that_another_kills_cleans_up(tmp_path: Path) -> None:
    """As of the server of the stand-in cloud, when the rehearsal that has started it is killed."""
    outer, inner = tmp_path / "outer", tmp_path / "inner"
    for folder in (outer, inner):
        folder.mkdir()
    (inner / "socket").touch()
    part = [
        "import subprocess, sys, time",
        "from pathlib import Path",
        "from rehearsal.hosts.reaper import Reaper, VARIABLE",
        "reaper = Reaper(sys.argv[1], [Path(sys.argv[2])])",
        "subprocess.run('(setsid sleep 1003 >/dev/null &)', shell=True, env={VARIABLE: sys.argv[1] + '/i-1/'})",
        "print('ready', flush=True)",
        "time.sleep(1000)",
    ]
    command = [sys.executable, "-c", "\n".join(part), f"{TOKEN}-inner", str(inner)]
    above = reaper.Reaper(f"{TOKEN}-outer", [outer])
    environment = {**os.environ, reaper.VARIABLE: f"{TOKEN}-outer/part/"}
    with subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout and process.stdout.readline() == "ready\n"
            assert len(reaper.find(f"{TOKEN}-inner/")) == 1
        finally:
            above.close()
    assert not outer.exists()
    until(lambda: not inner.exists() and not reaper.find(f"{TOKEN}-inner/"))


def test_closing_leaves_no_process_and_no_folder(tmp_path: Path, key: Key, disk: Path) -> None:
    fleet = Fleet(tmp_path / "hosts", key)
    try:
        fleet.image(disk)
        instance = fleet.launch()
        assert "started" in instance.run(RUNAWAYS)[1]
        pids = marked(fleet.hosts)
        assert len(pids) >= 5
    finally:
        fleet.hosts.close()
    assert not any(alive(pid) for pid in pids)
    assert not list((tmp_path / "hosts").iterdir())
    fleet.hosts.close()


def test_a_prefix_finds_what_bears_it_and_its_descendants_only() -> None:
    mine, other = marked_sleep(f"{TOKEN}/i-1/shop/"), marked_sleep(f"{TOKEN}/i-10/shop/")
    wrapper = subprocess.Popen(
        ["sh", "-c", "env -i sleep 1000 & wait"], env={reaper.VARIABLE: f"{TOKEN}/i-1/x/", "PATH": os.environ["PATH"]}
    )
    try:
        until(lambda: len(reaper.find(f"{TOKEN}/i-1/")) == 3)
        found = reaper.find(f"{TOKEN}/i-1/")
        assert {mine.pid, wrapper.pid} < set(found) and other.pid not in found
        assert reaper.find(f"{TOKEN}/i-1/shop/") == [mine.pid]
    finally:
        reaper.sweep(f"{TOKEN}/")
        for process in (mine, other, wrapper):
            process.wait()
    assert not reaper.find(f"{TOKEN}/")


def test_a_process_that_has_ended_is_not_found() -> None:
    process = marked_sleep(f"{TOKEN}-2/i-1/")
    process.kill()
    until(lambda: Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z")
    assert reaper.find(f"{TOKEN}-2/") == []
    reaper.send([process.pid], signal.SIGTERM)
    process.wait()
    reaper.send([process.pid], signal.SIGTERM)
