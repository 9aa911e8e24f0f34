"""The published policies against AWS's own reference, their sizes, and their substitution for other partitions."""

import functools
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rehearsal.cloud.authorization.published import OPERATOR, published
from tests.policies.recorder import FOLDER
from tests.policies.reference import condition_keys, is_key, privilege, required_types, resource_types

PERMISSIONS = (*OPERATOR, "kms", "instance", "settings")
TRUST = ("trust-github", "trust-gitlab")
README = FOLDER.parent / "README.md"
# The Systems Manager user guide restricts it to sessions; the reference does not know that yet.
BEYOND_THE_REFERENCE = {"ssmmessages:OpenDataChannel"}
# Not of an Application Load Balancer.
OF_OTHER_BALANCERS = {"listener/net", "listener-rule/net"}


def several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = published(FOLDER, name)["Statement"]
    return found


def pairs() -> Iterator[tuple[str, dict[str, Any], str]]:
    for name in PERMISSIONS:
        for statement in statements(name):
            for action in several(statement["Action"]):
                yield name, statement, action


ALL = [pytest.param(statement, action, id=f"{name}-{statement['Sid']}-{action}") for name, statement, action in pairs()]


def types_of(action: str, arn: str) -> list[str]:
    """Return the resource types of an action that an ARN of a policy can stand for."""
    return [kind for kind, pattern in resource_types(action).items() if _arns_overlap(arn, pattern)]


def _arns_overlap(one: str, other: str) -> bool:
    return all(_overlap(a, b) for a, b in zip(one.split(":", 5), other.split(":", 5), strict=True))


@functools.cache
def _overlap(one: str, other: str) -> bool:
    """Return whether some text matches both patterns."""
    if not one or not other:
        return set(one + other) <= {"*"}
    if one[0] == "*":
        return _overlap(one[1:], other) or _overlap(one, other[1:])
    if other[0] == "*":
        return _overlap(other, one)
    return one[0] == other[0] and _overlap(one[1:], other[1:])


def test_every_policy_is_here() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == {*PERMISSIONS, *TRUST}


@pytest.mark.parametrize(("statement", "action"), ALL)
def test_the_action_exists_and_has_these_resources(statement: dict[str, Any], action: str) -> None:
    assert privilege(action) is not None
    if action in BEYOND_THE_REFERENCE:
        return
    for arn in several(statement["Resource"]):
        assert arn == "*" or types_of(action, arn), arn
        # A star only where the action has no resources, or where AWS answers about all of them.
        assert arn != "*" or not required_types(action) or action == "cloudwatch:DescribeAlarms", arn


@pytest.mark.parametrize(("statement", "action"), ALL)
def test_the_condition_keys_apply_to_the_action_and_its_resources(statement: dict[str, Any], action: str) -> None:
    keys = {key for condition in statement.get("Condition", {}).values() for key in condition}
    for arn in several(statement["Resource"]):
        kinds = [None] if arn == "*" else types_of(action, arn)
        for kind in kinds:
            known = list(condition_keys(action, kind))
            assert not [key for key in keys if not any(is_key(key, template) for template in known)], (arn, kind)


@pytest.mark.parametrize("name", PERMISSIONS)
def test_no_action_lacks_a_resource_that_it_needs(name: str) -> None:
    covered: dict[str, set[str]] = {}
    for policy, statement, action in pairs():
        if policy == name:
            kinds = [kind for arn in several(statement["Resource"]) if arn != "*" for kind in types_of(action, arn)]
            covered.setdefault(action, set()).update(kinds)
    lacking = {action: required_types(action) - kinds - OF_OTHER_BALANCERS for action, kinds in covered.items() if kinds}
    assert not {action: kinds for action, kinds in lacking.items() if kinds}


@pytest.mark.parametrize("name", (*PERMISSIONS, *TRUST))
def test_it_fits_into_a_managed_policy(name: str) -> None:
    # IAM counts no white space; a trust policy may have 2,048.
    size = len("".join((FOLDER / f"{name}.json").read_text().split()))
    assert size < (2048 if name in TRUST else 6144)


@pytest.mark.parametrize("name", PERMISSIONS)
def test_a_condition_on_all_values_is_never_met_by_none(name: str) -> None:
    for statement in statements(name):
        conditions = statement.get("Condition", {})
        keys = {key for operator, keys in conditions.items() if operator.startswith("ForAllValues:") for key in keys}
        assert all(conditions["Null"].get(key) == "false" for key in keys)


@pytest.mark.parametrize("name", (*PERMISSIONS, *TRUST))
def test_every_statement_has_a_name_of_its_own(name: str) -> None:
    sids = [statement["Sid"] for statement in statements(name)]
    assert len(set(sids)) == len(sids)
    assert all(re.fullmatch("[A-Za-z0-9]+", sid) for sid in sids)


LINTER = """
import json, sys, parliament
policy = parliament.analyze_policy_string(sys.stdin.read())
print(json.dumps([[finding.issue, str(finding.detail)] for finding in policy.findings]))
"""
# What parliament cannot know: it looks at each statement alone, and at an older reference. The tests above look further.
ACCEPTED = {
    "read": {("RESOURCE_STAR", "['cloudwatch:DescribeAlarms']")},
    "connect": {("UNKNOWN_CONDITION_FOR_ACTION", "Unknown condition ssm:SessionDocumentAccessCheck for action ssm:StartSession")},
    "prune": {("UNKNOWN_ACTION", "Unknown action ec2:DescribeImageReferences")},
    "traffic": {
        (
            "UNKNOWN_CONDITION_FOR_ACTION",
            "Unknown condition elasticloadbalancing:CreateAction for action elasticloadbalancing:AddTags",
        )
    },
}


@pytest.mark.parametrize("name", PERMISSIONS)
def test_parliament_has_nothing_to_say(name: str) -> None:
    text = (FOLDER / f"{name}.json").read_text()
    done = subprocess.run([sys.executable, "-c", LINTER], input=text, capture_output=True, text=True, check=True)
    findings = {(issue, detail) for issue, detail in json.loads(done.stdout) if issue != "RESOURCE_MISMATCH"}
    assert findings == ACCEPTED.get(name, set())


def documented(partition: str) -> str:
    """Return the command of the README that writes the policies of a partition."""
    found = re.search(rf"^sed -i '(.*{re.escape(partition)}.*)' ", README.read_text(), re.MULTILINE)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("partition", ["aws-cn", "aws-us-gov"])
def test_the_documented_command_moves_them_to_another_partition(tmp_path: Path, partition: str) -> None:
    copies = [tmp_path / f"{name}.json" for name in PERMISSIONS]
    for copy in copies:
        copy.write_text((FOLDER / copy.name).read_text())
    subprocess.run(["sed", "-i", documented(partition), *copies], check=True)
    for copy in copies:
        arns = re.findall(r'"(arn:[^"]+)"', copy.read_text())
        assert {arn.split(":")[1] for arn in arns} <= {partition}
        assert json.loads(copy.read_text()) != published(FOLDER, copy.stem) or not arns
        assert len("".join(copy.read_text().split())) < 6144
