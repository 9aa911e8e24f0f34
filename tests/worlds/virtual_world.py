"""Rollouts in virtual time: the whole task against the stand-in's real API, as slow as AWS and at once.

A wait of the product moves the clock of the cloud; nothing else does, but for what a call takes. These are AWS's seconds, however
busy the machine is.

with virtual(4) as world:
    world.roll(surge=1)
    assert world.calls.total() < 120
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from types import SimpleNamespace
from typing import Any

import botocore.endpoint
import pytest
from botocore.retries import bucket

from rehearsal.cloud import standin
from rehearsal.cloud.checker import Outcome, Probe
from rehearsal.cloud.moto_state import LOCK
from tasks.operations.rollout import roll_out
from tests.rehearsal.standin import Cloud, stand_in
from tests.worlds.rolling_world import RollingWorld, build

BOOT, HEALTHY, POLL, INTERVAL = 150.0, 50.0, 10.0, 10
CALL = 0.05  # AWS's seconds that a call takes
STEP = 0.25  # seconds between two turns of the cloud's loops


class VirtualChecks:
    """Health checks without HTTP: a target answers so many seconds after it was asked first."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.delay = 0.0
        self._now = now
        self._answers: dict[Any, float] = {}
        self._outcomes: list[Outcome] = []

    def submit(self, key: Any, probe: Probe) -> None:
        """Note what a check of a target meets now."""
        well = self._now() >= self._answers.setdefault(key, self._now() + self.delay)
        self._outcomes.append(Outcome(key, 200 if well else None, "" if well else "refused"))

    def outcomes(self) -> list[Outcome]:
        """Take the outcomes since the last time."""
        taken, self._outcomes = self._outcomes, []
        return taken

    def close(self) -> None:
        """End nothing."""


@dataclass
class VirtualClock:
    """The product's clock, and the cloud's: what is slept passes in the cloud."""

    cloud: Cloud
    began: float = field(default_factory=time.time)
    passed: float = 0.0
    due: list[tuple[float, Callable[[], object]]] = field(default_factory=list)

    def now(self) -> float:
        """Return the time in seconds since the epoch."""
        return self.began + self.passed

    elapsed = now

    def sleep(self, seconds: float) -> None:
        """Let time pass in the cloud."""
        end = self.passed + seconds
        while self.passed < end:
            self.passed = min(end, self.passed + STEP)
            for one in [one for one in self.due if one[0] <= self.passed]:
                self.due.remove(one)
                one[1]()
            with LOCK:
                self.cloud.standin.world.tick()


@dataclass
class VirtualWorld:
    """A fleet in virtual time; `looks` are the calls of the last rollout, with the seconds since it began."""

    rolling: RollingWorld
    clock: VirtualClock
    instances: int
    looks: list[tuple[float, str]] = field(default_factory=list)

    def roll(self, surge: int = 1, **more: Any) -> None:
        """Roll the fleet out as `rollout` does, at AWS's pace."""
        at_once = {"surge": surge, "batch": surge, "poll": POLL, "healthy_polls": 3}
        run = replace(self.rolling.run(**(at_once | {"instance_timeout": 900, "timeout": 14400} | more)), clock=self.clock)
        self.looks.clear()
        self.clock.began, self.clock.passed = self.clock.now(), 0.0
        roll_out(run, {}, None)

    def after(self, seconds: float, act: Callable[[], object]) -> None:
        """Do something so many seconds after the next rollout begins."""
        self.clock.due.append((seconds, act))

    @property
    def calls(self) -> Counter[str]:
        """Return the API calls of the last rollout by name."""
        return Counter(name for _, name in self.looks)

    def ratio(self, surge: int = 1) -> float:
        """Return the time that the last rollout took, in times of the shortest in which so many can be replaced."""
        return self.looks[-1][0] / (self.instances / surge * (BOOT + HEALTHY))

    def longest(self, *names: str) -> float:
        """Return the most seconds between two calls of these names during the last rollout."""
        at = [when for when, name in self.looks if name.split(":")[1] in names]
        return max(b - a for a, b in zip(at, at[1:], strict=False))


@contextmanager
def virtual(instances: int, *, seed: int = 0, throttled: float = 0.0) -> Iterator[VirtualWorld]:
    """Build a cloud whose time is virtual and a fleet in it, with visitors' health checks as slow as AWS's."""
    with (
        stand_in(time_scale=1.0, boot=0.0, terminate=10.0, tick=threading.TIMEOUT_MAX, seed=seed) as cloud,
        pytest.MonkeyPatch.context() as patch,
    ):
        clock = VirtualClock(cloud)
        account = cloud.standin.world
        checks = VirtualChecks(clock.now)
        patch.setattr(account.timing, "now", clock.now)
        patch.setattr(account.targets, "_checker", checks)
        patch.setattr(standin._QuietHandler, "date_time_string", lambda self, at=None: formatdate(clock.now(), usegmt=True))
        patch.setattr(cloud, "wait", lambda happened, *_, **__: _until(clock, happened), raising=False)
        patch.setattr(random, "uniform", random.Random(seed).uniform)
        fleet = build(cloud, instances, least=instances, most=2 * instances, delay=30)
        checked = {"HealthCheckIntervalSeconds": INTERVAL, "UnhealthyThresholdCount": 10}
        cloud.client("elbv2").modify_target_group(TargetGroupArn=fleet.fleet.target_group, **checked)
        account.options.boot, checks.delay = BOOT, HEALTHY - INTERVAL / 2
        for activity in account.scaling.groups.find(fleet.fleet.group).activities:
            activity.ended = activity.started + BOOT
        world = VirtualWorld(fleet, clock, instances)
        _watch(patch, world, account)
        _retry(patch, clock)
        cloud.control("faults", {"throttle": throttled, "seed": seed})
        yield world


def _until(clock: VirtualClock, happened: Callable[[], Any]) -> Any:
    for _ in range(600):
        if result := happened():
            return result
        clock.sleep(STEP)
    raise AssertionError("not within 600 s")


def _watch(patch: pytest.MonkeyPatch, world: VirtualWorld, account: Any) -> None:
    came = account.calls.came

    def noted(service: str, action: str) -> Any:
        world.clock.passed += CALL
        world.looks.append((world.clock.passed, f"{service}:{action}"))
        return came(service, action)

    patch.setattr(account.calls, "came", noted)


def _retry(patch: pytest.MonkeyPatch, clock: VirtualClock) -> None:
    """Let botocore's retries and its limiter wait in virtual time too."""

    class Condition(threading.Condition):
        def wait(self, timeout: float | None = None) -> bool:
            clock.sleep(timeout or STEP)
            return True

    patch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=clock.sleep, time=clock.now))
    patch.setattr(bucket, "threading", SimpleNamespace(Condition=Condition, Lock=threading.Lock))
    patch.setattr(bucket.Clock, "current_time", lambda self: clock.now())
    patch.setattr(bucket.Clock, "sleep", lambda self, seconds: clock.sleep(seconds))
