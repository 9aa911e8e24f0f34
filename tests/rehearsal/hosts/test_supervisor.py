"""The init of a host in the test's own loop: units that come, go, fail and depend on each other."""

import asyncio
import secrets
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from rehearsal.hosts import properties, reaper
from rehearsal.hosts.paths import Place
from rehearsal.hosts.services import JobFailed
from rehearsal.hosts.supervisor import Supervisor, UnknownUnit
from rehearsal.hosts.systemctl import Systemctl
from tests.rehearsal.hosts.support import address, alive

SLEEPER = "[Service]\nType=exec\nExecStart=/bin/sleep 1000\n"
ECHO = """[Unit]
Requires=echo.socket
[Service]
Type=exec
ExecStart=/usr/bin/env python3 -c "import os, socket; s = socket.socket(fileno=3); \
assert os.environ['LISTEN_PID'] == str(os.getpid()) and os.environ['LISTEN_FDS'] == '1'; \
c, _ = s.accept(); c.sendall(b'pid %%d' %% os.getpid()); c.close()"
"""
ECHO_SOCKET = "[Socket]\nListenStream=%t/echo.sock\nSocketMode=0600\nRemoveOnStop=yes\n"


@pytest.fixture
def place(tmp_path: Path) -> Any:
    run = Path(tempfile.mkdtemp(prefix="init-"))
    place = Place("i-1", address(), tmp_path / "i-1", run, secrets.token_hex(4))
    (place.home / "systemd").mkdir(parents=True)
    place.journal("").mkdir()
    yield place
    reaper.sweep(place.mark())
    shutil.rmtree(run)


@asynccontextmanager
async def booted(place: Place, **units: str) -> AsyncIterator[Supervisor]:
    for name, text in units.items():
        (place.home / "systemd" / name.replace("_", ".")).write_text(text)
    init = Supervisor(place)
    await init.boot()
    try:
        yield init
    finally:
        await init.shut_down()


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 300))


