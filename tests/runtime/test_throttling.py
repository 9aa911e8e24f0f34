"""Throttled calls: botocore with our own patience, against the stand-in's API."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from tasks.runtime import throttling
from tests.rehearsal.standin import Cloud
from tests.worlds.aws_world import api_of, world
from tests.worlds.shop_world import credentials


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with world() as (running, _):
        yield running


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch, cloud: Cloud) -> Iterator[None]:
    credentials(monkeypatch)
    monkeypatch.setattr(throttling, "LONGEST", 0.0)
    monkeypatch.setattr("botocore.retries.bucket.TokenBucket.acquire", lambda self, amount=1, block=True: True)
    yield
    cloud.control("faults", {"throttle": 0.0})


@pytest.mark.usefixtures("hurried")
def test_a_long_rollout_outlives_botocore_s_quota(cloud: Cloud) -> None:
    """A client of botocore has a quota of retries, which throttled calls use up; then the next throttled call fails at once."""
    client = api_of(cloud).client("ec2")
    cloud.control("faults", {"throttle": 0.6, "seed": 7})
    for _ in range(150):
        client.describe_launch_templates()


@pytest.mark.usefixtures("hurried")
def test_a_call_is_given_up_at_last(cloud: Cloud) -> None:
    cloud.control("faults", {"throttle": 1.0})
    before = cloud.control("calls")["total"]
    with pytest.raises(ClientError, match="Rate exceeded"):
        api_of(cloud).client("autoscaling").describe_auto_scaling_groups()
    assert cloud.control("calls")["total"] - before == throttling.ATTEMPTS


@pytest.mark.usefixtures("hurried")
def test_what_can_be_left_out_is_asked_for_once(cloud: Cloud) -> None:
    cloud.control("faults", {"throttle": 1.0})
    before = cloud.control("calls")["total"]
    with pytest.raises(ClientError, match="Request limit exceeded"):
        api_of(cloud).client("ec2", quick=True).describe_launch_templates()
    assert cloud.control("calls")["total"] - before == 1


DESCRIBE, UPDATE = SimpleNamespace(name="DescribeInstances"), SimpleNamespace(name="UpdateAutoScalingGroup")


def asked(operation: SimpleNamespace, *codes: str) -> list[float | None]:
    """Return the pauses of one call that gets these errors one after the other; "": none."""
    request: dict[str, object] = {"context": {}}
    answers = ((None, {"Error": {"Code": code}} if code else {}) for code in codes)
    return [throttling.retry(answer, operation, request) for answer in answers]


def test_pauses_grow_and_are_bounded() -> None:
    delays = asked(DESCRIBE, *["RequestLimitExceeded"] * throttling.ATTEMPTS)
    assert delays.pop() is None
    for number, delay in enumerate(delays):
        assert delay is not None and 0 <= delay <= min(2.0**number, throttling.LONGEST)


def test_botocore_decides_everything_else() -> None:
    assert asked(DESCRIBE, "", "InternalError") == [None, None]
    assert throttling.retry(None, DESCRIBE, {"context": {}}) is None


def test_a_write_ends_before_the_lease_of_the_lock_does() -> None:
    delays = asked(UPDATE, *["Throttling"] * throttling.WRITES)
    assert delays.pop() is None and None not in delays


def test_what_botocore_has_retried_before_does_not_count() -> None:
    """RunInstances is retried where a zone has no capacity: one refusal after that would end it as throttled for good."""
    assert asked(UPDATE, *["InsufficientInstanceCapacity"] * 12, "RequestLimitExceeded")[-1] is not None
