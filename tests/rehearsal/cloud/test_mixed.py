"""Mixed-instances policies: types in order, weights, On-Demand and Spot, interruptions, and what an update leaves of them."""

from typing import Any

from tests.rehearsal.standin import Cloud, Fleet, refused

SMALL, LARGE = {"InstanceType": "t3.small"}, {"InstanceType": "t3.large"}


def mixed(cloud: Cloud, *overrides: dict[str, Any], desired: int = 2, most: int = 20, **distribution: Any) -> Fleet:
    """Build a fleet whose group has a policy over the template `web`, with these overrides."""
    specification = {"LaunchTemplateName": "web", "Version": "1"}
    policy = {"LaunchTemplate": {"LaunchTemplateSpecification": specification, "Overrides": list(overrides)}}
    policy |= {"InstancesDistribution": distribution} if distribution else {}
    fleet = cloud.build_fleet(desired, most=most, MixedInstancesPolicy=policy, wait=False)
    cloud.wait(lambda: units(cloud) >= desired and len(cloud.healthy(fleet)) == len(cloud.members(lifecycle="")))
    return fleet


def shown(cloud: Cloud) -> list[dict[str, Any]]:
    return list(cloud.group()["Instances"])


def units(cloud: Cloud) -> int:
    return sum(int(one.get("WeightedCapacity", 1)) for one in shown(cloud) if one["LifecycleState"] == "InService")


def types(cloud: Cloud) -> list[str]:
    return sorted(one["InstanceType"] for one in shown(cloud))


def test_the_first_type_is_launched_and_the_next_where_it_lacks_capacity(cloud: Cloud) -> None:
    mixed(cloud, SMALL, LARGE)
    assert types(cloud) == ["t3.small", "t3.small"]
    assert "WeightedCapacity" not in shown(cloud)[0]
    cloud.control("faults", {"no_capacity": -1, "no_capacity_types": ["t3.small"]})
    cloud.client("autoscaling").set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=3)
    cloud.wait(lambda: types(cloud) == ["t3.large", "t3.small", "t3.small"])


def test_desired_counts_weights_and_is_exceeded_by_less_than_a_weight(cloud: Cloud) -> None:
    mixed(cloud, LARGE | {"WeightedCapacity": "4"}, SMALL | {"WeightedCapacity": "1"}, desired=6)
    assert [one["WeightedCapacity"] for one in shown(cloud)] == ["4", "4"] and cloud.group()["DesiredCapacity"] == 6
    cloud.client("autoscaling").set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=5)
    cloud.control("advance", {"seconds": 60})
    assert units(cloud) == 8, "nothing goes that would leave less than desired"
    cloud.client("autoscaling").set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=4)
    cloud.wait(lambda: units(cloud) == 4 and len(shown(cloud)) == 1)


def test_on_demand_is_the_base_and_its_share_the_rest_is_spot(cloud: Cloud) -> None:
    mixed(cloud, SMALL, LARGE, desired=5, OnDemandBaseCapacity=1, OnDemandPercentageAboveBaseCapacity=50)
    found = [cloud.instance(one).get("InstanceLifecycle", "on-demand") for one in cloud.members()]
    assert sorted(found) == ["on-demand"] * 3 + ["spot"] * 2
    assert "t3.large" in types(cloud), "Spot goes to the pool that is used least"


def test_requirements_name_types_by_vcpus_and_memory(cloud: Cloud) -> None:
    wanted = {"VCpuCount": {"Min": 2, "Max": 2}, "MemoryMiB": {"Min": 4096, "Max": 4096}}
    mixed(cloud, {"InstanceRequirements": wanted}, desired=1)
    kind = cloud.client("ec2").describe_instance_types(InstanceTypes=types(cloud))["InstanceTypes"][0]
    assert kind["VCpuInfo"]["DefaultVCpus"] == 2 and kind["MemoryInfo"]["SizeInMiB"] == 4096


def test_an_interrupted_instance_ends_and_is_replaced(cloud: Cloud) -> None:
    fleet = mixed(cloud, SMALL, OnDemandPercentageAboveBaseCapacity=0)
    gone = cloud.members()[0]
    cloud.control("interrupt", {"instance": gone})
    cloud.wait(lambda: len(cloud.healthy(fleet)) == 2 and gone not in cloud.members(lifecycle=""))
    assert cloud.instance(gone)["StateReason"]["Code"] == "Server.SpotInstanceTermination"


