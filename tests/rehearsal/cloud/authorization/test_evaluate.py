"""Statements and policies: what applies, and who wins."""

from typing import Any

import pytest

from rehearsal.cloud.authorization.conditions import PolicyError
from rehearsal.cloud.authorization.evaluate import Request, authorize, authorize_all

ALLOW = {"Sid": "A", "Effect": "Allow", "Action": "ec2:Stop*", "Resource": "arn:aws:ec2:*:111122223333:instance/*"}
INSTANCE, OTHER = "arn:aws:ec2:eu-central-1:111122223333:instance/i-1", "arn:aws:ec2:eu-central-1:999999999999:instance/i-1"


def policy(*statements: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def test_what_no_statement_allows_is_denied() -> None:
    assert authorize([policy(ALLOW)], "ec2:StopInstances", [INSTANCE]).statements == ("A",)
    assert not authorize([policy(ALLOW)], "ec2:StartInstances", [INSTANCE])
    assert not authorize([policy(ALLOW)], "ec2:StopInstances", [OTHER])
    assert not authorize([], "ec2:StopInstances", [INSTANCE])


def test_a_deny_outweighs_every_allow() -> None:
    deny = {"Sid": "D", "Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    policies = [policy(ALLOW), policy(deny)]
    assert authorize(policies, "ec2:StopInstances", [INSTANCE], {"aws:SecureTransport": "true"})
    decision = authorize(policies, "ec2:StopInstances", [INSTANCE], {"aws:SecureTransport": "false"})
    assert (decision.allowed, decision.denied_explicitly, decision.statements) == (False, True, ("D",))


def test_every_resource_of_a_call_must_be_allowed() -> None:
    assert not authorize([policy(ALLOW)], "ec2:StopInstances", [INSTANCE, OTHER])
    requests = [Request("ec2:StopInstances", INSTANCE), Request("ec2:StopInstances", OTHER)]
    assert authorize_all([policy(ALLOW)], requests[:1])
    assert not authorize_all([policy(ALLOW)], requests)
    assert str(requests[0]) == f"ec2:StopInstances on {INSTANCE}"


def test_actions_are_compared_without_case() -> None:
    assert authorize([policy({**ALLOW, "Action": ["EC2:stopinstances"]})], "ec2:StopInstances", [INSTANCE])


@pytest.mark.parametrize(
    ("resource", "arn", "result"),
    [
        ("*", INSTANCE, True),
        ("arn:aws:ec2:eu-central-1:*:instance/i-?", INSTANCE, True),
        ("arn:aws:ec2:*:instance/*", INSTANCE, False),
        ("arn:aws-cn:ec2:eu-central-1:111122223333:instance/*", INSTANCE, False),
        ("arn:aws:ec2:eu-central-1::image/*", "arn:aws:ec2:eu-central-1::image/ami-1", True),
        (
            "arn:aws:autoscaling:eu-central-1:1:autoScalingGroup:*:autoScalingGroupName/web",
            "arn:aws:autoscaling:eu-central-1:1:autoScalingGroup:6f-1:autoScalingGroupName/web2",
            False,
        ),
    ],
)
def test_a_resource_is_compared_part_by_part(resource: str, arn: str, result: bool) -> None:
    assert bool(authorize([policy({**ALLOW, "Resource": resource})], "ec2:StopInstances", [arn])) is result


def test_variables_in_a_resource() -> None:
    statement = {**ALLOW, "Action": "ssm:TerminateSession", "Resource": "arn:aws:ssm:*:*:session/${aws:userid}-*"}
    session = "arn:aws:ssm:eu-central-1:1:session/me-1"
    assert authorize([policy(statement)], "ssm:TerminateSession", [session], {"aws:userid": "me"})
    assert not authorize([policy(statement)], "ssm:TerminateSession", [session], {"aws:userid": "m?"})
    assert not authorize([policy(statement)], "ssm:TerminateSession", [session])


def test_all_but_some_actions_and_resources() -> None:
    but = {"Effect": "Allow", "NotAction": "iam:*", "NotResource": [OTHER]}
    assert authorize([policy(but)], "ec2:StopInstances", [INSTANCE]).statements == ("statement 0",)
    assert not authorize([policy(but)], "iam:PassRole", [INSTANCE])
    assert not authorize([policy(but)], "ec2:StopInstances", [OTHER])


def test_a_single_statement_needs_no_list() -> None:
    assert authorize([{"Version": "2012-10-17", "Statement": ALLOW}], "ec2:StopInstances", [INSTANCE])


def test_a_policy_with_principals_is_for_them_alone() -> None:
    trust = policy({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"})
    assert authorize([trust], "sts:AssumeRole", ["role"], principal=("Service", "ec2.amazonaws.com"))
    assert not authorize([trust], "sts:AssumeRole", ["role"], principal=("Service", "lambda.amazonaws.com"))
    assert not authorize([trust], "sts:AssumeRole", ["role"], principal=("AWS", "ec2.amazonaws.com"))
    assert not authorize([trust], "sts:AssumeRole", ["role"])


def test_an_element_that_is_not_known_is_an_error() -> None:
    with pytest.raises(PolicyError, match="Conditions"):
        authorize([policy({**ALLOW, "Conditions": {}})], "ec2:StopInstances", [INSTANCE])