async def eventually(probe: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not probe():
            await asyncio.sleep(0.02)


async def knock(path: Path) -> bytes:
    reader, writer = await asyncio.open_unix_connection(path)
    said = await reader.read()
    writer.close()
    await writer.wait_closed()
    return said


def test_every_unit_of_the_disk_is_started_and_printed_on_the_console(place: Place) -> None:
    async def test() -> None:
        async with booted(place, a_service=SLEEPER, b_service=SLEEPER, c_service="[Service]\nExecStart=/no/such\n") as init:
            assert [init.services[f"{n}.service"].status.active for n in "abc"] == ["active", "active", "failed"]
        assert [s.status.active for s in init.services.values()] == ["inactive"] * 3

    run(test)
    console = (place.root / "console.log").read_text()
    assert "[  OK  ] Started a.service." in console and "[FAILED] Failed to start c.service: Job for c.service failed" in console


def test_a_machine_without_units_boots(place: Place) -> None:
    async def test() -> None:
        shutil.rmtree(place.home / "systemd")
        async with booted(place) as init:
            assert init.services == {}
            with pytest.raises(UnknownUnit):
                await init.start("a.service")

    run(test)


def test_shutting_down_ends_every_process(place: Place) -> None:
    async def test() -> None:
        async with booted(place, a_service=SLEEPER) as init:
            pid = init.services["a.service"].status.main_pid
            assert alive(pid)
        assert not alive(pid)

    run(test)


def test_a_service_gets_the_socket_as_descriptor_3_and_is_started_by_visits(place: Place) -> None:
    async def test() -> None:
        async with booted(place, echo_service=ECHO, echo_socket=ECHO_SOCKET) as init:
            path, service = place.run / "echo.sock", init.services["echo.service"]
            first = service.status.main_pid
            assert await knock(path) == b"pid %d" % first
            await eventually(lambda: service.status.active == "inactive")
            assert init.sockets["echo.socket"].sub == "listening"
            second = await knock(path)
            assert second.startswith(b"pid ") and second != b"pid %d" % first
            assert path.stat().st_mode & 0o777 == 0o600
        assert not path.exists()

    run(test)


def test_a_service_that_fails_at_each_visit_takes_its_socket_along(place: Place) -> None:
    async def test() -> None:
        bad = "[Unit]\nRequires=echo.socket\n[Service]\nType=exec\nExecStart=/bin/false\n"
        async with booted(place, echo_service=bad, echo_socket=ECHO_SOCKET) as init:
            listening = init.sockets["echo.socket"]
            _, writer = await asyncio.open_unix_connection(place.run / "echo.sock")
            await eventually(lambda: listening.active == "failed")
            writer.close()
            assert init.services["echo.service"].status.result == "start-limit-hit"
            (place.home / "systemd/echo.service").write_text(ECHO)
            init.load()
            init.services["echo.service"].status.starts.clear()
            await init.start("echo.service")
            assert (await knock(place.run / "echo.sock")).startswith(b"pid ")

    run(test)


def test_a_socket_on_a_taken_port_fails_and_with_it_what_requires_it(place: Place) -> None:
    async def test() -> None:
        with socket.create_server((place.address, 0)) as taken:
            port = taken.getsockname()[1]
            async with booted(place, echo_service=ECHO, echo_socket=f"[Socket]\nListenStream={port}\n") as init:
                assert init.sockets["echo.socket"].active == "failed"
                with pytest.raises(JobFailed, match=f"Job for echo.socket failed: {port}: Address already in use"):
                    await init.start("echo.service")
                assert init.services["echo.service"].status.active == "inactive"

    run(test)


def test_many_restarts_at_once_leave_one_process(place: Place) -> None:
    async def test() -> None:
        async with booted(place, a_service=SLEEPER + "[Unit]\nStartLimitBurst=50\n") as init:
            await asyncio.gather(*(init.restart("a.service") for _ in range(10)))
            assert reaper.find(place.mark("a.service")) == [init.services["a.service"].status.main_pid]
            await asyncio.gather(init.stop("a.service"), init.start("a.service"), init.stop("a.service"))
            assert reaper.find(place.mark("a.service")) == []

    run(test)


def test_a_stop_ends_the_restarts_of_a_service_that_fails(place: Place) -> None:
    async def test() -> None:
        flapping = "[Unit]\nStartLimitBurst=1000\n[Service]\nExecStart=/bin/false\nRestart=always\nRestartSec=20ms\n"
        async with booted(place, a_service=flapping) as init:
            status = init.services["a.service"].status
            await eventually(lambda: status.restarts >= 3)
            await init.stop("a.service")
            count = status.restarts
            await asyncio.sleep(0.2)
            assert (status.restarts, status.active) == (count, "inactive")

    run(test)


@pytest.mark.parametrize(
    ("policy", "script", "again"),
    [
        ("no", "exit 1", False),
        ("on-failure", "exit 1", True),
        ("on-failure", "exit 0", False),
        ("on-failure", "kill -KILL $$", True),
        ("on-failure", "kill -TERM $$", False),
        ("on-success", "exit 0", True),
        ("on-success", "exit 1", False),
        ("on-abnormal", "exit 1", False),
        ("on-abnormal", "kill -KILL $$", True),
        ("always", "exit 0", True),
    ],
)
def test_when_a_service_is_started_again(place: Place, policy: str, script: str, again: bool) -> None:
    async def test() -> None:
        command = f"echo x >> %h/runs; {script.replace('$$', '$$$$')}"
        unit = f'[Service]\nExecStart=/bin/sh -c "{command}"\nRestart={policy}\nRestartSec=10ms\n'
        async with booted(place, a_service=unit) as init:
            await eventually(lambda: init.services["a.service"].status.active in ("inactive", "failed"))
        assert len((place.home / "runs").read_text().split()) == (5 if again else 1)

    run(test)


def test_the_kill_modes(place: Place) -> None:
    async def test() -> None:
        script = "trap 'exit 0' TERM; sleep 1000 & echo $! > %h/child-{mode}; wait"
        for mode in ("mixed", "control-group", "process"):
            text = f'[Service]\nType=exec\nKillMode={mode}\nExecStart=/bin/bash -c "{script.format(mode=mode)}"\n'
            async with booted(place, **{f"{mode}_service": text}) as init:
                name, note = f"{mode}.service", place.home / f"child-{mode}"
                await eventually(lambda note=note: note.exists() and note.read_text().strip())
                await init.stop(name)
                await eventually(lambda note=note, mode=mode: alive(int(note.read_text())) is (mode == "process"))
            (place.home / "systemd" / name).unlink()

    run(test)


def test_a_unit_can_be_asked_about_while_it_waits_to_be_started_again(place: Place) -> None:
    async def test() -> None:
        text = "[Service]\nExecStart=/bin/false\nRestart=always\nRestartSec=1h\n"
        async with booted(place, a_service=text) as init:
            await eventually(lambda: init.services["a.service"].status.sub == "auto-restart")
            ctl = Systemctl(init)
            answer = await ctl.run(["is-active", "a"])
            assert (answer.out, answer.code) == ("activating\n", 3)
            shown = properties.lines(properties.show(init, "a.service"), ["SubState", "RestartUSec", "ExecReload"], bare=False)
            assert shown == "RestartUSec=60min\nSubState=auto-restart\n"

    run(test)


@pytest.mark.parametrize(
    ("value", "shown"), [("90", "1min 30s"), ("500ms", "500ms"), ("infinity", "infinity"), ("0", "0"), ("61.5s", "1min 1s 500ms")]
)
def test_spans_are_shown_as_systemd_shows_them(place: Place, value: str, shown: str) -> None:
    async def test() -> None:
        async with booted(place, a_service=f"{SLEEPER}RestartSec={value}\n") as init:
            assert dict(properties.show(init, "a.service"))["RestartUSec"] == shown

    run(test)


def test_notifications_change_the_status(place: Place) -> None:
    async def test() -> None:
        program = (
            "import os, socket, time; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); "
            "s.connect(os.environ['NOTIFY_SOCKET']); s.send(b'STATUS=warming up'); "
            "s.send(b'STATUS=serving\\\\nREADY=1'); time.sleep(1000)"
        )
        text = f'[Service]\nType=notify\nExecStart=/usr/bin/env python3 -c "{program}"\n'
        async with booted(place, a_service=text) as init:
            status = init.services["a.service"].status
            assert (status.active, status.text) == ("active", "serving")

    run(test)


def test_the_units_of_the_site_are_all_understood(place: Place) -> None:
    """Those of jobs, roles and images are for a real systemd: tests/rehearsal/hosts/test_machine_roles.py."""
    root = Path(__file__).parents[3]
    folders = [*(root / "rehearsal/site").glob("systemd*"), root / "settings_snippets/systemd"]
    files = [path for folder in folders for path in folder.glob("*.s*") if path.name.startswith(("shop.", "gunicorn."))]
    assert len(files) >= 2
    for path in files:
        shutil.copy(path, place.home / "systemd")
    init = Supervisor(place)
    init.load()
    assert init.broken == {}
