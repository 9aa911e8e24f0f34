"""What the operator of a rehearsal has: settings, and the published policies with this account's names in them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import installation, sandbox
from .account import GROUP, JOBS, named_template
from .cloud.authorization.published import OPERATOR, Site, for_site, published
from .host_kinds import MACHINES, Kind
from .project import JOBS_UNIT, Project

IMAGES = "shop"  # what the images are named after


def site(client: Callable[[str], Any], account: str, distribution: str, kind: Kind, groups: Sequence[str]) -> Site:
    """Return the names of the account's resources; `client` makes a client of a service."""
    group = client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[GROUP])["AutoScalingGroups"][0]
    return Site(
        region=sandbox.REGION,
        account=account,
        groups=list(groups),
        templates=[named_template(group)["LaunchTemplateId"]],
        subnets=group["VPCZoneIdentifier"].split(","),
        security_groups=[group["GroupId"] for group in client("ec2").describe_security_groups()["SecurityGroups"]],
        target_groups=[GROUP],
        balancers=[GROUP],
        distributions=[distribution],
        images=[IMAGES],
        user=kind.user,
    )


def policies(names: Site) -> list[dict[str, Any]]:
    """Return the published policies of an operator for a site."""
    folder = installation.SNIPPETS / "aws/policies"
    return [for_site(published(folder, name), names) for name in OPERATOR]


@dataclass(frozen=True)
class Operator:
    """Who runs the commands, and from where."""

    key: Path  # of SSH
    patience: int  # factor of every duration, compared with a kind cloud
    outside: bool  # of the VPC
    groups: Sequence[str]  # that are released

    def settings(self, kind: Kind, project: Project, endpoints: Mapping[str, Any], distribution: str) -> str:
        """Return fabric.yaml; JSON is YAML too."""
        patience = self.patience
        ssh: dict[str, Any] = {"user": kind.user, "key": str(self.key), "port": kind.ssh_port}
        image: dict[str, Any] = {"name": IMAGES, "timeout": 120 * patience}
        app = {
            "directory": f"{kind.home}app",
            "virtualenv": f"{kind.home}venv",
            "services": [kind.unit],
            "domain": project.domain,
            "port": kind.http_port,
            "boot_timeout": 60 * patience,
        }
        app |= {"settings_unit": "ramped-settings.service"} if kind is MACHINES else {}
        sections: dict[str, Any] = {
            "aws": {"region": sandbox.REGION, "endpoint": endpoints["api"]},
            "groups": list(self.groups),
            "management": {"keep_running": False},
            "ssh": ssh | ({"address": "public"} if self.outside else {}),
            "app": {**app, **project.app(kind)},
            "image": image | ({} if kind is MACHINES else {"cleaner": None}),
            "rollout": {"poll": 0.7, "instance_timeout": 90 * patience, "timeout": 900 * patience},
            "restart": {"timeout": 120 * patience},
            "static": {**project.static(endpoints, distribution), "timeout": 120 * patience},
        }
        if JOBS in self.groups:
            sections["workers"] = {"services": [JOBS_UNIT], "timeout": 60 * patience}
        return "".join(f"{name}: {json.dumps(section)}\n" for name, section in sections.items())
