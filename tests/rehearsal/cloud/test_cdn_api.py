"""CloudFront: distributions, and invalidations that take their time."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from rehearsal.addresses import Octet
from rehearsal.cloud.options import Options
from rehearsal.cloud.standin import StandIn
from rehearsal.hosts.bare import BareHosts
from tests.rehearsal.standin import FAST, Cloud, refused

ORIGIN = {
    "Id": "site",
    "DomainName": "site.example.com",
    "CustomOriginConfig": {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "http-only"},
}
CONFIG = {
    "CallerReference": "one",
    "Comment": "",
    "Enabled": True,
    "Origins": {"Quantity": 1, "Items": [ORIGIN]},
    "DefaultCacheBehavior": {"TargetOriginId": "site", "ViewerProtocolPolicy": "allow-all", "MinTTL": 0},
    "CustomErrorResponses": {"Quantity": 1, "Items": [{"ErrorCode": 404, "ErrorCachingMinTTL": 7}]},
}


@pytest.fixture
def heard() -> list[Sequence[str]]:
    """The paths that the CDN was told to forget."""
    return []


@pytest.fixture
def cloud(heard: list[Sequence[str]]) -> Iterator[Cloud]:
    with Octet() as octet:
        hosts, address = BareHosts(), f"127.{octet.number}.0.2"
        standin = StandIn(Options.of(FAST | {"invalidation": 600.0}), hosts, address, on_invalidated=heard.append)
        standin.start()
        yield Cloud(standin, hosts, octet.number)
        standin.close()


@pytest.fixture
def cloudfront(cloud: Cloud) -> Any:
    return cloud.client("cloudfront")


@pytest.fixture
def distribution(cloudfront: Any) -> str:
    return str(cloudfront.create_distribution(DistributionConfig=CONFIG)["Distribution"]["Id"])


def invalidate(cloudfront: Any, distribution: str, *paths: str, reference: str = "one") -> dict[str, Any]:
    batch = {"Paths": {"Quantity": len(paths), "Items": list(paths)}, "CallerReference": reference}
    made: dict[str, Any] = cloudfront.create_invalidation(DistributionId=distribution, InvalidationBatch=batch)
    return made["Invalidation"]


def test_the_error_caching_of_a_distribution_can_be_read(cloudfront: Any, distribution: str) -> None:
    shown = cloudfront.get_distribution_config(Id=distribution)["DistributionConfig"]["CustomErrorResponses"]
    assert shown["Items"][0]["ErrorCachingMinTTL"] == 7


def test_it_is_in_progress_then_completed_and_only_then_takes_effect(
    cloud: Cloud, cloudfront: Any, distribution: str, heard: list[Sequence[str]]
) -> None:
    made = invalidate(cloudfront, distribution, "/static/*")
    assert made["Status"] == "InProgress"
    assert heard == []
    cloud.skip(600)

    def status() -> str:
        return str(cloudfront.get_invalidation(DistributionId=distribution, Id=made["Id"])["Invalidation"]["Status"])

    cloud.wait(lambda: status() == "Completed")
    assert heard == [("/static/*",)]


def test_the_caller_reference_makes_it_idempotent(cloudfront: Any, distribution: str) -> None:
    first = invalidate(cloudfront, distribution, "/a", reference="r")
    assert invalidate(cloudfront, distribution, "/a", reference="r")["Id"] == first["Id"]
    batch = {"Paths": {"Quantity": 1, "Items": ["/b"]}, "CallerReference": "r"}
    code, _ = refused(cloudfront.create_invalidation, DistributionId=distribution, InvalidationBatch=batch)
    assert code == "InvalidArgument"
    assert cloudfront.list_invalidations(DistributionId=distribution)["InvalidationList"]["Quantity"] == 1


@pytest.mark.parametrize(("paths", "fits"), [(15, True), (16, False)])
def test_wildcards_in_progress_are_limited(cloudfront: Any, distribution: str, paths: int, fits: bool) -> None:
    wildcards = [f"/{number}/*" for number in range(paths)]
    if fits:
        invalidate(cloudfront, distribution, *wildcards)
        return
    batch = {"Paths": {"Quantity": paths, "Items": wildcards}, "CallerReference": "r"}
    code, _ = refused(cloudfront.create_invalidation, DistributionId=distribution, InvalidationBatch=batch)
    assert code == "TooManyInvalidationsInProgress"


def test_paths_in_progress_are_limited_to_3000(cloudfront: Any, distribution: str) -> None:
    invalidate(cloudfront, distribution, *[f"/{number}" for number in range(2990)])
    batch = {"Paths": {"Quantity": 11, "Items": [f"/more/{number}" for number in range(11)]}, "CallerReference": "r"}
    code, _ = refused(cloudfront.create_invalidation, DistributionId=distribution, InvalidationBatch=batch)
    assert code == "TooManyInvalidationsInProgress"


@pytest.mark.parametrize("path", ["static/*", "/a*b"])
def test_bad_paths_are_refused(cloudfront: Any, distribution: str, path: str) -> None:
    batch = {"Paths": {"Quantity": 1, "Items": [path]}, "CallerReference": "r"}
    assert refused(cloudfront.create_invalidation, DistributionId=distribution, InvalidationBatch=batch)[0] == "InvalidArgument"


def test_what_does_not_exist_is_not_found(cloudfront: Any, distribution: str) -> None:
    batch = {"Paths": {"Quantity": 1, "Items": ["/a"]}, "CallerReference": "r"}
    assert refused(cloudfront.create_invalidation, DistributionId="ENONE", InvalidationBatch=batch)[0] == "NoSuchDistribution"
    assert refused(cloudfront.get_invalidation, DistributionId=distribution, Id="INONE")[0] == "NoSuchInvalidation"


def test_invalidations_are_listed_newest_first(cloudfront: Any, distribution: str) -> None:
    ids = [invalidate(cloudfront, distribution, "/a", reference=str(number))["Id"] for number in range(3)]
    pages = cloudfront.get_paginator("list_invalidations").paginate(DistributionId=distribution, PaginationConfig={"PageSize": 2})
    assert [one["Id"] for page in pages for one in page["InvalidationList"]["Items"]] == ids[::-1]
