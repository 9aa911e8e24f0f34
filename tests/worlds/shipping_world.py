"""The shop's world with a CDN before it, and settings for whole releases in seconds."""

import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rehearsal.balancer import Balancer
from rehearsal.cdn import Cdn
from tasks.runtime.run import Run
from tests.worlds.shop_world import ShopWorld, golden_of

Static = dict[str, Any]
ROLLOUT = {"poll": 0.3, "healthy_polls": 2, "instance_timeout": 120}


def fast(world: ShopWorld, *, dry: bool = False, **sections: dict[str, Any]) -> Run:
    """Return a run that polls often; sections by name override single values."""
    more = {"rollout": ROLLOUT | sections.pop("rollout", {}), **sections}
    return world.run(dry=dry, **more)


@contextmanager
def cdn(world: ShopWorld) -> Iterator[dict[str, Any]]:
    """Put a CDN before the world's balancer; give the `static` section of the settings."""
    base = f"127.{world.cloud.octet}.0"
    balancer = Balancer(f"{base}.3", 8080, world.standin.routes())
    front = Cdn(f"{base}.4", 8080, (f"{base}.3", 8080), default_ttl=600, error_ttl=600)
    world.standin.world._invalidations._on_invalidated = front.invalidate
    balancer.start()
    front.start()
    try:
        yield {"cdn": f"http://{base}.4:8080", "distribution": distribution(world)}
    finally:
        front.close()
        balancer.close()


def distribution(world: ShopWorld) -> str:
    origin = {"Id": "site", "DomainName": "site.example.com", "CustomOriginConfig": {
        "HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "http-only"}}  # fmt: skip
    config = {
        "CallerReference": "one",
        "Comment": "",
        "Enabled": True,
        "Origins": {"Quantity": 1, "Items": [origin]},
        "DefaultCacheBehavior": {"TargetOriginId": "site", "ViewerProtocolPolicy": "allow-all", "MinTTL": 0},
    }
    made = world.cloud.client("cloudfront").create_distribution(DistributionConfig=config)
    return str(made["Distribution"]["Id"])


@contextmanager
def changes(world: ShopWorld) -> Iterator[list[str]]:
    """Collect the changing API calls that are made meanwhile."""
    world.cloud.control("calls/clear", {})
    found: list[str] = []
    yield found
    found += [one["action"].split(":")[1] for one in world.cloud.control("calls")["changes"]]


def world_in(factory: pytest.TempPathFactory, **options: Any) -> ShopWorld:
    return ShopWorld(golden_of(factory), Path(factory.mktemp("world")) / "w", **options)


def tagged(world: ShopWorld, revision: str) -> None:
    """Say that a deploy has verified this revision, and that it is checked out."""
    (world.disk() / "app/REVISION").write_text(f"{revision}\n")
    tag = {"Key": "ramped:revision", "Value": revision}
    world.cloud.client("ec2").create_tags(Resources=[world.management], Tags=[tag])


def get(static: Static, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(static["cdn"] + path, timeout=30) as answer:
            return answer.status, answer.headers["X-Cache"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["X-Cache"]


def hashed(world: ShopWorld) -> list[str]:
    """Return the hashed files of the release, as visitors ask for them."""
    root = world.shared / "static"
    names = [str(path.relative_to(root)) for path in root.rglob("*.css") if path.name.count(".") > 1]
    return [f"/static/{name}" for name in names]


def forget(static: Static, world: ShopWorld) -> None:
    world.standin.world._invalidations._on_invalidated(["/*"])
