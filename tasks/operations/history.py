"""`history` and `rollback`: the versions that can be gone back to, and the way there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from invoke import Collection

from ..errors import Refused, RolledBack, SettingsError
from ..runtime.command import command
from .rollout import refuse_aborted, roll_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..aws.autoscaling import Group
    from ..aws.session import Cloud
    from ..decisions.rollout.instance_refresh import Refresh
    from ..decisions.rollout.snapshot import Fleet
    from ..decisions.rollout.versions import Candidate
    from ..runtime.run import Run

COLUMNS = ("version", "revision", "image", "baked", "by", "is")


@command(changes=False, help={"limit": "how many versions, newest first; default: 20"})
def history(run: Run, limit: int = 20) -> None:
    """Show the template versions that can be rolled back to: revision, image, when it was baked and by whom."""
    if limit < 1:
        raise SettingsError(f"--limit: found {limit}; allowed: 1 or more")
    from ..aws import fleets
    from ..aws.session import Cloud

    cloud = Cloud(run.settings.aws)
    for name in run.settings.groups:
        fleet, group = fleets.observe(cloud, name)
        found, live = known_versions(cloud, fleet, group)
        run.out.table(f"{name}: the newest of {len(found)} versions", COLUMNS, _rows(found, live)[:limit])


@command(help={"to": "version number or revision; default: the version before the live one"})
def rollback(run: Run, to: str | None = None) -> None:
    """Roll back to the version before, or to a version or revision, by the same careful steps; turns back a rollout under way.

    The newest older version of ours whose image still exists is the one before. The database is not rolled back.
    """
    from ..aws import fleets
    from ..aws.session import Cloud

    cloud = Cloud(run.settings.aws)
    refreshed = _refreshed(run, cloud, to)
    looked = [fleets.observe(cloud, name) for name in run.settings.groups]
    under_way = [fleet for fleet, _ in looked if fleet.record]
    for fleet, group in looked:
        refuse_aborted(fleet)
        if fleet.record and to is not None and _chosen(cloud, fleet, group, to).number != fleet.record.source:
            raise Refused(
                f"{group.name}: a rollout from version {fleet.record.source} to {fleet.record.target} is under way: "
                "`rollback` alone turns it back"
            )
    if under_way:
        _turn_back(run, cloud, under_way)
    for name, refresh in refreshed.items():
        _turn_refresh_back(run, name, refresh)
    for fleet, group in looked:
        if not fleet.record and group.name not in refreshed:
            chosen = _chosen(cloud, fleet, group, to)
            run.out.say(f"{group.name}: back to {chosen}")
            roll_out(_at_once(run, [group.name]), {}, chosen.number)


def _refreshed(run: Run, cloud: Cloud, to: str | None) -> dict[str, Refresh]:
    """Return the instance refreshes under way by group; where one is, a version cannot be chosen."""
    from ..aws import refreshes

    found = {name: one for name in run.settings.groups if (one := refreshes.under_way(cloud, name))}
    if found and to is not None:
        names = ", ".join(f"{name} to version {one.version}" for name, one in found.items())
        raise Refused(f"an instance refresh is under way ({names}): `rollback` alone turns it back. Nothing was changed")
    return found


def _turn_refresh_back(run: Run, name: str, refresh: Refresh) -> None:
    from .rollout import REFRESH

    if run.dry:
        run.out.say(f"{name}: would turn the instance refresh to version {refresh.version} back")
        return
    alone = _at_once(run, [name])
    policy = replace(alone.settings.rollout, engine=REFRESH, rollback=True)
    try:
        roll_out(replace(alone, settings=replace(alone.settings, rollout=policy)), {}, refresh.version, stop="by hand")
    except RolledBack as error:
        run.out.say(str(error))


def _chosen(cloud: Cloud, fleet: Fleet, group: Group, to: str | None) -> Candidate:
    from ..decisions.rollout.versions import choose

    found, live = known_versions(cloud, fleet, group)
    return choose(found, live, to)


def _at_once(run: Run, groups: Sequence[str]) -> Run:
    """Return the run for these groups, without what looks at a new version for long: an alarm may be why we go back."""
    policy = replace(run.settings.rollout, canary=0, checkpoints=(), pause=0, alarms=())
    return replace(run, settings=replace(run.settings, groups=tuple(groups), rollout=policy))


def _turn_back(run: Run, cloud: Cloud, under_way: Sequence[Fleet]) -> None:
    for fleet in under_way:
        record = fleet.record
        assert record is not None
        if run.dry:
            run.out.say(f"{fleet.group}: would turn the rollout to version {record.target} back to {record.source}")
        elif not record.back:
            _turn(run, cloud, fleet.group)
    if run.dry:
        return
    try:
        roll_out(_at_once(run, [fleet.group for fleet in under_way]))
    except RolledBack as error:
        run.out.say(str(error))


def _turn(run: Run, cloud: Cloud, name: str) -> None:
    """Write into the record that the rollout under way goes back."""
    from ..aws import fleets
    from ..decisions.rollout.view import View
    from .rollout import lock_of, policy_of

    with lock_of(run, cloud, name, "turning a rollout back"):
        fleet, group = fleets.observe(cloud, name)
        if fleet.record is None or fleet.record.back:
            return
        now = group.at or run.clock.now()
        step = View(fleet, policy_of(run, fleet, (), now), fleet.record, now).turn_back("by hand")
        run.out.say(f"{name}: {step}")
        refusal = fleets.apply(cloud, group, step)
        if refusal:
            raise Refused(f"{name} would not have it now: {refusal}. Run the same again")


def known_versions(cloud: Cloud, fleet: Fleet, group: Group) -> tuple[list[Candidate], str]:
    """Return the versions of the group's template, newest first, and the number of the live one."""
    from ..aws import images, launch_templates
    from ..decisions.release.image_names import revision_of
    from ..decisions.rollout.versions import Candidate, live

    if not group.template:
        raise Refused(f"{group.name} has no launch template of its own: there are no versions to choose from")
    versions = launch_templates.versions(cloud, group.template)
    there = images.existing(cloud, sorted({v.image for v in versions if v.image}))
    found = []
    for v in versions:
        image = there.get(v.image)
        tags = image.tags if image else {}
        by, at, exists = tags.get("ramped:by", ""), tags.get("ramped:at", ""), image is not None and image.state == "available"
        found.append(Candidate(v.number, revision_of(v.description), v.image, exists, at, by, v.default))
    named = launch_templates.version(cloud, group.template, group.version).number
    return found, live(fleet, named)


def _rows(found: list[Candidate], live: str) -> list[list[str]]:
    from ..decisions.rollout.versions import previous

    before = previous(found, live)
    rows = []
    for c in found:
        marks = [("live", c.number == live), ("default", c.default), ("previous", c == before)]
        image = c.image + ("" if c.exists else ", gone")
        shown = ", ".join(mark for mark, applies in marks if applies)
        rows.append([c.number, (c.revision or "not ours")[:12], image or "-", c.at or "-", c.by or "-", shown])
    return rows


ns = Collection(history, rollback)
