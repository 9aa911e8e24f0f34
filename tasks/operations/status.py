"""`status`: the fleet at a glance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..aws import fleets, instances, launch_templates, tags
from ..aws.autoscaling import Group
from ..aws.launch_templates import Version
from ..decisions.release.image_names import revision_of
from ..decisions.rollout.remarks import remarks
from ..decisions.rollout.snapshot import Fleet
from ..decisions.rollout.versions import live
from ..fleet.contracting import waiting_line
from ..fleet.look_ahead import look_ahead
from ..runtime.plain import duration
from ..runtime.run import Run

COLUMNS = ("instance", "zone", "state", "targets", "version", "revision", "age")


def status(run: Run) -> None:
    """Show instances, target health, versions, revisions and ages; sizes, suspended processes, an unfinished rollout."""
    with look_ahead(run):
        show(run)


def show(run: Run) -> None:
    """Show every group of the settings and the management instance."""
    for name in run.settings.groups:
        fleet, group = fleets.observe(run.cloud, name)
        versions = launch_templates.versions(run.cloud, group.template) if group.template else []
        run.out.table(_title(fleet), COLUMNS, _rows(run, fleet, group, versions))
        for line in _remarks(fleet, group, versions):
            run.out.say(line)
    instance = instances.find_management(run.cloud, run.settings.management)
    if instance:
        revision = instance.tags.get(tags.REVISION, "none verified")[:12]
        run.out.say(f"management instance {instance.id} ({instance.address}): {instance.state}, revision {revision}")
        if waiting := waiting_line(instance):
            run.out.say(waiting)
    else:
        run.out.say("management instance: none; management-create makes one")


def _title(fleet: Fleet) -> str:
    return f"{fleet.group}: desired {fleet.desired} (min {fleet.minimum}, max {fleet.maximum}), template version {fleet.version}"


def _rows(run: Run, fleet: Fleet, group: Group, versions: Sequence[Version]) -> list[list[str]]:
    revisions = {v.number: (revision_of(v.description) or v.description or "-")[:12] for v in versions}
    launched = {m.id: m.launched for m in instances.with_ids(run.cloud, [i.id for i in fleet.instances])}
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
    if group.suspended:
        yield "suspended: " + ", ".join(f"{name} ({why})" if why else name for name, why in sorted(group.suspended.items()))
    yield from _foreign(fleet, versions)
    yield from remarks(fleet)


def _foreign(fleet: Fleet, versions: Sequence[Version]) -> Iterator[str]:
    named = next((v.number for v in versions if v.number == fleet.version or (fleet.version == "$Default" and v.default)), None)
    newest = versions[0].number if versions else ""
    now = live(fleet, named or newest)
    for v in versions:
        if now.isdecimal() and int(v.number) > int(now) and not revision_of(v.description):
            by = f" by {v.by}" if v.by else ""
            yield f"version {v.number} of the launch template was made{by} at {v.at or 'an unknown time'}, not by `bake-ami`"
