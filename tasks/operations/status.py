"""`status`: the fleet at a glance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..aws import fleets, instances, launch_templates, tags
from ..aws.autoscaling import Group
from ..aws.launch_templates import Version
from ..decisions.release.image_names import revision_of
from ..decisions.rollout.decide import OURS_TO_SUSPEND
from ..decisions.rollout.snapshot import Fleet, Record
from ..decisions.rollout.versions import live
from ..runtime.plain import duration
from ..runtime.run import Run

COLUMNS = ("instance", "zone", "state", "targets", "version", "revision", "age")


def status(run: Run) -> None:
    """Show instances, their health, template version, revision and age; sizes, suspended processes, a rollout under way."""
    show(run)


def show(run: Run) -> None:
    """Show every group of the settings and the management instance."""
    for name in run.settings.groups:
        fleet, group = fleets.observe(run.cloud, name)
        versions = launch_templates.versions(run.cloud, group.template) if group.template else []
        run.out.table(_title(fleet), COLUMNS, _rows(run, fleet, group, versions))
        for line in _remarks(fleet, group, versions):
            run.out.say(line)
    machine = instances.find_management(run.cloud, run.settings.management)
    if machine:
        revision = machine.tags.get(tags.REVISION, "none verified")[:12]
        run.out.say(f"management instance {machine.id} ({machine.address}): {machine.state}, revision {revision}")
    else:
        run.out.say("management instance: none; management-create makes one")


def _title(fleet: Fleet) -> str:
    return f"{fleet.group}: desired {fleet.desired} (min {fleet.minimum}, max {fleet.maximum}), template version {fleet.version}"


def _rows(run: Run, fleet: Fleet, group: Group, versions: Sequence[Version]) -> list[list[str]]:
    revisions = {v.number: (revision_of(v.description) or v.description or "-")[:12] for v in versions}
    launched = {m.id: m.launched for m in instances.machines(run.cloud, [i.id for i in fleet.instances])}
    now = group.at or run.clock.now()
    rows = []
    for i in sorted(fleet.instances, key=lambda i: (i.zone, i.id)):
        age = duration(now - launched[i.id]) if i.id in launched else "-"
        state = i.lifecycle + (", protected" if i.protected else "") + ("" if i.health == "Healthy" else f", {i.health}")
        rows.append([i.id, i.zone, state, "/".join(i.targets) or "-", i.version or "-", revisions.get(i.version, "-"), age])
    return rows


def _remarks(fleet: Fleet, group: Group, versions: Sequence[Version]) -> Iterator[str]:
    if tags.MAINTENANCE in group.tags:
        yield f"the maintenance page is on since {group.tags[tags.MAINTENANCE]}; `maintenance-off` takes it away"
    yield from _suspensions(fleet, group)
    yield from _foreign(fleet, versions)
    if fleet.vanished:
        yield "the tags of the rollout under way are missing; the next run writes them again from their copy"
    if fleet.record:
        yield _under_way(fleet, fleet.record)


def _suspensions(fleet: Fleet, group: Group) -> Iterator[str]:
    if not group.suspended:
        return
    yield "suspended: " + ", ".join(f"{name} ({why})" if why else name for name, why in sorted(group.suspended.items()))
    left = [name for name in OURS_TO_SUSPEND if name in group.suspended]
    if len(left) == len(OURS_TO_SUSPEND) and not fleet.record:
        yield (
            f"{' and '.join(left)} are what a rollout suspends, and none is under way: if nobody else suspended them, run "
            f"aws autoscaling resume-processes --auto-scaling-group-name {fleet.group} --scaling-processes {' '.join(left)}"
        )


def _foreign(fleet: Fleet, versions: Sequence[Version]) -> Iterator[str]:
    named = next((v.number for v in versions if v.number == fleet.version or (fleet.version == "$Default" and v.default)), None)
    newest = versions[0].number if versions else ""
    now = live(fleet, named or newest)
    for v in versions:
        if now.isdecimal() and int(v.number) > int(now) and not revision_of(v.description):
            by = f" by {v.by}" if v.by else ""
            yield f"version {v.number} of the launch template was made{by} at {v.at or 'an unknown time'}, not by `bake-ami`"


def _under_way(fleet: Fleet, record: Record) -> str:
    if record.aborted:
        return f"the rollout to version {record.target} is being aborted, or that was stopped; `abort` goes on"
    way = (
        f"back from version {record.target} to {record.source}"
        if record.back
        else f"from version {record.source} to {record.target}"
    )
    left = sum(1 for i in fleet.members if i.version != record.wanted)
    return f"a rollout {way} is under way or was stopped: {left} of {record.size} instances are left; `rollout` goes on"
