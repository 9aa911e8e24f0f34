"""One run in a cloud of its own: a fleet, visitors, and one tool that rolls it; prints the outcome as JSON."""

import http.client
import json
import sys
import tempfile
import threading
import time
from dataclasses import asdict
from pathlib import Path

from rehearsal.balancer import Balancer
from tests.benchmarks.rollout.figures import Delays, Outcome
from tests.benchmarks.rollout.tools import TOOLS, Job
from tests.rehearsal.standin import Cloud, stand_in
from tests.worlds.rolling_world import RollingWorld, build

INTERVAL = 10  # AWS seconds between two health checks


class Visitors:
    """A small continuous traffic through the balancer: a request at a time."""

    def __init__(self, cloud: Cloud) -> None:
        self.requests = self.failed = 0
        self._address = f"127.{cloud.octet}.0.3"
        self._balancer = Balancer(self._address, 8080, cloud.standin.routes())
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._stroll)

    def __enter__(self) -> "Visitors":
        self._balancer.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._balancer.close()

    def _stroll(self) -> None:
        while not self._over.wait(0.2):
            self.requests += 1
            self.failed += not self._well()

    def _well(self) -> bool:
        connection = http.client.HTTPConnection(self._address, 8080, timeout=30)
        try:
            connection.request("GET", "/", headers={"Host": "shop.example.com"})
            answer = connection.getresponse()
            answer.read()
            return answer.status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


class Stopwatch:
    """Watch the log of calls: when the first came and when the last."""

    def __init__(self, cloud: Cloud) -> None:
        self._calls = cloud.standin.world.calls
        self._over = threading.Event()
        self._times: list[float] = []
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "Stopwatch":
        self._calls.clear()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        seen = 0
        while not self._over.wait(0.01):
            if self._calls.total != seen:
                seen = self._calls.total
                self._times.append(time.monotonic())

    @property
    def seconds(self) -> float:
        """Return the time between them."""
        return self._times[-1] - self._times[0]


def _fleet(cloud: Cloud, instances: int) -> RollingWorld:
    world = build(cloud, instances, version="1", least=instances, most=2 * instances, delay=30, wait=False)
    elb = cloud.client("elbv2")
    elb.modify_target_group(
        TargetGroupArn=world.fleet.target_group, HealthCheckIntervalSeconds=INTERVAL, UnhealthyThresholdCount=10
    )
    cloud.wait(lambda: len(cloud.healthy(world.fleet)) == instances, 600)
    return world


def _assert_rolled(world: RollingWorld, instances: int) -> None:
    world.cloud.wait(lambda: len(world.cloud.members(lifecycle="")) == instances)
    assert world.versions() == [world.next] * instances, world.versions()
    assert len(world.cloud.healthy(world.fleet)) == instances


def measure(tool: str, instances: int, surge: int, delays: Delays, speed: float, throttled: float) -> Outcome:
    """Let a tool roll a fleet. Raises AssertionError where the fleet is not rolled afterwards."""
    # The site answers just before the health check at which it is to be found healthy.
    options = {"boot": delays.boot / speed, "app_start": (delays.boot + delays.healthy - INTERVAL / 2) / speed}
    with tempfile.TemporaryDirectory() as name, stand_in(time_scale=1 / speed, terminate=10 / speed, **options) as cloud:
        world = _fleet(cloud, instances)
        job = Job(cloud.url, Path(name), "web", world.fleet.template, world.next, instances, surge, delays.poll, speed)
        with Visitors(cloud) as visitors, Stopwatch(cloud) as watch:
            cloud.control("faults", {"throttle": throttled, "seed": instances})
            TOOLS[tool](job)
            cloud.control("faults", {"throttle": 0.0})
        calls = {name: told["count"] for name, told in cloud.control("calls")["actions"].items()}
        _assert_rolled(world, instances)
        return Outcome(tool, instances, surge, watch.seconds * speed, calls, visitors.requests, visitors.failed, throttled)


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    print(json.dumps(asdict(measure(**{**given, "delays": Delays(**given["delays"])}))))
