"""A stand-in cloud in this process, for tests.

    with stand_in(boot=0.1) as cloud:
        fleet = cloud.build_fleet(desired=3)
        cloud.client("autoscaling").set_desired_capacity(...)
        cloud.wait(lambda: len(cloud.healthy(fleet)) == 4)

AWS's durations pass 50 times as fast (`time_scale=0.02`): a health check every 5 s comes every 0.1 s.
"""

import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config

from rehearsal.addresses import Octet
from rehearsal.cloud.options import Options
from rehearsal.cloud.standin import StandIn
from rehearsal.hosts.bare import BareHosts

REGION = "eu-central-1"
PATIENCE = 60.0  # seconds; the machine may be slow
FAST = {
    "time_scale": 0.02,
    "boot": 0.1,
    "stop": 0.05,
    "terminate": 0.05,
    "image": 0.3,
    "image_not_found": 0.1,
    "invalidation": 0.3,
    # The hosts answer as slowly as the machine is busy: nobody is unhealthy for that.
    "check_timeout_floor": 15.0,
}


# Sessions are not for several threads at a time; some tests build a world in each of several.
_MAKING = threading.Lock()
_SESSION = boto3.session.Session("AKIAREHEARSAL0000000", "secret", region_name=REGION)


def looks(seconds: float) -> Iterator[None]:
    """Give the moments at which to look whether something has happened: each costs calls, so the later the fewer."""
    began = time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        yield
        time.sleep(min(0.3, max(0.03, passed / 8)))


@dataclass(frozen=True)
class Fleet:
    """What `build_fleet` made."""

    group: str
    target_group: str  # ARN
    target_groups: list[str]
    template: str  # id
    image: str
    vpc: str
    subnets: list[str]
    security_group: str
    load_balancer: str  # ARN


