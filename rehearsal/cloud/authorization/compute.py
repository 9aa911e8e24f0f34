"""What calls of EC2, EC2 Instance Connect and KMS need.

Source: Service Authorization Reference, "Actions, resources, and condition keys" of each service.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .evaluate import Request
from .facts import Facts, Names
from .launches import run_instances
from .tagging import Keys, of_request, of_resource, pairs, specified

Params = Mapping[str, Any]

# Those that change or show single instances; each is asked about by itself.
_ON_INSTANCES = {"StartInstances", "StopInstances", "RebootInstances", "TerminateInstances"}
# What an id begins with -> the kind of the resource.
_KINDS = {
    "i": "instance",
    "ami": "image",
    "snap": "snapshot",
    "vol": "volume",
    "lt": "launch-template",
    "eni": "network-interface",
}


def ec2(action: str, params: Params, facts: Facts) -> Iterator[Request] | None:
    """Return what a call of EC2 needs; None for an action that is not in this table."""
    if action.startswith("Describe"):
        return iter([Request(f"ec2:{action}", "*", {"ec2:Region": facts.region})])
    if action in _ON_INSTANCES:
        return (_on_instance(f"ec2:{action}", id, facts) for id in params["InstanceIds"])
    if action == "GetConsoleOutput":
        return iter([_on_instance("ec2:GetConsoleOutput", params["InstanceId"], facts)])
    if action in ("CreateTags", "DeleteTags"):
        return _tags(action, params, facts)
    if action == "CreateLaunchTemplateVersion":
        return _template_version(params, facts)
    if action == "AssociateAddress":
        return _associate(params, facts)
    if action in ("DeregisterImage", "DeleteSnapshot"):
        return _removal(action, params, facts)
    makers = {"RunInstances": run_instances, "CreateImage": _create_image}
    return makers[action](params, facts) if action in makers else None


def _associate(params: Params, facts: Facts) -> Iterator[Request]:
    yield _on_instance("ec2:AssociateAddress", params["InstanceId"], facts)
    address = params["AllocationId"]
    context = {"ec2:Region": facts.region, **of_resource(facts.tags(address), "ec2:ResourceTag")}
    yield Request("ec2:AssociateAddress", Names(facts).ec2("elastic-ip", address), context)


def _removal(action: str, params: Params, facts: Facts) -> Iterator[Request]:
    image = params.get("ImageId")
    if image is not None:
        yield _on_image_or_snapshot("ec2:DeregisterImage", "image", image, facts)
    for id in facts.snapshots(image) if image and params.get("DeleteAssociatedSnapshots") else ():
        yield _on_image_or_snapshot("ec2:DeleteSnapshot", "snapshot", id, facts)
    if "SnapshotId" in params:
        yield _on_image_or_snapshot("ec2:DeleteSnapshot", "snapshot", params["SnapshotId"], facts)


def _on_image_or_snapshot(action: str, kind: str, id: str, facts: Facts) -> Request:
    tags = of_resource(facts.tags(id), "ec2:ResourceTag")
    return Request(action, Names(facts).ec2(kind, id), {"ec2:Region": facts.region, "ec2:Owner": facts.account, **tags})


def instance_connect(action: str, params: Params, facts: Facts) -> Iterator[Request] | None:
    """Return what a call of EC2 Instance Connect needs; None for an action that is not in this table."""
    if action != "SendSSHPublicKey":
        return None
    id = params["InstanceId"]
    # Of EC2's own keys this service knows the tags alone.
    context = of_resource(facts.tags(id), "ec2:ResourceTag") | {"ec2:osuser": params["InstanceOSUser"]}
    return iter([Request("ec2-instance-connect:SendSSHPublicKey", Names(facts).ec2("instance", id), context)])


def encrypted_volumes(key: str, facts: Facts, *, launch: bool) -> Iterator[Request]:
    """Yield what EC2 asks of KMS in the caller's name for volumes under a customer managed key (its ARN).

    `launch`: at RunInstances; else at StartInstances, which only makes the grant anew. Source: Amazon EBS user guide,
    "Requirements for Amazon EBS encryption", "Permissions for IAM users".
    """
    via: Keys = {"kms:ViaService": f"ec2.{facts.region}.amazonaws.com", "kms:CallerAccount": facts.account}
    yield Request("kms:CreateGrant", key, {**via, "kms:GrantIsForAWSResource": "true"})
    if launch:
        for name in ("Decrypt", "DescribeKey", "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo"):
            yield Request(f"kms:{name}", key, via)


def _on_instance(action: str, id: str, facts: Facts) -> Request:
    tags = of_resource(facts.tags(id), "ec2:ResourceTag")
    return Request(action, Names(facts).ec2("instance", id), {"ec2:Region": facts.region, "ec2:InstanceID": id, **tags})


def _tags(action: str, params: Params, facts: Facts) -> Iterator[Request]:
    # DeleteTags may name no keys, which deletes all tags: then the request has no aws:TagKeys.
    request = of_request(pairs(params.get("Tags")))
    for id in params["Resources"]:
        kind = _KINDS[id.partition("-")[0]]
        context = of_resource(facts.tags(id), "ec2:ResourceTag") | request | {"ec2:Region": facts.region}
        yield Request(f"ec2:{action}", Names(facts).ec2(kind, id), context)


def _template_version(params: Params, facts: Facts) -> Iterator[Request]:
    template, _ = facts.template(params)
    tags = of_resource(facts.tags(template), "ec2:ResourceTag")
    yield Request("ec2:CreateLaunchTemplateVersion", Names(facts).ec2("launch-template", template), tags)


def _create_image(params: Params, facts: Facts) -> Iterator[Request]:
    yield _on_instance("ec2:CreateImage", params["InstanceId"], facts)
    kinds: Iterable[str] = ("image", "snapshot")
    for kind in kinds:
        request = of_request(specified(params.get("TagSpecifications"), kind))
        keys: Keys = {"ec2:Region": facts.region, "ec2:Owner": facts.account}
        yield Request("ec2:CreateImage", Names(facts).ec2(kind), keys | request)
        if request:
            yield Request("ec2:CreateTags", Names(facts).ec2(kind), keys | request | {"ec2:CreateAction": "CreateImage"})
