"""Start and end the processes of a unit as systemd does: working directory, environment, listening socket, signals."""

import asyncio
import os
import shutil
import signal
import socket
from asyncio.subprocess import Process
from collections.abc import Mapping
from pathlib import Path

from . import reaper
from .paths import Place
from .unit_syntax import Command, UnitError, replace_variables
from .units import ServiceUnit

# The listening socket comes in as stdin and leaves as descriptor 3; the process id stays the same through exec.
ACTIVATED = 'export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@" 3<&0 </dev/null'


class NotStarted(Exception):
    """Say why a command of a unit could not even be started."""


def environment(place: Place, unit: ServiceUnit, extra: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a unit's commands; raises NotStarted if a file of it is missing."""
    values = {**place.environment(unit.name), **unit.environment}
    for name in unit.files:
        path = Path(name.removeprefix("-"))
        if path.is_file():
            values.update(_assignments(path))
        elif not name.startswith("-"):
            raise NotStarted(f"Failed to load environment files: {path}: No such file or directory")
    return {**values, **extra}


def _assignments(path: Path) -> dict[str, str]:
    pairs = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.strip() and line.lstrip()[0] not in "#;":
            key, equals, value = line.strip().partition("=")
            if not equals:
                raise UnitError(f"{path}:{number}: `{line}` is no assignment")
            pairs[key] = value.strip("'\"")
    return pairs


async def spawn(
    place: Place, unit: ServiceUnit, command: Command, extra: Mapping[str, str], listening: socket.socket | None = None
) -> Process:
    """Start one command of a unit, its output going to the unit's journal; raises NotStarted."""
    values = environment(place, unit, extra)
    argv = replace_variables(command.argv, values)
    if shutil.which(argv[0], path=values["PATH"]) is None:
        raise NotStarted(f"Failed to locate executable {argv[0]}: No such file or directory")
    directory = Path(unit.directory.removeprefix("-"))
    if not directory.is_dir() and not unit.directory.startswith("-"):
        raise NotStarted(f"Changing to the requested working directory failed: {directory}: No such file or directory")
    if listening:
        argv = ["/bin/sh", "-c", ACTIVATED, "sh", *argv]
    with place.journal(unit.name).open("ab") as journal:
        try:
            return await asyncio.create_subprocess_exec(
                *argv,
                stdin=listening.fileno() if listening else asyncio.subprocess.DEVNULL,
                stdout=journal,
                stderr=journal,
                cwd=directory if directory.is_dir() else "/",
                env=values,
                umask=unit.umask,
                start_new_session=True,
            )
        except OSError as error:
            raise NotStarted(f"Failed to execute {argv[0]}: {error.strerror}") from None


async def members(place: Place, unit: ServiceUnit) -> list[int]:
    """Return the ids of all processes of a unit: what its control group would hold."""
    return await asyncio.to_thread(reaper.find, place.mark(unit.name))


async def end(place: Place, unit: ServiceUnit, main: Process | None) -> bool:
    """End a unit's processes by its KillMode; return whether they went without SIGKILL.

    Source: systemd.kill(5): `mixed` sends KillSignal to the main process and SIGKILL to what remains after it.
    """
    if unit.kill_mode == "control-group":
        reaper.send(await members(place, unit), unit.kill_signal)
    elif main and main.returncode is None:
        os.kill(main.pid, unit.kill_signal)
    gone = await _gone(place, unit, main)
    if not gone and main and main.returncode is None:
        main.kill()
    if unit.kill_mode != "process" or not gone:
        reaper.send(await members(place, unit), signal.SIGKILL)
    if main:
        await main.wait()
    return gone


async def _gone(place: Place, unit: ServiceUnit, main: Process | None) -> bool:
    limit = None if unit.stop_timeout == float("inf") else unit.stop_timeout
    try:
        async with asyncio.timeout(limit):
            if main:
                await main.wait()
            while unit.kill_mode == "control-group" and await members(place, unit):
                await asyncio.sleep(0.05)
    except TimeoutError:
        return False
    return True
