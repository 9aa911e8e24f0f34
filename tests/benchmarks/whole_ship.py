"""A whole `ship` in AWS's own time, against its critical path: `python -m tests.benchmarks.whole_ship [--instances 6] [--peers]`.

The real parts of a release in their real order, against the stand-in's API: image, version, smoke boot, rollout and stop take
what AWS takes. What happens on hosts takes the seconds below, for no host is there. `--peers`: also a deploy and an image,
followed by Ansible or an instance refresh, which reload no old instance, warm no CDN and boot nothing first; these run by the
clock, as in `tests.benchmarks.rollout`.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.decisions.release import order
from tasks.decisions.release.releases import Release
from tasks.operations import bake_ami, releasing, rollout
from tasks.operations.releasing import Releasing
from tasks.runtime.run import Run
from tests.benchmarks.rollout.__main__ import _run as run_peer
from tests.benchmarks.rollout.figures import Delays
from tests.benchmarks.rollout.tools import CREDENTIALS, TOOLS, install
from tests.worlds.rolling_world import REVISION
from tests.worlds.virtual_world import BOOT, HEALTHY, POLL, VirtualClock, VirtualWorld, virtual

GOAL = 1.05
# AWS's seconds.
DEPLOY, RELOAD, WARM, COMMAND, ANSWERS, IMAGE, STOP = 120.0, 20.0, 20.0, 1.0, 40.0, 300.0, 30.0
_COMMANDS = 3  # of a host while its image is begun: stop the site, flush the disk, start the site


@dataclass(frozen=True)
class Took:
    """A release: its seconds, those of its critical path, and of each part."""

    seconds: float
    floor: float
    parts: Mapping[str, float]

    @property
    def ratio(self) -> float:
        """Return how many times as long as its critical path it took."""
        return self.seconds / self.floor


def floor(instances: int, *, early: bool) -> float:
    """Return the shortest time in which a release by one instance at a time can be made."""
    seconds = {
        order.DEPLOY: DEPLOY,
        order.BEGIN: _COMMANDS * COMMAND,
        order.RESTART: instances * RELOAD,
        order.WARM: WARM,
        order.IMAGE: IMAGE,
        order.ROLLOUT: BOOT + ANSWERS + instances * (BOOT + HEALTHY),
        order.STOP: STOP,
    }
    return order.spans(order.parts(early=early), seconds)[-1].end


def measure(instances: int, *, early: bool, seed: int = 0) -> Took:
    """Ship; `early`: as `ship` does, else the same parts one after the other.

    Raises AssertionError where the fleet is not new.
    """
    with virtual(instances, seed=seed) as world, _hosts(world) as run:
        began = world.clock.now()
        with Releasing(run, None, yes=True) as release:
            release.carry_out(order.parts(early=early, without={order.INVALIDATE, order.CONTRACT}))
        took = world.clock.now() - began
        number = next(iter(release.versions.values())).number
        assert world.rolling.versions() == [number] * instances, world.rolling.printed
        return Took(took, floor(instances, early=early), dict(release.seconds))


class _Host:
    """A management instance whose commands only take their time."""

    name = "management"

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock

    def __enter__(self) -> "_Host":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def read(self, command: str, **_: Any) -> SimpleNamespace:
        return SimpleNamespace(text=REVISION)

    def run(self, command: str, **_: Any) -> SimpleNamespace:
        self._clock.sleep(COMMAND)
        return SimpleNamespace(text="")


class _Revisions(rollout.Revisions):
    """What instances answer: the new revision. The smoke boot, asked first, needs a while; others are healthy when asked."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self._smoke: tuple[str, float] | None = None

    def of(self, address: str) -> tuple[str | None, str]:
        now = self._run.clock.now()
        self._smoke = self._smoke or (address, now + ANSWERS)
        smoke, answers = self._smoke
        return (None, "refused") if address == smoke and now < answers else (REVISION, "200")

    def faults(self, address: str) -> str:
        return ""


@contextmanager
def _hosts(world: VirtualWorld) -> Iterator[Run]:
    """Give a run of a world with a management instance, in which what happens on hosts takes its time."""
    clock, account, fleet = world.clock, world.rolling.cloud.standin.world, world.rolling.fleet
    account.options.image, account.options.stop = IMAGE, STOP
    template = {"LaunchTemplateId": fleet.template, "Version": "1"}
    known = {"ramped:role": "management", "ramped:revision": REVISION}
    tagged = [{"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in known.items()]}]
    where = {"LaunchTemplate": template, "SubnetId": fleet.subnets[0], "MinCount": 1, "MaxCount": 1}
    made = world.rolling.cloud.client("ec2").run_instances(TagSpecifications=tagged, **where)["Instances"][0]
    clock.sleep(BOOT + POLL)

    def taking(seconds: float, result: Any) -> Callable[..., Any]:
        return lambda *_, **__: clock.sleep(seconds) or result

    def opened(run: Run, *_: object) -> tuple[Any, _Host]:
        return bake_ami.instances.with_ids(run.cloud, [made["InstanceId"]])[0], _Host(clock)

    with pytest.MonkeyPatch.context() as patch:
        release = Release(REVISION, made["InstanceId"], ("a.0123456789ab.css",))
        patch.setattr(releasing, "deploy_release", taking(DEPLOY, release))
        patch.setattr(releasing, "restart_fleet", taking(world.instances * RELOAD, world.instances))
        patch.setattr(releasing, "warm", taking(WARM, None))
        patch.setattr(bake_ami, "open_management", opened)
        patch.setattr(rollout, "open_management", opened)
        patch.setattr(rollout, "Revisions", _Revisions)
        rules = {"surge": 1, "batch": 1, "poll": POLL, "healthy_polls": 3, "instance_timeout": 900, "timeout": 14400}
        run = replace(world.rolling.run(**rules, smoke_boot=True, check_revision=True), clock=clock)
        yield run.with_(image={"cleaner": None}, app={"pages": ()})


def _peers(instances: int, speed: float) -> Iterator[tuple[str, float]]:
    """Yield what others take for the same fleet after the same deploy and image, in AWS's seconds."""
    install()
    for tool in TOOLS:
        outcome = run_peer(tool, instances, 0.0, Delays(poll=POLL), speed)
        yield tool, DEPLOY + _COMMANDS * COMMAND + IMAGE + outcome.seconds


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures; return 1 where the goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.whole_ship", description=__doc__)
    parser.add_argument("--instances", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0, help="of the delays between polls")
    parser.add_argument("--peers", action="store_true", help="measure the tools of others too, by the clock")
    parser.add_argument("--speed", type=float, default=5.0, help="AWS's seconds in a second, for these")
    given = parser.parse_args(arguments)
    os.environ.update(CREDENTIALS)
    ship, after = (measure(given.instances, early=early, seed=given.seed) for early in (True, False))
    for name, took in (("ship", ship), ("the same, each part after the other", after)):
        each = ", ".join(f"{part} {seconds:.0f}" for part, seconds in took.parts.items())
        print(
            f"{name}: {took.seconds:.0f} s, {took.seconds / ship.floor:.3f} of the critical path of {ship.floor:.0f} s ({each})"
        )
    for tool, seconds in _peers(given.instances, given.speed) if given.peers else ():
        print(f"deploy, image and {tool}, without smoke boot and reloads: {seconds:.0f} s", flush=True)
    print(f"{'reached' if ship.ratio <= GOAL else 'MISSED '}  {ship.ratio:.3f} of the critical path, goal {GOAL}")
    return int(ship.ratio > GOAL)


if __name__ == "__main__":
    sys.exit(main())
