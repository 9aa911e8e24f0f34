"""The vCPU quota: which types count, and types that EC2 does not know."""

from collections.abc import Iterator

import pytest

from tasks.aws.quotas import VCpus, vcpus
from tests.rehearsal.standin import Cloud
from tests.worlds.aws_world import api_of, world
from tests.worlds.shop_world import credentials


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with world() as (running, _):
        yield running


@pytest.mark.parametrize(("kind", "each"), [("t3.small", 2), ("m5.4xlarge", 16), ("im4gn.large", 2)])
def test_types_of_the_standard_families_count_together(
    cloud: Cloud, kind: str, each: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials(monkeypatch)
    cloud.control("options", {"vcpu_limit": 64})
    seen = vcpus(api_of(cloud), kind)
    assert isinstance(seen, VCpus) and (seen.each, seen.limit) == (each, 64.0) and seen.used >= 0


@pytest.mark.parametrize("kind", ["t99.huge", "u-6tb1.metal", "", "nonsense"])
def test_a_type_that_is_not_known_has_no_quota(cloud: Cloud, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)
    assert vcpus(api_of(cloud), kind) is None
