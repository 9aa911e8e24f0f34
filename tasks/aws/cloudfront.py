"""CloudFront invalidations."""

from __future__ import annotations

from collections.abc import Sequence

from ..runtime.cloud import Cloud


def under_way(cloud: Cloud, distribution: str, paths: Sequence[str]) -> str | None:
    """Return the id of an invalidation of just these paths that is in progress, or None: an earlier run may have begun it."""
    client = cloud.client("cloudfront")
    listed = client.list_invalidations(DistributionId=distribution, MaxItems="50")["InvalidationList"]
    for summary in listed.get("Items", []):
        if summary["Status"] != "Completed":
            found = client.get_invalidation(DistributionId=distribution, Id=summary["Id"])["Invalidation"]
            if set(found["InvalidationBatch"]["Paths"].get("Items", [])) == set(paths):
                return str(summary["Id"])
    return None


def begin(cloud: Cloud, distribution: str, paths: Sequence[str], reference: str) -> str:
    """Begin an invalidation and return its id; an equal `reference` returns the same one."""
    batch = {"Paths": {"Quantity": len(paths), "Items": list(paths)}, "CallerReference": reference}
    answer = cloud.client("cloudfront").create_invalidation(DistributionId=distribution, InvalidationBatch=batch)
    return str(answer["Invalidation"]["Id"])


def status(cloud: Cloud, distribution: str, id: str) -> str:
    """Return InProgress or Completed."""
    return str(cloud.client("cloudfront").get_invalidation(DistributionId=distribution, Id=id)["Invalidation"]["Status"])
