"""The listeners of the load balancers in front of the groups, and our rules on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..decisions.traffic.maintenance import DEFAULT, Change, Drop, Listener, Make, Rule
from ..runtime.cloud import Cloud
from . import tags as names

_AT_ONCE = 20  # resources of one DescribeTags


def site_of(groups: Sequence[str]) -> str:
    """Return the tag of a site's rules. One common group is enough to recognize them after a change of the settings."""
    # No group has a colon in its name, and a tag has at most 256 characters.
    return ":".join(groups)[:256]


def _groups(site: str) -> set[str]:
    return set(site.split(":")) - {""}


def describe(cloud: Cloud, target_groups: Sequence[str], site: str) -> list[Listener]:
    """Return the listeners of the load balancers that the target groups belong to.

    `site`: the tag of our rules (`site_of`), so that two sites behind one load balancer do not touch each other's.
    """
    client = cloud.client("elbv2")
    pages = client.get_paginator("describe_target_groups").paginate(TargetGroupArns=list(target_groups))
    balancers = sorted({arn for page in pages for group in page["TargetGroups"] for arn in group["LoadBalancerArns"]})
    found = []
    for balancer in balancers:
        for page in client.get_paginator("describe_listeners").paginate(LoadBalancerArn=balancer):
            for shown in page["Listeners"]:
                name = f"{shown.get('Protocol', '')}:{shown.get('Port', '')} of {balancer.split('/')[-2]}"
                rules = tuple(_rules(cloud, shown["ListenerArn"], set(target_groups), site))
                found.append(Listener(shown["ListenerArn"], name, rules))
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
    rules = [rule for page in pages for rule in page["Rules"]]
    tags = _tags(cloud, [rule["RuleArn"] for rule in rules if not rule["IsDefault"]])
    for rule in rules:
        own = tags.get(rule["RuleArn"], {})
        # Rules of earlier versions have their groups in the other tag.
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
        shown = cloud.client("elbv2").describe_tags(ResourceArns=list(arns[start : start + _AT_ONCE]))
        found |= {item["ResourceArn"]: {tag["Key"]: tag["Value"] for tag in item["Tags"]} for item in shown["TagDescriptions"]}
    return found


def _plain_condition(shown: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a condition in one form: AWS returns some in two, and either creates the same."""
    config = {key: value for key, value in shown.items() if key.endswith("Config") and value}
    return {"Field": shown["Field"], **(config or {"Values": shown.get("Values", [])})}


def _plain_action(shown: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: value for key, value in shown.items() if key != "TargetGroupArn" or "ForwardConfig" not in shown}


def _targets(actions: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for action in actions:
        if "TargetGroupArn" in action:
            yield action["TargetGroupArn"]
        yield from (group["TargetGroupArn"] for group in action.get("ForwardConfig", {}).get("TargetGroups", []))
