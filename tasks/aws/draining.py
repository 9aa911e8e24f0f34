"""Deregister an in-service instance from its target groups and register it again; the next run repairs a crash."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from ..decisions.traffic.batches import may_leave
from ..errors import Refused
from ..runtime.run import Run
from ..runtime.waiting import Waiting
from . import instances, tags, target_groups
from .serving import WebInstance

_MARGIN = 120.0  # seconds that AWS may take beyond the deregistration delay


class Targets:
    """The target health of the instances; threads share an answer for a second."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, Mapping[str, str]]] = {}
        self._forgiven: dict[str, float] = {}

    def states(self, arn: str, *, fresh: bool = False) -> Mapping[str, str]:
        """Return the health of each target by instance id."""
        with self._lock:
            at, states = self._known.get(arn, (float("-inf"), {}))
            if fresh or self._run.clock.now() - at > 1.0:
                states = target_groups.health(self._run.cloud, arn)
                self._known[arn] = (self._run.clock.now(), states)
            return states

    def unhealthy(self, web: WebInstance) -> str:
        """Return the target state that keeps an instance out of traffic, or ""; a new instance is `initial`."""
        states = [self.states(arn).get(web.id, "") for arn in web.target_groups]
        return next((state for state in states if state in ("unhealthy", "unhealthy.draining", "unavailable")), "")

    def forgiven(self, web: WebInstance) -> float:
        """Return the seconds of silence after which an instance may be unhealthy in one of its target groups."""
        with self._lock:
            for arn in web.target_groups:
                if arn not in self._forgiven:
                    self._forgiven[arn] = target_groups.checks(self._run.cloud, [arn])[arn].forgiven
            return min((self._forgiven[arn] for arn in web.target_groups), default=float("inf"))

    def await_healthy(self, web: WebInstance) -> None:
        """Wait until an instance is healthy in all its target groups.

        Raises TimedOut with the state of each.
        """

        def probe() -> bool | Waiting:
            states = {arn: self.states(arn).get(web.id, "not registered") for arn in web.target_groups}
            well = all(state == "healthy" for state in states.values())
            return well or Waiting(f"{web.id} in its target groups: {', '.join(states.values()) or 'it has none'}")

        self._run.wait(f"{web.id} to be healthy", probe, timeout=self._run.settings.restart.timeout)


class Drains:
    """Deregister instances and register them again."""

    def __init__(self, run: Run, targets: Targets) -> None:
        self._run = run
        self._targets = targets
        self._lock = threading.Lock()

    def leave(self, web: WebInstance, fleet: int) -> None:
        """Deregister an instance from its target groups, and wait until its open requests are finished.

        `fleet`: the number of instances in service in its group. Waits while too few others are healthy. Raises Refused when it
        is the only instance, TimedOut.
        """
        if fleet < 2 and web.target_groups:
            raise Refused(
                f"{web.id} is the only instance in {web.group}: deregistering it would stop the site."
                " Start gunicorn behind a systemd socket"
            )
        delay = max((self._delay(arn) for arn in web.target_groups), default=0.0)

        def make_room() -> bool | Waiting:
            return self._take_out(web, fleet) or Waiting(f"{web.id} waits until more of the other instances are healthy")

        room = 2 * (delay + _MARGIN + self._run.settings.restart.timeout)
        self._run.wait(f"a moment to drain {web.id}", make_room, timeout=room)

        def drained() -> bool | Waiting:
            states = [self._targets.states(arn).get(web.id, "unused") for arn in web.target_groups]
            return set(states) <= {"unused"} or Waiting(f"{web.id} is {', '.join(states)}")

        self._run.wait(f"{web.id} to drain", drained, timeout=delay + _MARGIN)

    def come_back(self, web: WebInstance) -> None:
        """Register an instance with the target groups that lack it."""
        for arn in web.target_groups:
            if self._targets.states(arn, fresh=True).get(web.id, "unused") in ("unused", "draining"):
                target_groups.register(self._run.cloud, arn, web.id)
        instances.untag(self._run.cloud, [web.id], [tags.DRAINED])

    def _take_out(self, web: WebInstance, fleet: int) -> bool:
        # One at a time: two threads that check together could both take the last place.
        with self._lock:
            if not all(may_leave(web.id, self._targets.states(arn, fresh=True), fleet) for arn in web.target_groups):
                return False
            instances.tag(self._run.cloud, [web.id], {tags.DRAINED: self._run.command[:256]})
            for arn in web.target_groups:
                target_groups.deregister(self._run.cloud, arn, web.id)
                self._targets.states(arn, fresh=True)
            return True

    def _delay(self, arn: str) -> float:
        return float(target_groups.deregistration_delay(self._run.cloud, arn))
