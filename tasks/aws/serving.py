"""The web instances that serve now: in service in their groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..runtime.cloud import Cloud
from . import autoscaling, instances
from .instances import Machine


@dataclass(frozen=True)
class Web:
    """An in-service instance of a group."""

    machine: Machine
    group: str
    target_groups: tuple[str, ...]

    @property
    def id(self) -> str:
        """The instance id."""
        return self.machine.id


def in_service(cloud: Cloud, groups: Sequence[str]) -> list[Web]:
    """Return the in-service instances of the groups, those of one zone never all together."""
    found: list[Web] = []
    for name in groups:
        group = autoscaling.group(cloud, name)
        serving = {member.id for member in group.members if member.lifecycle == "InService"}
        webs = [Web(machine, name, group.target_groups) for machine in instances.machines(cloud, sorted(serving))]
        found += _mixed([web for web in webs if web.machine.state == "running"])
    return found


def serves(cloud: Cloud, web: Web) -> bool:
    """Tell whether an instance is still in service in its group; one that has died is not, though its group may not know yet."""
    return any(one.id == web.id for one in in_service(cloud, [web.group]))


def _mixed(webs: list[Web]) -> list[Web]:
    by_zone: dict[str, list[Web]] = {}
    for web in sorted(webs, key=lambda web: (web.machine.zone, web.id)):
        by_zone.setdefault(web.machine.zone, []).append(web)
    turns = [(turn, zone, web) for zone, ones in by_zone.items() for turn, web in enumerate(ones)]
    return [web for _, _, web in sorted(turns, key=lambda one: one[:2])]
