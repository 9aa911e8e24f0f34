"""Instances whose console EC2 does not show yet: their host keys are waited for, by every command that opens them."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tasks.aws import instances
from tasks.decisions.access import host_keys
from tasks.hosts import pool
from tasks.hosts.keys import UnknownHostKey
from tasks.hosts.pool import Hosts
from tasks.operations.check_static import check_static
from tests.policies.recorder import RECORDER
from tests.worlds.shipping_world import world_in
from tests.worlds.shop_world import ShopWorld, credentials

POSTED = 600.0  # AWS seconds, of which 50 pass in one here


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopWorld]:
    with world_in(tmp_path_factory, web=1, console_posted=POSTED) as running:
        yield running


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)
    monkeypatch.setattr(pool, "_CONSOLE_POLL", 0.2)


def test_an_old_instance_without_a_console_is_refused_at_once(world: ShopWorld) -> None:
    (web,) = instances.with_ids(world.run().cloud, world.cloud.members())
    assert instances.console(world.run().cloud, web.id) == ""
    old = replace(web, launched=web.launched - host_keys.CONSOLE_WAIT)
    with Hosts(world.run()) as hosts, pytest.raises(UnknownHostKey, match="nothing on its console"):
        hosts.open(old)


def test_a_young_one_is_waited_for_and_what_for_is_said(world: ShopWorld) -> None:
    check_static(world.run())
    # The management instance was launched first, and had waited for the others to be well.
    assert f"{world.management}: nothing vouches for its host key yet; waiting up to 20 min" in world.printed
    assert f"the console of {world.management} shows no host keys yet" in world.printed
    for one in (world.management, *world.cloud.members()):
        assert world.tags(one)["ramped:host-key"].startswith("ssh-ed25519 SHA256:")
    assert "all are served everywhere" in world.printed


def test_where_the_live_console_is_shown_it_is_not_waited_for(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The instance is none of the site's template, which the policies demand.
    monkeypatch.setattr(RECORDER, "looks", False)
    with world_in(tmp_path_factory, console_posted=1e9) as live:
        ran = live.cloud.client("ec2").run_instances(
            ImageId=live.image, MinCount=1, MaxCount=1, SubnetId=live.subnets[2], InstanceType="t3.micro"
        )
        id = ran["Instances"][0]["InstanceId"]
        live.cloud.wait(lambda: "SSH HOST KEY" in instances.console(live.run().cloud, id, latest=True))
        (machine,) = instances.with_ids(live.run().cloud, [id])
        with Hosts(live.run()) as hosts:
            assert hosts.wait(machine, 60).read("echo in").text == "in"
        assert "nothing vouches" not in live.printed
