"""`rollback`: go back to an earlier version, or turn an unfinished rollout back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..aws import fleets, refreshes
from ..aws.autoscaling import Group
from ..decisions.rollout.snapshot import Fleet
from ..decisions.rollout.versions import Candidate, choose
from ..errors import Refused
from ..fleet.lock import await_locks
from ..fleet.target import REFRESH, refuse_aborted
from ..fleet.versions import known_versions
from ..runtime.cloud import Cloud
from ..runtime.run import Run
from .rollout import replace_instances, roll_out


def rollback(run: Run, to: str | None = None) -> None:
    """Roll back to the previous version, or to a version or revision; turns an unfinished rollout back.

    The previous version is the newest older one that served and whose image still exists. The database is not rolled back.
    """
    await_locks(run)
    refreshed = _refreshed(run, to)
    looked = [fleets.observe(run.cloud, name) for name in run.settings.groups]
    for fleet, group in looked:
        refuse_aborted(fleet)
        if fleet.record and to is not None and _chosen(run.cloud, fleet, group, to).number != fleet.record.source:
            raise Refused(
                f"{group.name}: a rollout from version {fleet.record.source} to {fleet.record.target} is under way: "
                "`rollback` alone turns it back"
            )
    under_way = [fleet.group for fleet, _ in looked if fleet.record]
    if under_way:
        _turn_back(run, under_way, "ramped")
    for name in refreshed:
        _turn_back(run, [name], REFRESH)
    for fleet, group in looked:
        if not fleet.record and group.name not in refreshed:
            chosen = _chosen(run.cloud, fleet, group, to)
            how = f", last rolled out {chosen.released.when} by {chosen.released.by}" if chosen.released else ""
            run.out.say(f"{group.name}: back to {chosen}{how}")
            if not chosen.served:
                run.out.warn(f"version {chosen} is not recorded as served: {chosen.outcome or 'no outcome is recorded'}")
            alone = _at_once(run, [group.name])
            # A version that has served needs no smoke boot, which takes minutes.
            roll_out(alone.with_(rollout={"smoke_boot": False}) if chosen.served else alone, {}, chosen.number)


def _refreshed(run: Run, to: str | None) -> list[str]:
    """Return the groups in which an instance refresh is under way; there a version cannot be chosen."""
    found = {name: refresh for name in run.settings.groups if (refresh := refreshes.under_way(run.cloud, name))}
    if found and to is not None:
        names = ", ".join(f"{name} to version {refresh.version}" for name, refresh in found.items())
        raise Refused(f"an instance refresh is under way ({names}): `rollback` alone turns it back")
    return list(found)


def _chosen(cloud: Cloud, fleet: Fleet, group: Group, to: str | None) -> Candidate:
    found, live = known_versions(cloud, fleet, group)
    return choose(found, live, to)


def _at_once(run: Run, groups: Sequence[str]) -> Run:
    """Return the run for these groups, without pauses, alarms and pages: an alarm may be the reason to roll back."""
    at_once = run.with_(
        rollout={"canary": 0, "checkpoints": (), "pause": 0, "alarms": (), "max_error_rate": None, "max_latency": None},
        app={"pages": ()},
    )
    return replace(at_once, settings=replace(at_once.settings, groups=tuple(groups)))


def _turn_back(run: Run, under_way: Sequence[str], engine: str) -> None:
    alone = _at_once(run, under_way).with_(rollout={"engine": engine, "rollback": True})
    for outcome in replace_instances(alone, turn_back="by hand"):
        run.out.say(outcome.text)