@dataclass
class Cloud:
    """A running stand-in cloud, and shortcuts to it."""

    standin: StandIn
    hosts: BareHosts
    octet: int
    _clients: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The endpoint."""
        return self.standin.url

    def client(self, service: str, **config: Any) -> Any:
        """Return a boto3 client (kept, unless it has a config of its own) without retries."""
        if not config and service in self._clients:
            return self._clients[service]
        settings = Config(**({"retries": {"total_max_attempts": 1}, "read_timeout": PATIENCE} | config))
        with _MAKING:
            client = _SESSION.client(service, endpoint_url=self.url, config=settings)
        if not config:
            self._clients[service] = client
        return client

    def control(self, name: str, values: dict[str, Any] | None = None) -> Any:
        """GET (without values) or POST the control endpoint."""
        data = None if values is None else json.dumps(values).encode()
        with urllib.request.urlopen(f"{self.url}/_rehearsal/{name}", data, timeout=PATIENCE) as answer:
            return json.load(answer)

    def skip(self, seconds: float) -> None:
        """Let that many real seconds pass at once: for the delays of Options (`control("advance", ...)` takes AWS seconds)."""
        self.control("advance", {"seconds": seconds / self.standin.options.time_scale})

    def wait(self, happened: Callable[[], Any], seconds: float = PATIENCE) -> Any:
        """Wait until it returns something true, and return that."""
        for _ in looks(seconds):
            if result := happened():
                return result
        raise AssertionError(f"not within {seconds} s")

    # -- looking

    def group(self, name: str = "web") -> dict[str, Any]:
        """Return the group as DescribeAutoScalingGroups shows it."""
        found = self.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])
        return found["AutoScalingGroups"][0]

    def members(self, name: str = "web", lifecycle: str = "InService") -> list[str]:
        """Return the ids of the members in that state (empty: in any)."""
        return [one["InstanceId"] for one in self.group(name)["Instances"] if lifecycle in ("", one["LifecycleState"])]

    def health(self, fleet: Fleet) -> dict[str, str]:
        """Return the state of every target of the fleet's first target group."""
        shown = self.client("elbv2").describe_target_health(TargetGroupArn=fleet.target_group)["TargetHealthDescriptions"]
        return {one["Target"]["Id"]: one["TargetHealth"]["State"] for one in shown}

    def healthy(self, fleet: Fleet) -> list[str]:
        """Return the members that are in service and healthy in the first target group."""
        health = self.health(fleet)
        return [one for one in self.members(fleet.group) if health.get(one) == "healthy"]

    def units(self, name: str, ids: list[str]) -> int:
        """Return how much of the desired capacity these members are."""
        return sum(int(one.get("WeightedCapacity", 1)) for one in self.group(name)["Instances"] if one["InstanceId"] in ids)

    def instance(self, instance_id: str) -> dict[str, Any]:
        """Return an instance as DescribeInstances shows it."""
        return self.client("ec2").describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]

    def activities(self, name: str = "web") -> list[dict[str, Any]]:
        """Return the scaling activities, the newest first."""
        return self.client("autoscaling").describe_scaling_activities(AutoScalingGroupName=name)["Activities"]

    # -- building

    def build_image(self, name: str = "base", revision: str = "v1") -> str:
        """Register an image whose instances report the revision."""
        image = self.client("ec2").register_image(Name=name, RootDeviceName="/dev/sda1")["ImageId"]
        self.hosts.revisions[image] = revision
        return image

    def build_network(self, zones: int = 3) -> tuple[str, list[str], str]:
        """Make a VPC, a subnet in each zone (127.N.1.0/24, ..., in the next VPC 127.N.11.0/24, ...), a security group."""
        ec2 = self.client("ec2")
        first = 10 * len([one for one in ec2.describe_vpcs()["Vpcs"] if not one["IsDefault"]])
        vpc = ec2.create_vpc(CidrBlock=f"127.{self.octet}.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(
                VpcId=vpc, CidrBlock=f"127.{self.octet}.{first + number}.0/24", AvailabilityZone=REGION + "abc"[number - 1]
            )["Subnet"]["SubnetId"]
            for number in range(1, zones + 1)
        ]
        group = ec2.create_security_group(GroupName="web", Description="web", VpcId=vpc)["GroupId"]
        return vpc, subnets, group

    def build_target_group(self, vpc: str, name: str = "web", *, delay: int = 5, **more: Any) -> str:
        """Make a target group that checks `/` every 5 s, with a deregistration delay in AWS seconds."""
        settings = {
            "HealthCheckPath": "/",
            "HealthCheckIntervalSeconds": 5,
            "HealthCheckTimeoutSeconds": 2,
            "HealthyThresholdCount": 2,
            "UnhealthyThresholdCount": 2,
        }
        elb = self.client("elbv2")
        made = elb.create_target_group(Name=name, Protocol="HTTP", Port=self.hosts.port, VpcId=vpc, **(settings | more))
        arn = made["TargetGroups"][0]["TargetGroupArn"]
        attribute = {"Key": "deregistration_delay.timeout_seconds", "Value": str(delay)}
        elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=[attribute])
        return arn

    def build_fleet(
        self,
        desired: int = 3,
        *,
        name: str = "web",
        least: int = 0,
        most: int = 10,
        zones: int = 3,
        target_groups: int = 1,
        delay: int = 5,
        revision: str = "v1",
        version: str = "1",
        health_type: str = "ELB",
        wait: bool = True,
        **more: Any,
    ) -> Fleet:
        """Make an image, a network, a template, target groups, a load balancer and a group; wait until all are healthy.

        `delay`: deregistration delay in AWS seconds; `version`: the template version that the group names; `more` goes to
        CreateAutoScalingGroup.
        """
        image = self.build_image(f"base-{name}", revision)
        vpc, subnets, security = self.build_network(zones)
        arns = [self.build_target_group(vpc, f"{name}{number or ''}", delay=delay) for number in range(target_groups)]
        balancer = self._balancer(name, subnets, arns)
        data = {"ImageId": image, "InstanceType": "t3.small", "SecurityGroupIds": [security]}
        template = self.client("ec2").create_launch_template(LaunchTemplateName=name, LaunchTemplateData=data)
        template_id = template["LaunchTemplate"]["LaunchTemplateId"]
        settings: dict[str, Any] = {
            "AutoScalingGroupName": name,
            "MinSize": least,
            "MaxSize": most,
            "DesiredCapacity": desired,
            "VPCZoneIdentifier": ",".join(subnets),
            "TargetGroupARNs": arns,
            "HealthCheckType": health_type,
            "LaunchTemplate": {"LaunchTemplateId": template_id, "Version": version},
        } | more
        if "MixedInstancesPolicy" in more:
            del settings["LaunchTemplate"]
        self.client("autoscaling").create_auto_scaling_group(**settings)
        fleet = Fleet(name, arns[0] if arns else "", arns, template_id, image, vpc, subnets, security, balancer)
        if wait:
            self.wait(lambda: self.units(name, self.healthy(fleet) if arns else self.members(name)) >= desired)
        return fleet

    def _balancer(self, name: str, subnets: list[str], arns: list[str]) -> str:
        elb = self.client("elbv2")
        balancer = elb.create_load_balancer(Name=name, Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
        for number, arn in enumerate(arns):
            action = [{"Type": "forward", "TargetGroupArn": arn}]
            elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80 + number, DefaultActions=action)
        return balancer

    def new_version(self, fleet: Fleet, image: str, **data: Any) -> str:
        """Make a template version from the latest, with another image; return its number."""
        made = self.client("ec2").create_launch_template_version(
            LaunchTemplateId=fleet.template, SourceVersion="$Latest", LaunchTemplateData={"ImageId": image, **data}
        )
        return str(made["LaunchTemplateVersion"]["VersionNumber"])


@contextmanager
def stand_in(*, app_start: float = 0.0, **options: Any) -> Iterator[Cloud]:
    """Start a stand-in cloud with BareHosts in this process; `options` are those of Options."""
    hosts = BareHosts(app_start=app_start)
    with Octet() as octet:
        standin = StandIn(Options.of(FAST | options), hosts, f"127.{octet.number}.0.2")
        standin.start()
        try:
            yield Cloud(standin, hosts, octet.number)
        finally:
            standin.close()


def refused(call: Callable[..., Any], **params: Any) -> tuple[str, str]:
    """Make a call that must be refused; return the error's code and message."""
    from botocore.exceptions import ClientError

    try:
        call(**params)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["Error"]["Message"]
    raise AssertionError(f"the call was not refused: {params}")
