"""What IAM knows of the resources that a request names."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


class Facts(Protocol):
    """The resources of one account and region; missing resources have no tags."""

    @property
    def partition(self) -> str:
        """Return aws, aws-cn or aws-us-gov."""

    @property
    def region(self) -> str:
        """Return the region."""

    @property
    def account(self) -> str:
        """Return the number of the account."""

    def tags(self, id: str) -> Mapping[str, str]:
        """Return the tags of an EC2 resource."""

    def group(self, name: str) -> tuple[str, Mapping[str, str], tuple[str, ...]]:
        """Return an Auto Scaling group's ARN, tags and subnets."""

    def group_of(self, instance_id: str) -> str:
        """Return the name of the group that an instance belongs to, or an empty text."""

    def balancing_tags(self, arn: str) -> Mapping[str, str]:
        """Return the tags of a load balancer, listener, rule or target group."""

    def template(self, reference: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        """Return the id and the data of a launch template's version (LaunchTemplateSpecification)."""

    def owner(self, image_id: str) -> str:
        """Return the account that owns an image."""

    def snapshots(self, image_id: str) -> tuple[str, ...]:
        """Return the snapshots of an image."""

    def role(self, profile: Mapping[str, Any]) -> str:
        """Return the ARN of the role in an instance profile (IamInstanceProfileSpecification)."""


@dataclass(frozen=True)
class Names:
    """How the ARNs of an account are written."""

    facts: Facts

    def arn(self, service: str, resource: str, *, region: bool = True, account: bool = True) -> str:
        """Return an ARN; services without regions, and resources of AWS itself, leave a part empty."""
        places = f"{self.facts.region if region else ''}:{self.facts.account if account else ''}"
        return f"arn:{self.facts.partition}:{service}:{places}:{resource}"

    def ec2(self, kind: str, id: str = "*") -> str:
        """Return the ARN of an EC2 resource; images and snapshots have no account in theirs."""
        return self.arn("ec2", f"{kind}/{id}", account=kind not in ("image", "snapshot"))
