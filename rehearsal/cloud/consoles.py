"""Console output as GetConsoleOutput shows it: posted late, kept for a while, live only on request and on Nitro.

Source: the EC2 guide, "Troubleshoot an unreachable instance": what is buffered is posted shortly after a start, stop, reboot or
terminate, and available for at least an hour; only the last 64 KB; `Latest` needs an instance built on the Nitro system.
"""

import random
from dataclasses import dataclass, field

from ..hosts.base import Hosts
from .errors import ApiError
from .instance_types import is_nitro
from .options import Options
from .timing import Timing

LIMIT = 64 * 1024
KEYS = ("ssh-", "ecdsa-")


@dataclass
class Console:
    """EC2's copy of one instance's console."""

    text: str = ""
    posted: float | None = None
    due: list[float] = field(default_factory=list)


class Consoles:
    """The consoles of all instances, live and as posted."""

    def __init__(self, hosts: Hosts, options: Options, timing: Timing) -> None:
        self._hosts = hosts
        self._options = options
        self._timing = timing
        self._consoles: dict[str, Console] = {}

    def changed(self, instance_id: str) -> None:
        """Post the console a while after this: the instance starts, stops or reboots."""
        due = self._timing.now() + self._timing.real(self._options.console_posted)
        self._consoles.setdefault(instance_id, Console()).due.append(due)

    def ends(self, instance_id: str) -> None:
        """Post the console now, while the host still knows it: the instance is terminated."""
        self._post(self._consoles.setdefault(instance_id, Console()), instance_id)

    def _post(self, console: Console, instance_id: str) -> None:
        console.text, console.posted = self._hosts.console(instance_id), self._timing.now()

    def tick(self, now: float) -> None:
        """Post what is due."""
        for instance_id, console in self._consoles.items():
            if console.due and now >= console.due[0]:
                console.due = [due for due in console.due if now < due]
                if text := self._hosts.console(instance_id):
                    console.text, console.posted = text, now

    def shown(self, instance_id: str, instance_type: str, *, latest: bool) -> tuple[str, float]:
        """Return what a call shows, and of when it is. Raises ApiError for `latest` of a type that cannot do it."""
        if latest and not is_nitro(instance_type):
            raise ApiError("UnsupportedOperation", "This instance type does not support retrieving the latest console logs.")
        text, at = self._text(instance_id, latest=latest)
        chance = random.Random(f"{self._options.seed} {instance_id}").random()
        return (_noisy(text) if chance < self._options.console_noise else text)[-LIMIT:], at

    def _text(self, instance_id: str, *, latest: bool) -> tuple[str, float]:
        live = self._hosts.console(instance_id)
        now = self._timing.now()
        if latest or not self._options.console_posted:
            return live or self._consoles.get(instance_id, Console()).text, now
        console = self._consoles.get(instance_id, Console())
        kept = self._timing.real(self._options.console_kept)
        if console.posted is None or (kept and now > console.posted + kept):
            return "", now
        return console.text, console.posted


def _noisy(text: str) -> str:
    """Cut lines with host keys by a message of the kernel, which shares the console with them."""

    def cut(line: str) -> str:
        at = len(line) // 2
        return f"{line[:at]}[   12.345678] random: crng init done\n{line[at:]}" if line.startswith(KEYS) else line

    return "".join(cut(line) for line in text.splitlines(keepends=True))
