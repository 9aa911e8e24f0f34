"""The only access to moto: its settings, its lock, its state for one account.

moto keeps its state in the process and is not thread-safe, so every stand-in cloud has an account of its own, and requests
and control loops take turns under one lock.
"""

import functools
import os
import threading
from typing import Any

from ..hosts.metadata import Described

os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
os.environ.setdefault("MOTO_ENABLE_AMI_VALIDATION", "true")

from moto.backends import get_backend  # noqa: E402  (the variables are read at import)
from moto.core.errors import ErrorLookupFactory  # noqa: E402
from moto.ec2.models.amis import Ami  # noqa: E402
from moto.ec2.models.core import TaggedEC2Resource  # noqa: E402
from moto.ssm.models import Parameter  # noqa: E402

LOCK = threading.RLock()
BY = "arn:aws:iam::{}:user/rehearsal"  # whose every call is, by the account
SERVICES = ("ec2", "elbv2", "cloudfront", "ssm", "sts", "cloudwatch", "iam", "autoscaling")


def _tags_of(resource: Any) -> list[dict[str, str]]:
    # moto's own way matches every tag of the account against a pattern: 590 ms for 200 instances
    return [{"key": key, "value": value} for key, value in resource.ec2_backend.tags.get(resource.id, {}).items()]


def _mappings_of(image: Any) -> list[dict[str, Any]]:
    return list(image.real_mappings)


_described = Parameter.describe_response_object


def _with_author(parameter: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
    # Systems Manager's API reference, ParameterHistory: the ARN of the AWS user who last changed the parameter.
    return {**_described(parameter, *args, **kwargs), "LastModifiedUser": BY.format(parameter.account_id)}


# moto's models cannot be subclassed from another package (IndexError), so methods are replaced
TaggedEC2Resource.get_tags = _tags_of  # type: ignore[method-assign, assignment]
Parameter.describe_response_object = _with_author  # type: ignore[method-assign, assignment]
Ami.block_device_mappings = property(_mappings_of)  # type: ignore[assignment]
# moto makes the table of a service's errors anew for each answer that is an error: up to 30 ms.
ErrorLookupFactory._create_error_lut = staticmethod(functools.cache(ErrorLookupFactory._create_error_lut))  # type: ignore[method-assign]


class MotoState:
    """Moto's state for one account and region."""

    def __init__(self, account: str, region: str) -> None:
        self.account = account
        self.region = region
        self.instances: dict[str, Any] = {}  # moto's own look-up copies every reservation

    def _of(self, service: Any, region: str) -> Any:
        return get_backend(service)[self.account][region]

    @property
    def ec2(self) -> Any:
        """Return EC2's backend."""
        return self._of("ec2", self.region)

    @property
    def elbv2(self) -> Any:
        """Return Elastic Load Balancing's backend."""
        return self._of("elbv2", self.region)

    @property
    def ssm(self) -> Any:
        """Return the Systems Manager's backend."""
        return self._of("ssm", self.region)

    @property
    def rds(self) -> Any:
        """Return RDS's backend."""
        return self._of("rds", self.region)

    @property
    def cloudfront(self) -> Any:
        """Return CloudFront's backend."""
        return self._of("cloudfront", "aws")

    @property
    def cloudwatch(self) -> Any:
        """Return CloudWatch's backend."""
        return self._of("cloudwatch", self.region)

    def parameters(self) -> dict[str, str]:
        """Return the current value of each parameter of the Parameter Store, secrets as they were put."""
        latest = {name: versions[-1] for name, versions in self.ssm._parameters.items() if versions}
        return {name: str(version.decrypt(version.value)) for name, version in latest.items()}

    def instance(self, instance_id: str) -> Any | None:
        """Return moto's instance, or None."""
        return self.instances.get(instance_id)

    def described(self, address: str) -> Described | None:
        """Return what the instance at an address may know of itself, from any thread."""
        with LOCK:
            alive = (
                i for i in self.instances.values() if i.private_ip == address and i.state in ("pending", "running", "stopping")
            )
            instance = next(alive, None)
            if instance is None:
                return None
            shows = instance.metadata_options.instance_metadata_tags == "enabled"
            return Described(instance.id, address, instance._placement.zone or "", self.tags(instance.id), shows)

    def tags(self, resource_id: str) -> dict[str, str]:
        """Return the tags of an EC2 resource."""
        return dict(self.ec2.tags.get(resource_id, {}))

    def tag(self, resource_id: str, tags: dict[str, str]) -> None:
        """Tag an EC2 resource."""
        if tags:
            self.ec2.create_tags([resource_id], tags)

    def release(self) -> None:
        """Forget the account."""
        with LOCK:
            for service in SERVICES:
                dict.pop(get_backend(service), self.account, None)  # type: ignore[call-overload]
