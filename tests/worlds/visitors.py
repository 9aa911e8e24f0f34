"""Visitors of the shop who must all be answered."""

from collections.abc import Iterator
from contextlib import contextmanager

from rehearsal.balancer import Balancer
from tests.rehearsal.hosts.support import Load
from tests.worlds.shop_world import DOMAIN, ShopWorld


@contextmanager
def visitors(world: ShopWorld) -> Iterator[Load]:
    """Visitors who come through the balancer all the while; every one of them must be answered."""
    balancer = Balancer(f"127.{world.cloud.octet}.0.3", 8080, world.standin.routes())
    balancer.start()
    try:
        with Load(f"127.{world.cloud.octet}.0.3", 8080, f"/health_check/{DOMAIN}") as load:
            yield load
            load.more(10)
        assert load.statuses() == {200}, load.answers
    finally:
        balancer.close()
