"""The init's side of `systemctl` and `journalctl`: the verbs, messages and exit codes that the tasks meet on a real machine.

A verb or an option that is not modelled is refused, never guessed. Source: systemctl(1), "Exit status".
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from . import journalctl, properties
from .command_lines import Asked, Refused, read
from .services import JobFailed, Service
from .supervisor import Supervisor, UnknownUnit


@dataclass
class Answer:
    """What a command prints and its exit code."""

    out: str = ""
    err: str = ""
    code: int = 0


class Systemctl:
    """Answer command lines about one machine's init."""

    def __init__(self, init: Supervisor) -> None:
        self._init = init
        self._verbs: dict[str, Callable[[Asked, list[str]], Awaitable[Answer]]] = {
            "is-active": self._is_active,
            "is-failed": self._is_failed,
            "is-enabled": self._is_enabled,
            "show": self._show,
            "status": self._status,
            "cat": self._cat,
            "reset-failed": self._reset_failed,
        }
        self._jobs: dict[str, Callable[[str], Awaitable[None]]] = {
            "start": init.start,
            "stop": init.stop,
            "restart": init.restart,
            "reload": init.reload,
            "try-restart": self._try_restart,
            "reload-or-restart": self._reload_or_restart,
        }

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one command of a stand-in on the control socket."""
        try:
            name, *argv = json.loads(await reader.readline())
            answer = await (self.run(argv) if name == "systemctl" else self.journalctl(argv))
            writer.write(json.dumps(answer.__dict__).encode())
            await writer.drain()
        except (ConnectionError, ValueError):
            pass  # the client has gone
        finally:
            writer.close()

    async def run(self, argv: list[str]) -> Answer:
        """Do what a command line of systemctl says."""
        try:
            asked = read(argv)
        except Refused as error:
            return Answer(err=f"{error}\n", code=1)
        verb, names = (asked.words or [""])[0], [n if "." in n else f"{n}.service" for n in asked.words[1:]]
        if verb == "daemon-reload" and not names:
            self._init.load()
            return Answer()
        if verb not in self._verbs and verb not in self._jobs:
            known = ", ".join(sorted([*self._verbs, *self._jobs, "daemon-reload"]))
            return Answer(err=f"systemctl: `{' '.join(argv)}` is not modelled by the rehearsal; modelled: {known}\n", code=1)
        if verb == "show" and not names and asked.wanted:
            values: properties.Properties = [
                ("UserspaceTimestampMonotonic", str(self._init.booted)),
                ("FinishTimestampMonotonic", str(self._init.finished)),
            ]
            return Answer(properties.lines(values, asked.wanted, asked.bare))
        if not names:
            return Answer(err="Too few arguments.\n", code=1)
        answer = await (self._verbs[verb](asked, names) if verb in self._verbs else self._job(verb, names))
        return Answer("", answer.err, answer.code) if asked.quiet else answer

    async def _job(self, verb: str, names: list[str]) -> Answer:
        answer = Answer()
        for name in names:
            stale = name in {**self._init.services, **self._init.sockets} and self._init.changed(name)
            if stale:
                answer.err += (
                    f"Warning: The unit file, source configuration file or drop-ins of {name} changed on disk. "
                    "Run 'systemctl daemon-reload' to reload units.\n"
                )
            try:
                await self._jobs[verb](name)
            except UnknownUnit:
                answer.err += f"Failed to {verb} {name}: Unit {name} not found.\n"
                answer.code = 5
            except JobFailed as failure:
                answer.err += f"{failure}\n"
                answer.code = 1
        return answer

    async def _try_restart(self, name: str) -> None:
        unit = self._init.find(name)
        if (unit.status.active if isinstance(unit, Service) else unit.active) == "active":
            await self._init.restart(name)

    async def _reload_or_restart(self, name: str) -> None:
        unit = self._init.find(name)
        if isinstance(unit, Service) and unit.unit.reload and unit.status.active == "active":
            await self._init.reload(name)
        else:
            await self._init.restart(name)

    def _value(self, name: str, key: str) -> str:
        try:
            return dict(properties.show(self._init, name))[key] or ""
        except (UnknownUnit, JobFailed):
            return ""

    async def _is_active(self, asked: Asked, names: list[str]) -> Answer:
        states = [self._value(name, "ActiveState") for name in names]
        code = 0 if "active" in states else 3 if any(states) else 4
        return Answer("".join(f"{state or 'inactive'}\n" for state in states), code=code)

    async def _is_failed(self, asked: Asked, names: list[str]) -> Answer:
        states = [self._value(name, "ActiveState") or "inactive" for name in names]
        return Answer("".join(f"{state}\n" for state in states), code=0 if "failed" in states else 1)

    async def _is_enabled(self, asked: Asked, names: list[str]) -> Answer:
        missing = [name for name in names if name not in self._init.on_disk()]
        errors = "".join(f"Failed to get unit file state for {name}: No such file or directory\n" for name in missing)
        return Answer("enabled\n" * (len(names) - len(missing)), errors, 1 if missing else 0)

    async def _show(self, asked: Asked, names: list[str]) -> Answer:
        parts = []
        for name in names:
            try:
                values = properties.show(self._init, name)
            except UnknownUnit:
                values = properties.unknown(name)
            except JobFailed as failure:
                values = [*properties.unknown(name), ("LoadError", str(failure))]
                values[1] = ("LoadState", "bad-setting")
            parts.append(properties.lines(values, asked.wanted, asked.bare))
        return Answer("\n".join(parts))

    async def _status(self, asked: Asked, names: list[str]) -> Answer:
        answer = Answer()
        for name in names:
            try:
                answer.out += properties.status(self._init, name, asked.lines)
                answer.code = answer.code or (0 if self._value(name, "ActiveState") == "active" else 3)
            except UnknownUnit:
                answer.err += f"Unit {name} could not be found.\n"
                answer.code = 4
            except JobFailed as failure:
                answer.out += f"○ {name}\n     Loaded: bad-setting (Reason: {failure})\n     Active: inactive (dead)\n"
                answer.code = answer.code or 3
        return answer

    async def _cat(self, asked: Asked, names: list[str]) -> Answer:
        files = self._init.on_disk()
        missing = [name for name in names if name not in files]
        if missing:
            return Answer(err="".join(f"No files found for {name}.\n" for name in missing), code=1)
        return Answer("\n".join(f"# {self._init.folder / name}\n{files[name]}" for name in names))

    async def _reset_failed(self, asked: Asked, names: list[str]) -> Answer:
        for name in names:
            unit = self._init.services.get(name)
            if unit:
                unit.status.starts.clear()
                if unit.status.active == "failed":
                    unit.status.enter("inactive", "dead")
        return Answer()

    async def journalctl(self, argv: list[str]) -> Answer:
        """Print what units have printed: the options that `journalctl.MODELLED` names, and nothing else."""
        try:
            out, code = journalctl.answer(argv, self._init.place.journal(""), datetime.now(UTC))
        except journalctl.Unmodelled as error:
            return Answer(err=f"journalctl: {error}\n", code=1)
        return Answer(out, code=code)
