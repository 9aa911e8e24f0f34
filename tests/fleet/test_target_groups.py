"""Target groups as they are found: a spare one that no listener forwards to, a zone that the load balancer has not."""

from dataclasses import replace

import pytest

from tasks.errors import Refused, RolledBack
from tasks.fleet.target import REFRESH
from tasks.operations.rollout import roll_out
from tests.worlds.rolling_world import RollingWorld, rolling
from tests.worlds.shop_world import credentials


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


def take_the_listener_away(world: RollingWorld) -> None:
    elb = world.cloud.client("elbv2")
    for listener in elb.describe_listeners(LoadBalancerArn=world.fleet.load_balancer)["Listeners"]:
        if listener["Port"] == 81:
            elb.delete_listener(ListenerArn=listener["ListenerArn"])


def test_a_spare_target_group_is_refused_by_name_or_left_out_by_setting() -> None:
    with rolling(2, target_groups=2) as world:
        take_the_listener_away(world)
        with pytest.raises(Refused, match=r"no listener forwards to target group web1, .* aws\.spare_target_groups"):
            world.roll()
        with pytest.raises(Refused, match=r"no listener forwards to target group web1"):
            world.roll(dry=True)
        run = world.run()
        spared = replace(run.settings, aws=replace(run.settings.aws, spare_target_groups=("web1",)))
        cloud = type(run.cloud)(spared.aws, run.changes, world.api.session)
        roll_out(replace(run, settings=spared, cloud=cloud), {})
        assert set(world.versions()) == {world.next}


def test_why_a_target_is_unused_is_said_and_a_refresh_wants_the_checks_of_the_load_balancer() -> None:
    with rolling(3, health_type="EC2") as world:
        elb = world.cloud.client("elbv2")
        elb.set_subnets(LoadBalancerArn=world.fleet.load_balancer, Subnets=world.fleet.subnets[:2])
        world.cloud.wait(lambda: "unused" in world.cloud.health(world.fleet).values())
        world.roll(dry=True)
        assert "unused: Target is in an Availability Zone that is not enabled for the load balancer" in world.printed
        with pytest.raises(Refused, match="an instance refresh would not wait for the target group"):
            world.roll(engine=REFRESH)
        assert set(world.versions()) == {"1"}


@pytest.mark.long
def test_behind_a_network_and_an_application_load_balancer_it_waits_for_both() -> None:
    with rolling(2) as world:
        elb, scaling = world.cloud.client("elbv2"), world.cloud.client("autoscaling")
        network = elb.create_load_balancer(Name="net", Subnets=world.fleet.subnets, Type="network")["LoadBalancers"][0]
        made = elb.create_target_group(
            Name="net", Protocol="TCP", Port=world.cloud.hosts.port, VpcId=world.fleet.vpc, HealthCheckProtocol="TCP",
            HealthCheckIntervalSeconds=10, HealthyThresholdCount=2, UnhealthyThresholdCount=2,
        )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
        action = [{"Type": "forward", "TargetGroupArn": made}]
        elb.create_listener(LoadBalancerArn=network["LoadBalancerArn"], Protocol="TCP", Port=80, DefaultActions=action)
        scaling.attach_load_balancer_target_groups(AutoScalingGroupName="web", TargetGroupARNs=[made])

        def healthy() -> list[str]:
            shown = elb.describe_target_health(TargetGroupArn=made)["TargetHealthDescriptions"]
            return sorted(one["Target"]["Id"] for one in shown if one["TargetHealth"]["State"] == "healthy")

        world.cloud.wait(lambda: len(healthy()) == 2)
        with world.watched():
            world.roll()
        world.assert_done(world.next, launches=2)
        assert healthy() == sorted(m.id for m in world.staying())
        # It answers 500 to the one, and accepts the connections of the other.
        world.cloud.control("faults", {"images": {world.fleet.image: "error"}})
        with world.watched(), pytest.raises(RolledBack, match="does not serve within"):
            world.roll("1", instance_timeout=5)
