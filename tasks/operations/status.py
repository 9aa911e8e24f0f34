"""`status`: the fleet at a glance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..aws import fleets, instances, launch_templates, tags
from ..aws.autoscaling import Group
from ..aws.instances import Ec2Instance
from ..aws.launch_templates import Version
from ..decisions.release.image_names import revision_of
from ..decisions.reporting.events import instant
from ..decisions.rollout.remarks import remarks
from ..decisions.rollout.snapshot import Fleet, FleetInstance
from ..decisions.rollout.versions import live
from ..fleet.contracting import waiting_line
from ..fleet.look_ahead import look_ahead
from ..runtime.plain import duration
from ..runtime.run import Run

COLUMNS = ("instance", "zone", "state", "targets", "version", "revision", "age")


def status(run: Run, json: bool = False) -> None:
    """Show instances, target health, versions, revisions and ages; sizes, suspended processes, an unfinished rollout."""
    with look_ahead(run):
        show(run, json=json)


def show(run: Run, *, json: bool = False) -> None:
    """Show every group of the settings and the management instance; `json`: as JSON, for programs."""
    seen = [_look(run, name) for name in run.settings.groups]
    management = instances.find_management(run.cloud, run.settings.management)
    if json:
        run.out.answer({"groups": [_of_group(group) for group in seen], "management": _of_management(management)})
        return
    for group in seen:
        run.out.table(_title(group.fleet), COLUMNS, [_row(run, group, i) for i in _sorted(group.fleet)])
        for line in _remarks(group):
            run.out.say(line)
    if management:
        revision = management.tags.get(tags.REVISION, "none verified")[:12]
        run.out.say(f"management instance {management.id} ({management.address}): {management.state}, revision {revision}")
        if waiting := waiting_line(management):
            run.out.say(waiting)
    else:
        run.out.say("management instance: none; management-create makes one")


@dataclass(frozen=True)
class _Seen:
    """A group as it was found."""

    fleet: Fleet
    group: Group
    versions: Sequence[Version]
    launched: Mapping[str, float]  # when, by instance

    def description(self, version: str) -> str:
        return next((v.description for v in self.versions if v.number == version), "")


def _look(run: Run, name: str) -> _Seen:
    fleet, group = fleets.observe(run.cloud, name)
    versions = launch_templates.versions(run.cloud, group.template) if group.template else []
    launched = {m.id: m.launched for m in instances.with_ids(run.cloud, [i.id for i in fleet.instances])}
    return _Seen(fleet, group, versions, launched)


def _sorted(fleet: Fleet) -> list[FleetInstance]:
    return sorted(fleet.instances, key=lambda i: (i.zone, i.id))


def _of_group(seen: _Seen) -> dict[str, object]:
    fleet = seen.fleet
    return {
        "group": fleet.group,
        "desired": fleet.desired,
        "min": fleet.minimum,
        "max": fleet.maximum,
        "version": fleet.version,
        "instances": [
            {
                "instance": i.id,
                "zone": i.zone,
                "state": i.lifecycle,
                "protected": i.protected,
                "health": i.health,
                "targets": list(i.targets),
                "version": i.version,
                "revision": revision_of(seen.description(i.version)),
                "launched": instant(seen.launched[i.id]) if i.id in seen.launched else None,
            }
            for i in _sorted(fleet)
        ],
        "remarks": list(_remarks(seen)),
    }


def _of_management(found: Ec2Instance | None) -> dict[str, object] | None:
    if found is None:
        return None
    revision, waiting = found.tags.get(tags.REVISION), waiting_line(found)
    return {"instance": found.id, "address": found.address, "state": found.state, "revision": revision, "remark": waiting}


def _title(fleet: Fleet) -> str:
    return f"{fleet.group}: desired {fleet.desired} (min {fleet.minimum}, max {fleet.maximum}), template version {fleet.version}"


def _row(run: Run, seen: _Seen, i: FleetInstance) -> list[str]:
    now = seen.group.at or run.clock.now()
    age = duration(now - seen.launched[i.id]) if i.id in seen.launched else "-"
    state = i.lifecycle + (", protected" if i.protected else "") + ("" if i.health == "Healthy" else f", {i.health}")
    description = seen.description(i.version)
    revision = (revision_of(description) or description or "-")[:12]
    return [i.id, i.zone, state, "/".join(i.targets) or "-", i.version or "-", revision, age]


def _remarks(seen: _Seen) -> Iterator[str]:
    group = seen.group
    if tags.MAINTENANCE in group.tags:
        yield f"the maintenance page is on since {group.tags[tags.MAINTENANCE]}; `maintenance-off` takes it away"
    if group.suspended:
        yield "suspended: " + ", ".join(f"{name} ({why})" if why else name for name, why in sorted(group.suspended.items()))
    yield from _foreign(seen.fleet, seen.versions)
    yield from remarks(seen.fleet)


def _foreign(fleet: Fleet, versions: Sequence[Version]) -> Iterator[str]:
    named = next((v.number for v in versions if v.number == fleet.version or (fleet.version == "$Default" and v.default)), None)
    newest = versions[0].number if versions else ""
    now = live(fleet, named or newest)
    for v in versions:
        if now.isdecimal() and int(v.number) > int(now) and not revision_of(v.description):
            by = f" by {v.by}" if v.by else ""
            yield f"version {v.number} of the launch template was made{by} at {v.at or 'an unknown time'}, not by `bake-ami`"
