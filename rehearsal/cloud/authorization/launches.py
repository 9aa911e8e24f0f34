"""What RunInstances needs: an answer for each resource that it uses or makes.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon EC2", RunInstances; EC2 user guide,
"Use Amazon EC2 launch templates to control launching Amazon EC2 instances".
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .evaluate import Request
from .facts import Facts, Names
from .tagging import Keys, of_request, of_resource, specified

Params = Mapping[str, Any]
ACTION = "ec2:RunInstances"
_ALIAS = "resolve:ssm:"  # before the name of a parameter that holds an image's id


def run_instances(params: Params, facts: Facts) -> Iterator[Request]:
    """Yield what a call of RunInstances needs, tags and the instance's role included."""
    reference = params.get("LaunchTemplate")
    template, data = facts.template(reference) if reference else ("", {})
    yield from _Launch(facts, template, data, params).requests()


class _Launch:
    """One launch: the template's parameters, and those of the call that replace them."""

    def __init__(self, facts: Facts, template: str, data: Params, own: Params) -> None:
        self._facts = facts
        self._names = Names(facts)
        self._template = template
        self._data = data
        self._own = own
        self._whole = {**data, **{key: value for key, value in own.items() if key != "LaunchTemplate"}}

    def requests(self) -> Iterator[Request]:
        """Yield a request for each resource, then for the tags, the role and an alias of an image."""
        instance = of_request(self._tags("instance")) | self._instance_keys()
        yield self._request("instance", "*", "", instance)
        yield self._request("network-interface", "*", "NetworkInterfaces", of_request(self._tags("network-interface")))
        yield self._request("volume", "*", "BlockDeviceMappings", of_request(self._tags("volume")))
        if self._template:
            yield self._request("launch-template", self._template, "", self._resource_tags(self._template))
        if (image := str(self._whole.get("ImageId", ""))).startswith(_ALIAS):
            yield Request("ssm:GetParameters", _parameter(image.removeprefix(_ALIAS), self._names))
        for kind, key, ids in self._used():
            for id in ids:
                yield self._request(kind, id, key, self._resource_tags(id) | self._keys_of(kind, id))
        for kind in ("instance", "network-interface", "volume"):
            if tags := self._tags(kind):
                context = {"ec2:CreateAction": "RunInstances", "ec2:Region": self._facts.region} | of_request(tags)
                yield Request("ec2:CreateTags", self._names.ec2(kind), context)
        if profile := self._whole.get("IamInstanceProfile"):
            yield Request("iam:PassRole", self._facts.role(profile), {"iam:PassedToService": "ec2.amazonaws.com"})

    def _used(self) -> Iterator[tuple[str, str, Sequence[str]]]:
        """Yield the kinds of existing resources, the parameter that names them, and their ids."""
        interfaces = self._whole.get("NetworkInterfaces") or ()
        yield "image", "ImageId", _some(self._whole.get("ImageId"))
        yield "key-pair", "KeyName", _some(self._whole.get("KeyName"))
        yield "security-group", "SecurityGroupIds", tuple(self._whole.get("SecurityGroupIds") or ())
        yield "subnet", "SubnetId", _some(self._whole.get("SubnetId"))
        for interface in interfaces:
            yield "security-group", "NetworkInterfaces", tuple(interface.get("Groups") or ())
            yield "subnet", "NetworkInterfaces", _some(interface.get("SubnetId"))
        mappings = self._whole.get("BlockDeviceMappings") or ()
        yield (
            "snapshot",
            "BlockDeviceMappings",
            tuple(m["Ebs"]["SnapshotId"] for m in mappings if m.get("Ebs", {}).get("SnapshotId")),
        )

    def _request(self, kind: str, id: str, key: str, context: Keys) -> Request:
        keys: Keys = {"ec2:Region": self._facts.region}
        if self._template:
            keys["ec2:LaunchTemplate"] = self._names.ec2("launch-template", self._template)
            keys["ec2:IsLaunchTemplateResource"] = "false" if key and key in self._own else "true"
        return Request(ACTION, self._names.ec2(kind, id), keys | context)

    def _tags(self, kind: str) -> dict[str, str]:
        return {
            **specified(self._data.get("TagSpecifications"), kind),
            **specified(self._own.get("TagSpecifications"), kind),
        }

    def _resource_tags(self, id: str) -> Keys:
        return of_resource(self._facts.tags(id), "ec2:ResourceTag")

    def _instance_keys(self) -> Keys:
        metadata = self._whole.get("MetadataOptions", {})
        market = self._whole.get("InstanceMarketOptions", {}).get("MarketType")
        keys: Keys = {
            "ec2:InstanceType": self._whole.get("InstanceType", "m1.small"),
            "ec2:MetadataHttpTokens": metadata.get("HttpTokens", "optional"),
            "ec2:InstanceMarketType": market or "on-demand",
        }
        if arn := self._whole.get("IamInstanceProfile", {}).get("Arn"):
            keys["ec2:InstanceProfile"] = arn
        return keys

    def _keys_of(self, kind: str, id: str) -> Keys:
        return {"ec2:ImageID": id, "ec2:Owner": self._facts.owner(id)} if kind == "image" else {}


def _parameter(name: str, names: Names) -> str:
    # Those of AWS itself have no account.
    return names.arn("ssm", f"parameter/{name.lstrip('/')}", account=not name.startswith("/aws/"))


def _some(value: Any) -> tuple[str, ...]:
    return (str(value),) if value else ()
