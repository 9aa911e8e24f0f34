"""EC2 instances: find, launch, start, stop, tag, and read the console output."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from botocore.exceptions import ClientError

from ..decisions.release.image_names import token
from ..errors import Refused, SettingsError
from ..runtime.cloud import Cloud, error_code, throttled
from ..settings.model import Management
from .launch_templates import NOT_FOUND

_NOT_FOUND = "InvalidInstanceID.NotFound"
# The most that a page may hold (DescribeInstances): each further page costs a round trip.
_PAGES = {"PageSize": 1000}
# Terminated instances stay visible for an hour.
_TOKEN_SIZE = 64  # characters of a client token (RunInstances)
_ALIVE = ["pending", "running", "stopping", "stopped"]
# Errors of one zone or subnet; another may have capacity ("Error codes for the Amazon EC2 API").
_OF_A_PLACE = (
    "InsufficientFreeAddressesInSubnet",
    "InsufficientHostCapacity",
    "InsufficientInstanceCapacity",
    "Unsupported",
)
# Options that an instance of ours must not inherit, since we stop and terminate it.
_OURS = {"DisableApiTermination": False, "DisableApiStop": False}
# A Spot instance can be stopped only where its request is persistent ("Stop a Spot Instance").
_STOPPABLE = {"SpotInstanceType": "persistent", "InstanceInterruptionBehavior": "stop"}


@dataclass(frozen=True)
class Ec2Instance:
    """An instance as DescribeInstances shows it."""

    id: str
    state: str
    address: str  # private
    zone: str
    image: str
    tags: Mapping[str, str]
    launched: float  # seconds since the epoch
    shows_tags: bool = False  # to itself (InstanceMetadataTags)
    public: str = ""  # address
    dns: str = ""  # public name
    reason: str = ""  # of its last change of state
    code: str = ""  # of that reason
    token: str = ""  # of the call that launched it
    root: str = ""  # the device of its root volume
    devices: tuple[str, ...] = ()  # of its EBS volumes

    @property
    def ended(self) -> bool:
        """Return whether it is terminated or terminating."""
        return self.state in ("shutting-down", "terminated")


def find_management(cloud: Cloud, management: Management) -> Ec2Instance | None:
    """Find the management instance by its id or its tag; None when all are terminated or there is none.

    Raises Refused when several have the tag.
    """
    if management.instance_id is not None:
        found = [i for i in with_ids(cloud, [management.instance_id]) if i.state in _ALIVE]
    else:
        key, equals, value = management.tag.partition("=")
        if not equals:
            raise SettingsError(f"management.tag: found {management.tag}; allowed: key=value")
        found = with_tags(cloud, {key: value})
    if len(found) > 1:
        names = ", ".join(sorted(f"{i.id} ({i.state})" for i in found))
        raise Refused(
            f"several instances have the tag {management.tag}: {names}."
            " Set management.instance_id, or keep the tag on one of them"
        )
    return found[0] if found else None


def interrupted(cloud: Cloud, ids: Sequence[str]) -> set[str]:
    """Return those that EC2 ended as interrupted Spot instances (StateReason); it shows them for about an hour."""
    return {i.id for i in with_ids(cloud, ids) if i.code.startswith("Server.Spot")}


def with_ids(cloud: Cloud, ids: Sequence[str]) -> list[Ec2Instance]:
    """Describe instances by id; ids that EC2 does not know (yet, or any more) are left out."""
    # By a filter, since one unknown id in InstanceIds fails the whole call; a filter takes 200 values.
    portions = [list(ids[start : start + 200]) for start in range(0, len(ids), 200)]
    return [i for ids in portions for i in _describe(cloud, Filters=[{"Name": "instance-id", "Values": ids}])]


def start(cloud: Cloud, id: str) -> None:
    """Start a stopped instance."""
    cloud.client("ec2").start_instances(InstanceIds=[id])


def stop(cloud: Cloud, id: str) -> None:
    """Stop a running instance; its disk is kept."""
    cloud.client("ec2").stop_instances(InstanceIds=[id])


def reboot(cloud: Cloud, id: str) -> None:
    """Ask a running instance to reboot; its state stays `running`."""
    cloud.client("ec2").reboot_instances(InstanceIds=[id])


def terminate(cloud: Cloud, ids: Sequence[str]) -> bool:
    """Terminate instances outside of groups; return False while EC2 does not know a newly launched instance."""
    try:
        cloud.client("ec2").terminate_instances(InstanceIds=list(ids))
    except ClientError as error:
        if error_code(error) != _NOT_FOUND:
            raise
        return False
    return True


@dataclass(frozen=True)
class Place:
    """Where an instance is launched, overriding its template."""

    security_groups: tuple[str, ...] = ()
    public: bool = False  # with a public address


def launch(
    cloud: Cloud,
    template: str,
    version: str,
    data: Mapping[str, Any],
    subnets: Sequence[str],
    tags: Mapping[str, str],
    metadata: Mapping[str, Any] | None = None,
    place: Place | None = None,
    *,
    kinds: Sequence[str] = (),
    once: str = "",
    purpose: str = "",
    stops: bool = True,
) -> str:
    """Launch one instance of a template version outside every group, tagged at launch, and return its id.

    `data`: the version's parameters; `subnets`: those of the group, tried in turn where a subnet lacks capacity or the type;
    `metadata` and `place`: metadata options and location that override the version's; `kinds`: instance types that replace the
    version's, tried in turn; `once`: a client token with which a
    repeated call launches no second instance, and `purpose` its beginning; `stops`: it will be stopped and started again. EC2
    may not know the id at first. Raises Refused where every subnet rejects it.
    """
    more: dict[str, Any] = {"MetadataOptions": dict(metadata)} if metadata else {}
    if stops and data.get("InstanceMarketOptions", {}).get("MarketType") == "spot":
        more["InstanceMarketOptions"] = {"MarketType": "spot", "SpotOptions": _STOPPABLE}
    full = []
    for kind, subnet in product(kinds or [""], subnets or [""]):
        if once:
            place_token = token(once, template, version, subnet, *([kind] if kind else []))
            more["ClientToken"] = (purpose + place_token)[:_TOKEN_SIZE]
        try:
            request = _launch(template, version, data, subnet, place or Place()) | _typed(kind)
            answer = cloud.client("ec2").run_instances(**request, **_tagged(tags), **_OURS, **more)
        except ClientError as error:
            if error_code(error) not in _OF_A_PLACE:
                raise
            full.append(f"{kind}{' in ' if kind else ''}{subnet or 'default subnet'}: {error_code(error)}: {_message(error)}")
            continue
        return str(answer["Instances"][0]["InstanceId"])
    raise Refused("no subnet of the group can take an instance now:\n" + "\n".join(f"  - {reason}" for reason in full))


def launch_error(
    cloud: Cloud,
    template: str,
    version: str,
    data: Mapping[str, Any],
    subnets: Sequence[str],
    tags: Mapping[str, str] | None = None,
    kinds: Sequence[str] = (),
) -> str | None:
    """Return why EC2 would not launch an instance of a template version for this caller, or None; nothing is launched.

    EC2 checks permissions and parameters in a dry run (RunInstances, DryRun), not capacity. EC2 Auto Scaling requires the
    same permission to name a template version in a group. `tags`: those that `launch` would set, since an organization
    may require some of every launch. Where a subnet rejects it, the next is tried, then the next of `kinds`.
    """
    why = None
    for kind, subnet in product(kinds or [""], subnets or [""]):
        try:
            request = _launch(template, version, data, subnet, Place()) | _typed(kind)
            cloud.client("ec2").run_instances(DryRun=True, **request, **_tagged(tags or {}), **_OURS)
        except ClientError as error:
            # That the version exists is known: an answer of EC2 that lags may not show it yet.
            if error_code(error) in ("DryRunOperation", *NOT_FOUND) or throttled(error):
                return None
            why = _message(error)
            if error_code(error) in _OF_A_PLACE:
                continue
        return why
    return why


def _message(error: ClientError) -> str:
    # The rest is a blob that only `aws sts decode-authorization-message` can read.
    return str(error.response["Error"].get("Message", error)).partition(" Encoded authorization")[0]


def _launch(template: str, version: str, data: Mapping[str, Any], subnet: str, place: Place) -> dict[str, Any]:
    request: dict[str, Any] = {"LaunchTemplate": {"LaunchTemplateId": template, "Version": version}, "MinCount": 1, "MaxCount": 1}
    interfaces = [dict(interface) for interface in data.get("NetworkInterfaces", [])]
    if place.public and not interfaces:
        interfaces = [{"DeviceIndex": 0, **({"Groups": data["SecurityGroupIds"]} if data.get("SecurityGroupIds") else {})}]
    own = {
        **({"SubnetId": subnet} if subnet else {}),
        **({"AssociatePublicIpAddress": True} if place.public else {}),
        **({"Groups": list(place.security_groups)} if place.security_groups else {}),
    }
    if interfaces and own:
        # RunInstances refuses a subnet or a security group beside network interfaces: they go into the first interface.
        request["NetworkInterfaces"] = [{**interfaces[0], **own}, *interfaces[1:]]
        return request
    request |= {"SubnetId": subnet} if subnet else {}
    return request | ({"SecurityGroupIds": list(place.security_groups)} if place.security_groups else {})


def _typed(kind: str) -> dict[str, str]:
    return {"InstanceType": kind} if kind else {}


def _tagged(tags: Mapping[str, str]) -> dict[str, Any]:
    if not tags:
        return {}
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    return {"TagSpecifications": [{"ResourceType": "instance", "Tags": pairs}]}


def with_tags(cloud: Cloud, tags: Mapping[str, str]) -> list[Ec2Instance]:
    """Describe the instances that have all these tags and are not terminated."""
    filters = [{"Name": f"tag:{key}", "Values": [value]} for key, value in tags.items()]
    return list(_describe(cloud, Filters=[*filters, {"Name": "instance-state-name", "Values": _ALIVE}]))


def ended_with_tags(cloud: Cloud, tags: Mapping[str, str]) -> list[str]:
    """Return the ids of the instances that bear all these tags and were terminated; EC2 shows them for about an hour."""
    filters = [{"Name": f"tag:{key}", "Values": [value]} for key, value in tags.items()]
    states = {"Name": "instance-state-name", "Values": ["shutting-down", "terminated"]}
    return sorted(machine.id for machine in _describe(cloud, Filters=[*filters, states]))


def console(cloud: Cloud, id: str, *, latest: bool = False) -> str:
    """Return the last 64 KB of an instance's console output; botocore decodes it.

    `latest`: the output now, only for instances of the Nitro system, empty for others; else the output that EC2 posted
    minutes after the last start, stop or reboot, and keeps for about an hour.
    """
    try:
        # Left out where not needed: a type without it rejects the parameter itself.
        answer = cloud.client("ec2").get_console_output(InstanceId=id, **({"Latest": True} if latest else {}))
    except ClientError as error:
        # Not known yet: EC2 is eventually consistent.
        if error_code(error) == _NOT_FOUND or (latest and error_code(error) == "UnsupportedOperation"):
            return ""
        raise
    return str(answer.get("Output", ""))


def tag(cloud: Cloud, ids: Sequence[str], tags: Mapping[str, str]) -> None:
    """Set tags on instances."""
    cloud.client("ec2").create_tags(Resources=list(ids), Tags=[{"Key": key, "Value": value} for key, value in tags.items()])


def tag_new(cloud: Cloud, id: str, tags: Mapping[str, str]) -> bool:
    """Set tags on a perhaps new instance; return False while EC2 does not know it."""
    try:
        tag(cloud, [id], tags)
    except ClientError as error:
        if error_code(error) == _NOT_FOUND:
            return False
        raise
    return True


def untag(cloud: Cloud, ids: Sequence[str], keys: Sequence[str]) -> None:
    """Delete tags of instances, whatever their values."""
    cloud.client("ec2").delete_tags(Resources=list(ids), Tags=[{"Key": key} for key in keys])


def _describe(cloud: Cloud, **arguments: Any) -> Iterator[Ec2Instance]:
    for page in cloud.client("ec2").get_paginator("describe_instances").paginate(**arguments, PaginationConfig=_PAGES):
        for reservation in page["Reservations"]:
            yield from map(_instance, reservation["Instances"])


def _instance(shown: Mapping[str, Any]) -> Ec2Instance:
    return Ec2Instance(
        id=shown["InstanceId"],
        state=shown["State"]["Name"],
        address=shown.get("PrivateIpAddress", ""),
        zone=shown.get("Placement", {}).get("AvailabilityZone", ""),
        image=shown.get("ImageId", ""),
        tags={tag["Key"]: tag["Value"] for tag in shown.get("Tags", [])},
        launched=shown["LaunchTime"].timestamp(),
        shows_tags=shown.get("MetadataOptions", {}).get("InstanceMetadataTags") == "enabled",
        public=shown.get("PublicIpAddress", ""),
        dns=shown.get("PublicDnsName", ""),
        reason=shown.get("StateReason", {}).get("Message") or shown.get("StateTransitionReason", ""),
        code=shown.get("StateReason", {}).get("Code", ""),
        token=shown.get("ClientToken", ""),
        root=shown.get("RootDeviceName", ""),
        devices=tuple(device["DeviceName"] for device in shown.get("BlockDeviceMappings", [])),
    )


def elastic_ip(cloud: Cloud, allocation: str) -> tuple[str, str]:
    """Return the address of an Elastic IP, and the id of the instance that has it or "".

    Raises Refused where there is none.
    """
    try:
        found = cloud.client("ec2").describe_addresses(AllocationIds=[allocation])["Addresses"]
    except ClientError as error:
        if error_code(error) not in ("InvalidAllocationID.NotFound", "InvalidAddressID.NotFound", "InvalidAddress.NotFound"):
            raise
        found = []
    if not found:
        raise Refused(f"--elastic-ip: there is no Elastic IP {allocation} in this account and region")
    return str(found[0]["PublicIp"]), str(found[0].get("InstanceId", ""))


def associate(cloud: Cloud, allocation: str, id: str) -> None:
    """Associate an Elastic IP with a running instance."""
    cloud.client("ec2").associate_address(AllocationId=allocation, InstanceId=id)
