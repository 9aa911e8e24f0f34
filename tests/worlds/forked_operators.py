"""Operators in processes of their own, which may be killed."""

import base64
import json
import pickle
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tasks.settings.model import Settings
from tests.worlds.operator_folder import ROOT
from tests.worlds.rolling_world import RollingWorld, settings_of


class Operators:
    """The process that forks operators."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def roll(
        self, world: RollingWorld, to: str | None, kill: int | None = None, when: str = "", **rollout: Any
    ) -> dict[str, Any]:
        return self.order(settings_of(world.cloud.url, world.fleet.group, **rollout), to, kill, when)

    def order(self, settings: Settings, to: str | None, kill: int | None = None, when: str = "") -> dict[str, Any]:
        assert self._process.stdin and self._process.stdout
        sent = base64.b64encode(pickle.dumps(settings)).decode()
        order = {"settings": sent, "to": to, "kill": kill, "when": when}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return dict(json.loads(self._process.stdout.readline()))


@contextmanager
def operators() -> Iterator[Operators]:
    command = [sys.executable, "-m", "tests.worlds.operators"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Operators(process)
        assert process.stdin
        process.stdin.close()
