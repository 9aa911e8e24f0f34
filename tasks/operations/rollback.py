"""`rollback`: back to an earlier version, or turn an unfinished rollout back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..aws import fleets, refreshes
from ..aws.autoscaling import Group
from ..decisions.rollout.instance_refresh import Refresh
from ..decisions.rollout.snapshot import Fleet
from ..decisions.rollout.versions import Candidate, choose
from ..decisions.rollout.view import View
from ..errors import Refused, RolledBack
from ..fleet.lock import lock_of
from ..fleet.target import REFRESH, policy_of, refuse_aborted
from ..fleet.versions import known_versions
from ..runtime.cloud import Cloud
from ..runtime.run import Run
from .rollout import roll_out


def rollback(run: Run, to: str | None = None) -> None:
    """Roll back to the version before, or to a version or revision, by the same careful steps; turns back a rollout under way.

    The newest older version of ours whose image still exists is the one before. The database is not rolled back.
    """
    refreshed = _refreshed(run, to)
    looked = [fleets.observe(run.cloud, name) for name in run.settings.groups]
    under_way = [fleet for fleet, _ in looked if fleet.record]
    for fleet, group in looked:
        refuse_aborted(fleet)
        if fleet.record and to is not None and _chosen(run.cloud, fleet, group, to).number != fleet.record.source:
            raise Refused(
                f"{group.name}: a rollout from version {fleet.record.source} to {fleet.record.target} is under way: "
                "`rollback` alone turns it back"
            )
    if under_way:
        _turn_back(run, under_way)
    for name, refresh in refreshed.items():
        _turn_refresh_back(run, name, refresh)
    for fleet, group in looked:
        if not fleet.record and group.name not in refreshed:
            chosen = _chosen(run.cloud, fleet, group, to)
            run.out.say(f"{group.name}: back to {chosen}")
            roll_out(_at_once(run, [group.name]), {}, chosen.number)


def _refreshed(run: Run, to: str | None) -> dict[str, Refresh]:
    """Return the instance refreshes under way by group; where one is, a version cannot be chosen."""
    found = {name: one for name in run.settings.groups if (one := refreshes.under_way(run.cloud, name))}
    if found and to is not None:
        names = ", ".join(f"{name} to version {one.version}" for name, one in found.items())
        raise Refused(f"an instance refresh is under way ({names}): `rollback` alone turns it back")
    return found


def _turn_refresh_back(run: Run, name: str, refresh: Refresh) -> None:
    if run.dry:
        run.out.say(f"{name}: would turn the instance refresh to version {refresh.version} back")
        return
    alone = _at_once(run, [name]).with_(rollout={"engine": REFRESH, "rollback": True})
    try:
        roll_out(alone, {}, refresh.version, stop="by hand")
    except RolledBack as error:
        run.out.say(str(error))


def _chosen(cloud: Cloud, fleet: Fleet, group: Group, to: str | None) -> Candidate:
    found, live = known_versions(cloud, fleet, group)
    return choose(found, live, to)


def _at_once(run: Run, groups: Sequence[str]) -> Run:
    """Return the run for these groups, without what looks at a new version for long: an alarm may be why we go back."""
    at_once = run.with_(rollout={"canary": 0, "checkpoints": (), "pause": 0, "alarms": ()})
    return replace(at_once, settings=replace(at_once.settings, groups=tuple(groups)))


def _turn_back(run: Run, under_way: Sequence[Fleet]) -> None:
    for fleet in under_way:
        record = fleet.record
        assert record is not None
        if run.dry:
            run.out.say(f"{fleet.group}: would turn the rollout to version {record.target} back to {record.source}")
        elif not record.back:
            _turn(run, fleet.group)
    if run.dry:
        return
    try:
        roll_out(_at_once(run, [fleet.group for fleet in under_way]))
    except RolledBack as error:
        run.out.say(str(error))


def _turn(run: Run, name: str) -> None:
    """Write into the record that the rollout under way goes back."""
    with lock_of(run, name, "turning a rollout back"):
        fleet, group = fleets.observe(run.cloud, name)
        if fleet.record is None or fleet.record.back:
            return
        now = group.at or run.clock.now()
        step = View(fleet, policy_of(run, fleet, (), now), fleet.record, now).turn_back("by hand")
        run.out.say(f"{name}: {step}")
        refusal = fleets.apply(run.cloud, group, step)
        if refusal:
            raise Refused(f"{name}: AWS rejected the call: {refusal}. Run the same again")
