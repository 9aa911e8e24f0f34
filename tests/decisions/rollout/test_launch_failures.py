"""Why launches fail, in AWS's own words: what passes, what does not, and what to do."""

import pytest

from tasks.decisions.rollout.launch_failures import Kind, explained, passes, reason_of

TEXTS = [
    (
        "We currently do not have sufficient t3.micro capacity in the Availability Zone you requested (us-east-1a). Our system "
        "will be working on provisioning additional capacity. Launching EC2 instance failed.",
        Kind.CAPACITY,
        "the group tries again",
    ),
    (
        "Could not launch Spot Instances. UnfulfillableCapacity - Unable to fulfill capacity due to your request configuration. "
        "Launching EC2 instance failed.",
        Kind.CAPACITY,
        "the group tries again",
    ),
    (
        "You have requested more vCPU capacity than your current vCPU limit of 32 allows for the instance bucket that the "
        "specified instance type belongs to. Launching EC2 instance failed.",
        Kind.OTHER,
        "vCPU quota",
    ),
    ("Max spot instance count exceeded. Launching EC2 instance failed.", Kind.OTHER, "Spot quota"),
    (
        "There are not enough free addresses in subnet 'subnet-1' to satisfy the requested number of instances. Launching EC2 "
        "instance failed.",
        Kind.PLACE,
        "subnet is full",
    ),
    (
        "Your requested instance type (t3.micro) is not supported in your requested Availability Zone (us-east-1e). Launching "
        "EC2 instance failed.",
        Kind.PLACE,
        "does not offer the instance type",
    ),
    (
        "Client.InvalidKMSKey.InvalidState: The KMS key provided is in an incorrect state. Launching EC2 instance failed.",
        Kind.OTHER,
        "service-linked role",
    ),
    (
        "Instance became unhealthy while waiting for instance to be in InService state. Termination Reason: "
        "Client.InternalError: Client error on launch",
        Kind.OTHER,
        "KMS key",
    ),
    (
        "Instance became unhealthy while waiting for instance to be in InService state. Termination Reason: "
        "Server.SpotInstanceTermination: Spot instance termination",
        Kind.CAPACITY,
        "took a Spot instance back",
    ),
    (
        "Instance failed to complete user's Lifecycle Action: Lifecycle Action with token e85eb647 was abandoned: Lifecycle "
        "Action Completed with ABANDON Result",
        Kind.OTHER,
        "launch hook was abandoned",
    ),
    ("The image id '[ami-0123456789abcdef0]' does not exist. Launching EC2 instance failed.", Kind.OTHER, "bake another"),
    ("Volume of size 4GB is smaller than snapshot 'snap-1', expect size>= 8GB.", Kind.OTHER, "raise its VolumeSize"),
    ("You are not authorized to use launch template: lt-1. Launching EC2 instance failed.", Kind.OTHER, "service control"),
    ("'a/b' is not a valid tag key. Tag keys must match pattern. Launching EC2 instance failed.", Kind.OTHER, "rename it"),
    ("The key pair 'team' does not exist. Launching EC2 instance failed.", Kind.OTHER, "was deleted"),
]


@pytest.mark.parametrize(("text", "kind", "hint"), TEXTS)
def test_known_reasons(text: str, kind: Kind, hint: str) -> None:
    reason = reason_of(text)
    assert reason is not None and reason.kind is kind and hint in reason.hint
    assert passes(text) is (kind is not Kind.OTHER)
    assert explained(text).startswith(text.rstrip(".")) and hint in explained(text)


@pytest.mark.parametrize("text", ["", "Insufficient funds", "no such thing", "capacity", "the requested capacity is odd"])
def test_the_word_capacity_alone_is_no_lack_that_passes(text: str) -> None:
    assert not passes(text) and explained(text) == text


def test_words_of_aws_are_known_however_they_are_written() -> None:
    assert not passes("VCPULIMITEXCEEDED") and "Service Quotas" in explained("vcpulimitexceeded")


def test_the_hint_stands_behind_the_words_of_aws() -> None:
    assert explained("The key pair 'team' does not exist.") == (
        "The key pair 'team' does not exist (something that the template names was deleted)"
    )
    assert explained("UnauthorizedOperation: XX").startswith("UnauthorizedOperation: XX (a policy")
