"""The listeners of the load balancers in front of the groups, and our rules on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..decisions.traffic.maintenance import DEFAULT, Change, Drop, Listener, Make, Rule
from ..runtime.cloud import Cloud
from . import tags as names

_AT_ONCE = 20  # resources of one DescribeTags


def site_of(groups: Sequence[str]) -> str:
    """Return the tag of a site's rules. One group in common is enough to know them again when the settings have changed."""
    # No group has a colon in its name, and a tag has at most 256 characters.
    return ":".join(groups)[:256]


def _groups(site: str) -> set[str]:
    return set(site.split(":")) - {""}


def look(cloud: Cloud, target_groups: Sequence[str], site: str) -> list[Listener]:
    """Return the listeners of the load balancers that the target groups belong to.

    `site`: what our rules are tagged with (`site_of`), so that two sites behind one load balancer leave each other's alone.
    """
    client = cloud.client("elbv2")
    pages = client.get_paginator("describe_target_groups").paginate(TargetGroupArns=list(target_groups))
    balancers = sorted({arn for page in pages for group in page["TargetGroups"] for arn in group["LoadBalancerArns"]})
    found = []
    for balancer in balancers:
        for page in client.get_paginator("describe_listeners").paginate(LoadBalancerArn=balancer):
            for told in page["Listeners"]:
                name = f"{told.get('Protocol', '')}:{told.get('Port', '')} of {balancer.split('/')[-2]}"
                rules = tuple(_rules(cloud, told["ListenerArn"], set(target_groups), site))
                found.append(Listener(told["ListenerArn"], name, rules))
    return found


def apply(cloud: Cloud, step: Make | Change | Drop, tags: Mapping[str, str]) -> None:
    """Make, change or delete a rule."""
    client = cloud.client("elbv2")
    if isinstance(step, Make):
        client.create_rule(
            ListenerArn=step.listener,
            Priority=step.priority,
            Conditions=list(step.conditions),
            Actions=list(step.actions),
            **({"Transforms": list(step.transforms)} if step.transforms else {}),
            Tags=[{"Key": key, "Value": value} for key, value in {**tags, names.MAINTENANCE: step.ours}.items()],
        )
    elif isinstance(step, Change):
        client.modify_rule(RuleArn=step.arn, Actions=list(step.actions))
    else:
        client.delete_rule(RuleArn=step.arn)


def _rules(cloud: Cloud, listener: str, target_groups: set[str], site: str) -> Iterator[Rule]:
    pages = cloud.client("elbv2").get_paginator("describe_rules").paginate(ListenerArn=listener)
    told = [rule for page in pages for rule in page["Rules"]]
    tags = _tags(cloud, [rule["RuleArn"] for rule in told if not rule["IsDefault"]])
    for rule in told:
        own = tags.get(rule["RuleArn"], {})
        # Rules of earlier versions bear their groups in the other tag.
        groups = _groups(own.get(names.GROUPS, own.get(names.SITE, "")))
        actions = tuple(_plain_action(action) for action in rule["Actions"])
        yield Rule(
            rule["RuleArn"],
            DEFAULT if rule["IsDefault"] else int(rule["Priority"]),
            tuple(_plain_condition(condition) for condition in rule["Conditions"]),
            actions,
            serves=bool(target_groups & set(_targets(actions))),
            ours=own.get(names.MAINTENANCE, "") if groups & _groups(site) else "",
            transforms=tuple(rule.get("Transforms", ())),
        )


def _tags(cloud: Cloud, arns: Sequence[str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for start in range(0, len(arns), _AT_ONCE):
        told = cloud.client("elbv2").describe_tags(ResourceArns=list(arns[start : start + _AT_ONCE]))
        found |= {one["ResourceArn"]: {tag["Key"]: tag["Value"] for tag in one["Tags"]} for one in told["TagDescriptions"]}
    return found


def _plain_condition(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """AWS tells some conditions in two ways; one of them is enough to make the same again."""
    config = {key: value for key, value in told.items() if key.endswith("Config") and value}
    return {"Field": told["Field"], **(config or {"Values": told.get("Values", [])})}


def _plain_action(told: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: value for key, value in told.items() if key != "TargetGroupArn" or "ForwardConfig" not in told}


def _targets(actions: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for action in actions:
        if "TargetGroupArn" in action:
            yield action["TargetGroupArn"]
        yield from (group["TargetGroupArn"] for group in action.get("ForwardConfig", {}).get("TargetGroups", []))
