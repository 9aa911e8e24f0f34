"""What may not be ended or stopped: protected instances, and Spot instances of a one-time request."""

from typing import Any

import pytest

from tests.rehearsal.standin import Cloud, Fleet, refused

SPOT = {"MarketType": "spot"}
PERSISTENT = {"MarketType": "spot", "SpotOptions": {"SpotInstanceType": "persistent", "InstanceInterruptionBehavior": "stop"}}


@pytest.fixture
def fleet(cloud: Cloud) -> Fleet:
    return cloud.build_fleet(desired=0)


def run(cloud: Cloud, fleet: Fleet, **more: Any) -> str:
    version = cloud.new_version(fleet, fleet.image, **more)
    template = {"LaunchTemplateId": fleet.template, "Version": version}
    made = cloud.client("ec2").run_instances(LaunchTemplate=template, SubnetId=fleet.subnets[0], MinCount=1, MaxCount=1)
    instance = str(made["Instances"][0]["InstanceId"])
    cloud.wait(lambda: cloud.instance(instance)["State"]["Name"] == "running")
    return instance


def test_a_template_s_termination_protection_holds_until_it_is_taken_away(cloud: Cloud, fleet: Fleet) -> None:
    ec2, instance = cloud.client("ec2"), run(cloud, fleet, DisableApiTermination=True)
    code, message = refused(ec2.terminate_instances, InstanceIds=[instance])
    assert code == "OperationNotPermitted"
    assert message.endswith("Modify its 'disableApiTermination' instance attribute and try again.")
    ec2.stop_instances(InstanceIds=[instance])
    ec2.modify_instance_attribute(InstanceId=instance, DisableApiTermination={"Value": False})
    ec2.terminate_instances(InstanceIds=[instance])


def test_a_template_s_stop_protection(cloud: Cloud, fleet: Fleet) -> None:
    ec2, instance = cloud.client("ec2"), run(cloud, fleet, DisableApiStop=True)
    assert "'disableApiStop'" in refused(ec2.stop_instances, InstanceIds=[instance])[1]
    ec2.modify_instance_attribute(InstanceId=instance, DisableApiStop={"Value": False})
    ec2.stop_instances(InstanceIds=[instance])


def test_parameters_of_a_launch_override_the_template_s_protection(cloud: Cloud, fleet: Fleet) -> None:
    ec2, version = cloud.client("ec2"), cloud.new_version(fleet, fleet.image, DisableApiTermination=True)
    made = ec2.run_instances(
        LaunchTemplate={"LaunchTemplateId": fleet.template, "Version": version},
        SubnetId=fleet.subnets[0],
        DisableApiTermination=False,
        MinCount=1,
        MaxCount=1,
    )
    ec2.terminate_instances(InstanceIds=[made["Instances"][0]["InstanceId"]])


def test_auto_scaling_terminates_protected_instances(cloud: Cloud, fleet: Fleet) -> None:
    version = cloud.new_version(fleet, fleet.image, DisableApiTermination=True, DisableApiStop=True)
    scaling = cloud.client("autoscaling")
    template = {"LaunchTemplateId": fleet.template, "Version": version}
    scaling.update_auto_scaling_group(AutoScalingGroupName="web", LaunchTemplate=template, DesiredCapacity=1)
    instance = cloud.wait(lambda: cloud.healthy(fleet))[0]
    assert refused(cloud.client("ec2").terminate_instances, InstanceIds=[instance])[0] == "OperationNotPermitted"
    scaling.terminate_instance_in_auto_scaling_group(InstanceId=instance, ShouldDecrementDesiredCapacity=True)
    cloud.wait(lambda: cloud.instance(instance)["State"]["Name"] == "terminated")


def test_a_spot_instance_stops_only_where_its_request_persists(cloud: Cloud, fleet: Fleet) -> None:
    ec2, once = cloud.client("ec2"), run(cloud, fleet, InstanceMarketOptions=SPOT)
    assert cloud.instance(once)["InstanceLifecycle"] == "spot"
    code, message = refused(ec2.stop_instances, InstanceIds=[once])
    assert (code, "one-time Spot Instance request" in message) == ("UnsupportedOperation", True)
    ec2.terminate_instances(InstanceIds=[once])
    ec2.stop_instances(InstanceIds=[run(cloud, fleet, InstanceMarketOptions=PERSISTENT)])
