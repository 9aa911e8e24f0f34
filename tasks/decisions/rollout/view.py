"""A fleet during a rollout, with what follows from it: old and new instances, missing capacity, failures."""

import math
from dataclasses import dataclass, replace
from functools import cached_property

from .launch_failures import explained, passes
from .snapshot import Fleet, FleetInstance, Policy, Record, gated, units, unlowered
from .steps import Abort, Step, TurnBack


@dataclass(frozen=True)
class View:
    """A fleet during a run, with what follows from it."""

    fleet: Fleet
    policy: Policy
    record: Record
    now: float

    @cached_property
    def new(self) -> list[FleetInstance]:
        """Return the members of the wanted version."""
        stay = self.record.aborted
        return [i for i in self.fleet.members if stay or i.version == self.record.wanted]

    @cached_property
    def old(self) -> list[FleetInstance]:
        """Return the members to be replaced."""
        stay = self.record.aborted
        return [i for i in self.fleet.members if not stay and i.version != self.record.wanted]

    @cached_property
    def surged(self) -> bool:
        """Return whether the call that points and surges has been made, as far as the group shows it after a crash."""
        if self.record.back or self.record.surged:
            return True
        raised = self.fleet.maximum >= self.record.raised
        if self.record.pointed and self.record.surge:
            return raised
        # Others may have pointed the group elsewhere since, and the launched instances may have died: then only max shows it.
        if self.record.surge and self.record.raised > self.record.maximum and raised:
            return True
        launched = any(i.id in self.fleet.launched for i in self.new)
        return self.fleet.version == self.record.target or launched

    @property
    def pointed(self) -> bool:
        """Return whether the group launches the wanted version."""
        return self.fleet.version == self.record.wanted and self.surged

    @cached_property
    def owed(self) -> int:
        """Return how much of the surge has not been returned yet."""
        alive = {i.id for i in self.fleet.instances if not i.leaving}
        # An instance that died before it was terminated has returned nothing: the group replaces it.
        gone = sum(1 for i in self.record.returning if i in self.fleet.requested or i not in alive | self.fleet.died)
        taken = self.record.surge if self.surged else 0
        if self.lowered:
            return 0
        if self.record.back and self.pointed:
            taken += self.record.extra
        return max(0, taken - self.record.returned - gone)

    @property
    def lowered(self) -> bool:
        """Return whether desired was lowered by the surge (weights only), as far as the group shows it after a crash."""
        return not unlowered(self.fleet, self.record)

    @property
    def returnable(self) -> int:
        """Return how much can be returned: the group refuses a decrement below MinSize."""
        return max(0, min(self.owed, self.fleet.desired - self.fleet.minimum))

    @property
    def floor(self) -> int:
        """Return the units that must serve at any moment: what the group would desire without the surge."""
        return self.fleet.desired - self.owed

    def serving(self, instance: FleetInstance) -> bool:
        """Return whether an instance counts: an old one when ready, a new one only after its gate."""
        return self.gated(instance) if instance.version == self.record.wanted else instance.ready

    def gated(self, instance: FleetInstance) -> bool:
        """Return whether an instance has passed: ready over consecutive polls, warmed up, and of the right revision."""
        return gated(instance, self.policy, self.now)

    @property
    def suspects(self) -> list[FleetInstance]:
        """Return new instances that do not serve, the oldest first: only as many as an operator would read about."""
        return sorted((i for i in self.new if not self.gated(i)), key=lambda i: (i.since, i.id))[:2]

    @property
    def short(self) -> int:
        """Return how many units the group still lacks: it has not launched them, or cannot."""
        return max(0, self.fleet.desired - units(self.fleet.members))

    @property
    def coming(self) -> int:
        """Return how many instances the group will launch for them, at least."""
        return math.ceil(self.short / self.fleet.heaviest)

    @cached_property
    def strength(self) -> int:
        """Return how many units serve."""
        return units(i for i in self.fleet.members if self.serving(i))

    @property
    def spare(self) -> int:
        """Return how many serving units may be terminated now.

        More than the group desires does not count: it is about to end that itself (Capacity Rebalancing launches first).
        """
        return min(self.strength, self.fleet.desired + self.fleet.heaviest - 1) - self.floor

    @property
    def leaving(self) -> int:
        """Return how many instances are terminating."""
        return sum(1 for i in self.fleet.instances if i.leaving and not i.retained)

    @property
    def unfinished(self) -> bool:
        """Return whether more is left to do than to clean up."""
        return bool(self.old or self.missing or self.owed)

    @property
    def watched(self) -> bool:
        """Return whether the run may still roll back though nothing is left to replace: a pause, or groups not ready."""
        policy, record = self.policy, self.record
        return not record.back and (policy.pause > 0 or policy.together) and record.passed < max(1, record.size)

    def trouble(self) -> str | None:
        """Return why the run must not continue, or None."""
        if self.record.aborted or not (self.unfinished or self.watched):
            return None
        if not self.record.back and self.policy.stop:
            return self.policy.stop
        if not self.record.back and self.fleet.alarms:
            return f"alarm {', '.join(self.fleet.alarms)} is in ALARM"
        if not self.record.back and self.fleet.exceeded:
            return "; ".join(self.fleet.exceeded)
        late = self.policy.instance_timeout
        for i in self.new:
            revision = self.policy.revisions.get(i.version)
            if revision and i.revision and i.revision != revision:
                return f"{i.id} reports revision {i.revision[:12]}, not {revision[:12]}"
            if self._late(i):
                return f"{i.id} does not serve within {late:.0f} s: {describe(i)}"
        return self._failed_launches() or self._crash_loop()

    def _failed_launches(self) -> str | None:
        late, most = self.policy.instance_timeout, self.policy.max_failures
        failed, departed = [f for f in self.fleet.failures if not passes(f)], self.fleet.departed
        if len(failed) + len(departed) >= most and failed:
            return f"{len(failed) + len(departed)} launches failed: {explained(failed[0])}"
        if len(departed) >= most:
            return f"{len(departed)} new instances ended before they served: {', '.join(departed[:3])}"
        if self.fleet.short_since is not None and self.now - max(self.fleet.short_since, self.record.started) > late:
            reason = explained(next(iter(self.fleet.failures), "no launch has failed"))
            return f"the group is short of instances for more than {late:.0f} s: {reason}"
        return None

    def _late(self, instance: FleetInstance) -> bool:
        if self.gated(instance):
            return False
        asked = self.policy.proof or instance.version in self.policy.revisions
        silent = instance.ready and asked and instance.revision is None
        since = instance.in_service_since if silent else instance.idle_since
        # What happened before the rollback began does not count against it.
        return since is not None and self.now - max(since, self.record.started) > self.policy.instance_timeout

    def _crash_loop(self) -> str | None:
        grown = max(0, self.floor - self.record.desired)
        # Light instances may replace heavy ones, those of the surge too.
        light = self.record.desired + max(self.record.surge, self.policy.surge, self.fleet.least_surge)
        size = light if self.fleet.weighted else self.record.size
        most = size + max(0, self.record.extra) + grown + self.policy.max_failures
        if self.record.size and self.fleet.launches > most:
            return f"{self.fleet.launches} launches for {self.record.size} instances: they do not stay alive"
        return None

    @cached_property
    def missing(self) -> int:
        """Return how many new units the group still has to bring into service."""
        if self.record.aborted:
            return 0
        return max(0, self.floor - units(self.old) - units(i for i in self.new if self.gated(i)))

    def turn_back(self, why: str) -> Step:
        """Return the step that begins the rollback, with what is left of the surge."""
        owed = self.owed
        bad = units(self.new)
        surge = max(self.policy.surge, self.fleet.least_surge)
        extra = max(0, min(surge, bad) - owed) if self.surged else 0
        # The part of the surge that could not launch is dropped by the call that points back: no instance to terminate for it.
        given_up = min(self.short, max(0, owed - bad))
        return TurnBack(
            replace(
                self.record,
                back=True,
                surge=owed,
                returned=0,
                returning=(),
                extra=extra - given_up,
                lowering=0,
                raised=max(self.record.raised, self.fleet.maximum) + (extra if self.policy.raise_max else 0),
                # AWS shows times in whole seconds: what failed within this second belongs to the rollout.
                started=self.now + 1,
            ),
            why,
        )

    def abort(self) -> Step:
        """Return the step that ends the run now."""
        aborted = replace(self.record, back=True, aborted=True, surge=self.owed, returned=0, returning=(), lowering=0)
        # The part that could not launch is dropped by the call that points the group back, where there is one.
        given_up = min(self.short, self.owed) if self.fleet.version != aborted.wanted else 0
        return Abort(replace(aborted, extra=-given_up))


def waiting(view: View) -> str:
    """Return the text that says what the run waits for."""
    starting = [describe(i) for i in view.new if not view.gated(i)]
    new = sum(1 for i in view.fleet.members if i.version == view.record.wanted)
    parts = [f"{view.strength} of {view.floor} serve", f"{new} new, {len(view.fleet.members) - new} old"]
    if view.leaving:
        parts.append(f"{view.leaving} draining")
    retained = [i.id for i in view.fleet.instances if i.retained]
    if retained:
        parts.append(f"{', '.join(retained)} Terminating:Retained, not waited for: terminate what was inspected")
    if view.fleet.failures:
        parts.append(f"last failed launch: {explained(view.fleet.failures[0])}")
    return "; ".join(parts + starting[:3])


def describe(instance: FleetInstance) -> str:
    """Describe an instance in a few words."""
    targets = "/".join(sorted(set(instance.targets))) or "no target group"
    revision = f", revision {instance.revision[:12]}" if instance.revision else ""
    why = f" ({instance.reason})" if instance.reason else ""
    return f"{instance.id} {instance.lifecycle}, {targets}{why}, ready in {instance.polls} looks{revision}"
