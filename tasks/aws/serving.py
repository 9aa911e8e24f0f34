"""The web instances that are in service in their groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..runtime.cloud import Cloud
from . import autoscaling, instances
from .instances import Ec2Instance


@dataclass(frozen=True)
class WebInstance:
    """An in-service instance of a group."""

    instance: Ec2Instance
    group: str
    target_groups: tuple[str, ...]

    @property
    def id(self) -> str:
        """The instance id."""
        return self.instance.id


def in_service(cloud: Cloud, groups: Sequence[str]) -> list[WebInstance]:
    """Return the in-service instances of the groups, with the zones alternating."""
    found: list[WebInstance] = []
    for name in groups:
        group = autoscaling.group(cloud, name)
        serving = {member.id for member in group.members if member.lifecycle == "InService"}
        webs = [WebInstance(instance, name, group.target_groups) for instance in instances.with_ids(cloud, sorted(serving))]
        found += _mixed([web for web in webs if web.instance.state == "running"])
    return found


def behind_balancer(webs: Sequence[WebInstance]) -> list[WebInstance]:
    """Return the instances of groups with a target group: workers serve no visitors and no files."""
    return [web for web in webs if web.target_groups]


def running(cloud: Cloud, groups: Sequence[str]) -> list[Ec2Instance]:
    """Return the running instances of the groups, whatever their state in the group, by zone and id."""
    ids = [member.id for name in groups for member in autoscaling.group(cloud, name).members]
    found = [instance for instance in instances.with_ids(cloud, ids) if instance.state == "running"]
    return sorted(found, key=lambda instance: (instance.zone, instance.id))


def serves(cloud: Cloud, web: WebInstance) -> bool:
    """Return whether an instance is still in service in its group, and alive: a group learns late of a dead instance."""
    cloud.look_again()
    return any(other.id == web.id for other in in_service(cloud, [web.group]))


def _mixed(webs: list[WebInstance]) -> list[WebInstance]:
    by_zone: dict[str, list[WebInstance]] = {}
    for web in sorted(webs, key=lambda web: (web.instance.zone, web.id)):
        by_zone.setdefault(web.instance.zone, []).append(web)
    turns = [(turn, zone, web) for zone, members in by_zone.items() for turn, web in enumerate(members)]
    return [web for _, _, web in sorted(turns, key=lambda item: item[:2])]