def test_capacity_rebalancing_launches_first_for_what_is_at_risk(cloud: Cloud) -> None:
    fleet = mixed(cloud, SMALL, OnDemandPercentageAboveBaseCapacity=0)
    cloud.client("autoscaling").update_auto_scaling_group(AutoScalingGroupName="web", CapacityRebalance=True)
    assert cloud.group()["CapacityRebalance"]
    risky = cloud.members()[0]
    cloud.control("interrupt", {"instance": risky, "recommended": True})
    cloud.wait(lambda: len(cloud.members(lifecycle="")) == 3)
    cloud.wait(lambda: len(cloud.healthy(fleet)) == 2 and risky not in cloud.members(lifecycle=""))


def test_an_update_replaces_the_whole_policy_and_wants_one_name_of_a_template(cloud: Cloud) -> None:
    fleet = mixed(cloud, SMALL, desired=0, OnDemandBaseCapacity=2)
    update = cloud.client("autoscaling").update_auto_scaling_group
    policy = cloud.group()["MixedInstancesPolicy"]
    error = refused(update, AutoScalingGroupName="web", MixedInstancesPolicy=policy)
    assert error == ("ValidationError", "Valid requests must contain either launchTemplateId or LaunchTemplateName")
    specification = {"LaunchTemplateId": fleet.template, "Version": "1"}
    update(AutoScalingGroupName="web", MixedInstancesPolicy={"LaunchTemplate": {"LaunchTemplateSpecification": specification}})
    left = cloud.group()["MixedInstancesPolicy"]
    assert left["LaunchTemplate"].get("Overrides", []) == [] and left["InstancesDistribution"]["OnDemandBaseCapacity"] == 0


def test_overrides_that_contradict_each_other_are_refused(cloud: Cloud) -> None:
    fleet = mixed(cloud, SMALL, desired=0)
    specification = {"LaunchTemplateId": fleet.template, "Version": "1"}
    for overrides in (
        [SMALL | {"WeightedCapacity": "2"}, LARGE],
        [SMALL | {"InstanceRequirements": {"VCpuCount": {"Min": 1}, "MemoryMiB": {"Min": 1}}}],
    ):
        policy = {"LaunchTemplate": {"LaunchTemplateSpecification": specification, "Overrides": overrides}}
        code, _ = refused(
            cloud.client("autoscaling").update_auto_scaling_group, AutoScalingGroupName="web", MixedInstancesPolicy=policy
        )
        assert code == "ValidationError"


def test_a_refresh_to_another_version_replaces_weights_by_as_many_and_can_go_back(cloud: Cloud) -> None:
    fleet = mixed(cloud, LARGE | {"WeightedCapacity": "4"}, SMALL | {"WeightedCapacity": "1"}, desired=8)
    cloud.control("faults", {"no_capacity": -1, "no_capacity_types": ["t3.large"]})
    version = cloud.new_version(fleet, cloud.build_image("next", "v2"))
    policy = cloud.group()["MixedInstancesPolicy"]["LaunchTemplate"]["Overrides"]
    specification = {"LaunchTemplateId": fleet.template, "Version": version}
    cloud.client("autoscaling").start_instance_refresh(
        AutoScalingGroupName="web",
        Preferences={"MinHealthyPercentage": 100, "MaxHealthyPercentage": 150, "SkipMatching": True, "InstanceWarmup": 0},
        DesiredConfiguration={
            "MixedInstancesPolicy": {"LaunchTemplate": {"LaunchTemplateSpecification": specification, "Overrides": policy}}
        },
    )
    least = 8

    def new() -> bool:
        nonlocal least
        least = min(least, units(cloud))
        return sum(one["LaunchTemplate"]["Version"] == version for one in shown(cloud)) == 4

    cloud.wait(new)
    assert least >= 8
    cloud.client("autoscaling").rollback_instance_refresh(AutoScalingGroupName="web")
    status = cloud.client("autoscaling").describe_instance_refreshes
    cloud.wait(lambda: status(AutoScalingGroupName="web")["InstanceRefreshes"][0]["Status"] == "RollbackSuccessful")
    assert {one["LaunchTemplate"]["Version"] for one in shown(cloud) if one["LifecycleState"] == "InService"} == {"1"}
    now = cloud.group()["MixedInstancesPolicy"]["LaunchTemplate"]
    assert now["LaunchTemplateSpecification"]["Version"] == "1" and now["Overrides"] == policy
