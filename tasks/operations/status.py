"""`status`: the fleet at a glance."""

from __future__ import annotations

from ..aws import fleets, instances, launch_templates, tags
from ..aws.autoscaling import Group
from ..decisions.release.image_names import revision_of
from ..decisions.rollout.snapshot import Fleet
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
        run.out.table(_title(fleet), COLUMNS, _rows(run, fleet, group))
        for line in _remarks(fleet, group):
            run.out.say(line)
    machine = instances.find_management(run.cloud, run.settings.management)
    if machine:
        revision = machine.tags.get(tags.REVISION, "none verified")[:12]
        run.out.say(f"management instance {machine.id} ({machine.address}): {machine.state}, revision {revision}")
    else:
        run.out.say("management instance: none; management-create makes one")


def _title(fleet: Fleet) -> str:
    return f"{fleet.group}: desired {fleet.desired} (min {fleet.minimum}, max {fleet.maximum}), template version {fleet.version}"


def _rows(run: Run, fleet: Fleet, group: Group) -> list[list[str]]:
    described = launch_templates.versions(run.cloud, group.template) if group.template else []
    revisions = {v.number: (revision_of(v.description) or v.description or "-")[:12] for v in described}
    launched = {m.id: m.launched for m in instances.machines(run.cloud, [i.id for i in fleet.instances])}
    now = group.at or run.clock.now()
    rows = []
    for i in sorted(fleet.instances, key=lambda i: (i.zone, i.id)):
        age = duration(now - launched[i.id]) if i.id in launched else "-"
        state = i.lifecycle + (", protected" if i.protected else "") + ("" if i.health == "Healthy" else f", {i.health}")
        rows.append([i.id, i.zone, state, "/".join(i.targets) or "-", i.version or "-", revisions.get(i.version, "-"), age])
    return rows


def _remarks(fleet: Fleet, group: Group) -> list[str]:
    found = []
    if tags.MAINTENANCE in group.tags:
        found.append(f"the maintenance page is on since {group.tags[tags.MAINTENANCE]}; `maintenance-off` takes it away")
    if fleet.suspended:
        found.append(f"suspended: {', '.join(sorted(fleet.suspended))}")
    record = fleet.record
    if record:
        way = (
            f"back from version {record.target} to {record.source}"
            if record.back
            else f"from version {record.source} to {record.target}"
        )
        left = sum(1 for i in fleet.members if i.version != record.wanted)
        found.append(
            f"the rollout to version {record.target} is being aborted, or that was stopped; `abort` goes on"
            if record.aborted
            else f"a rollout {way} is under way or was stopped: {left} of {record.size} instances are left; `rollout` goes on"
        )
    return found
