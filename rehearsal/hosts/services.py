"""One service under the rehearsal's init: its process, its state and its restarts, in systemd's terms."""

import asyncio
import signal
import socket
import time
from asyncio.subprocess import Process
from collections.abc import Callable
from pathlib import Path

from .children import NotStarted, end, spawn
from .notify import NotifySocket
from .paths import Place
from .status import Status
from .unit_syntax import Command, UnitError
from .units import ServiceUnit

CLEAN_SIGNALS = {signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE}


class JobFailed(Exception):
    """Say why a job of the init failed, as systemctl prints it."""


class Service:
    """Start, stop and reload one service; jobs are done one after the other."""

    def __init__(
        self, place: Place, unit: ServiceUnit, listening: Callable[[], socket.socket | None], on_dead: Callable[[str], None]
    ) -> None:
        self.unit = unit
        self.status = Status()
        self._place = place
        self._listening = listening
        self._on_dead = on_dead
        self._main: Process | None = None
        self._notify: NotifySocket | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._restart: asyncio.Task[None] | None = None
        self._job = asyncio.Lock()

    async def start(self) -> None:
        """Start it unless it is active; raises JobFailed."""
        async with self._job:
            self._forget_restart()
            if self.status.active != "active":
                await self._start()

    async def stop(self) -> None:
        """Stop it, and its restarts."""
        async with self._job:
            self._forget_restart()
            await self._stop()

    def let_go(self) -> None:
        """Neither watch it nor start it again."""
        self._forget_restart()
        if self._watcher:
            self._watcher.cancel()

    async def ended(self) -> None:
        """Wait until its process is gone, which was killed from outside."""
        if self._main:
            await self._main.wait()
        if self._notify:
            self._notify.close()

    async def restart(self) -> None:
        """Stop and start it as one job; raises JobFailed."""
        async with self._job:
            self._forget_restart()
            await self._stop(announce=False)
            await self._start()

    async def reload(self) -> None:
        """Run its ExecReload and wait for these commands, not for what they set off; raises JobFailed."""
        async with self._job:
            name = self.unit.name
            if not self.unit.reload:
                raise JobFailed(f"Failed to reload {name}: Job type reload is not applicable for unit {name}.")
            if self.status.active != "active":
                raise JobFailed(f"{name} is not active, cannot reload.")
            for command in self.unit.reload:
                await self._run(command, "Reload")

    async def _run(self, command: Command, what: str) -> None:
        try:
            child = await spawn(self._place, self.unit, command, {"MAINPID": str(self.status.main_pid)})
        except NotStarted as error:
            raise self._failure(str(error)) from None
        code = await child.wait()
        if code and not command.may_fail:
            raise self._failure(f"{what} command `{' '.join(command.argv)}` exited {code}")

    def _failure(self, why: str) -> JobFailed:
        self._place.note(self.unit.name, f"{self.unit.name}: {why}")
        name = self.unit.name
        return JobFailed(
            f"Job for {name} failed because the control process exited with error code.\n"
            f'See "systemctl status {name}" and "journalctl -xeu {name}" for details.'
        )

    def _skipped(self) -> bool:
        lacking = [path for path in self.unit.conditions if not Path(path).exists()]
        if lacking:
            self._place.note(self.unit.name, f"{self.unit.name}: skipped, unmet condition check ConditionPathExists={lacking[0]}")
        return bool(lacking)

    async def _start(self) -> None:
        if self._skipped():
            self.status.enter("inactive", "dead")
            return
        self._limit_starts()
        self.status.enter("activating", "start")
        for name in self.unit.runtime:
            (self._place.run / name).mkdir(parents=True, exist_ok=True)
        self._place.note(self.unit.name, f"Starting {self.unit.description}...")
        try:
            for command in self.unit.pre:
                await self._run(command, "ExecStartPre")
            await self._spawn()
        except (NotStarted, UnitError) as error:
            self._dead("exit-code", 203)
            raise self._failure(str(error)) from None
        except JobFailed:
            self._dead("exit-code", 1)
            raise
        self._watcher = asyncio.create_task(self._watch())
        await self._wait_until_ready()

    def _limit_starts(self) -> None:
        now, unit = time.monotonic(), self.unit
        self.status.starts = [t for t in self.status.starts if now - t < unit.limit_interval]
        if len(self.status.starts) >= unit.limit_burst:
            self._place.note(unit.name, f"{unit.name}: Start request repeated too quickly.")
            self._dead("start-limit-hit", self.status.exit_status)
            raise JobFailed(
                f'Job for {unit.name} failed.\nSee "systemctl status {unit.name}" and "journalctl -xeu {unit.name}" for details.'
            )
        self.status.starts.append(now)

    async def _spawn(self) -> None:
        extra = {}
        if self.unit.type == "notify":
            self._notify = NotifySocket(self._place.run / f".notify-{self.unit.name}", self._say)
            extra["NOTIFY_SOCKET"] = str(self._notify.path)
        self._main = await spawn(self._place, self.unit, self.unit.start, extra, self._listening())
        self.status.main_pid = self._main.pid
        self.status.started = time.time()
        self.status.result = "success"

    def _say(self, text: str) -> None:
        self.status.text = text

    async def _wait_until_ready(self) -> None:
        assert self._watcher
        if self._notify:
            ready = asyncio.ensure_future(self._notify.ready.wait())
            limit = None if self.unit.start_timeout == float("inf") else self.unit.start_timeout
            await asyncio.wait({ready, self._watcher}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
            was_ready = ready.done()
            ready.cancel()
            if not was_ready:
                if not self._watcher.done():
                    await self._stop(announce=False, result="timeout")
                raise self._failure("it ended, or its time was over, before it said that it was ready")
        if self.status.active == "activating":
            self.status.enter("active", "running")
            self._place.note(self.unit.name, f"Started {self.unit.description}.")

    async def _stop(self, announce: bool = True, result: str = "success") -> None:
        if self._watcher:
            self._watcher.cancel()
        if self._main:
            self.status.enter("deactivating", "stop-sigterm")
            if not await end(self._place, self.unit, self._main):
                result = "timeout"
        if self.status.active not in ("inactive", "failed") or announce:
            self._place.note(self.unit.name, f"Stopped {self.unit.description}.")
            self._dead(result, self.status.exit_status, announce)

    async def _watch(self) -> None:
        """Wait for the process to end by itself, and do what Restart= wants."""
        assert self._main
        code = await self._main.wait()
        self._place.note(self.unit.name, f"{self.unit.name}: Main process exited, code={code}")
        await end(self._place, self.unit, None)
        if code >= 0:
            clean, result = code == 0, "success" if code == 0 else "exit-code"
        else:
            clean, result = signal.Signals(-code) in CLEAN_SIGNALS, "success" if -code in CLEAN_SIGNALS else "signal"
        self.status.exit_code = "exited" if code >= 0 else "killed"
        again = self._restarts(clean, code)
        self._dead(result, abs(code), announce=not again)
        if again:
            self.status.enter("activating", "auto-restart")
            self._restart = asyncio.create_task(self._start_again())

    def _restarts(self, clean: bool, code: int) -> bool:
        policy = self.unit.restart
        abnormal = code < 0 and not clean
        wanted = {"always": True, "on-failure": not clean, "on-success": clean, "on-abnormal": abnormal}
        return wanted.get(policy, False)

    async def _start_again(self) -> None:
        await asyncio.sleep(self.unit.restart_after)
        async with self._job:
            self._restart = None
            self.status.restarts += 1
            try:
                await self._start()
            except JobFailed as failure:
                self._place.note(self.unit.name, str(failure))

    def _forget_restart(self) -> None:
        if self._restart:
            self._restart.cancel()
            self._restart = None

    def _dead(self, result: str, code: int, announce: bool = True) -> None:
        if self._notify:
            self._notify.close()
        self._main = self._notify = None
        self.status.main_pid = 0
        self.status.result, self.status.exit_status = result, code
        self.status.enter("inactive" if result == "success" else "failed", "dead" if result == "success" else "failed")
        if announce:
            self._on_dead(self.unit.name)
