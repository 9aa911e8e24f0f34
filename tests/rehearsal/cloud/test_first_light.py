"""The whole of it, once: a fleet comes up, one instance is replaced, an image becomes a template version."""

from ..standin import Cloud


def test_a_fleet_comes_up_and_replaces_what_is_terminated(cloud: Cloud) -> None:
    fleet = cloud.build_fleet(desired=3)
    first = cloud.members()[0]
    cloud.client("autoscaling").terminate_instance_in_auto_scaling_group(InstanceId=first, ShouldDecrementDesiredCapacity=False)
    cloud.wait(lambda: first not in cloud.members(lifecycle="") and len(cloud.healthy(fleet)) == 3)
    assert cloud.instance(first)["State"]["Name"] == "terminated"


def test_an_image_of_an_instance_carries_its_revision_to_the_next(cloud: Cloud) -> None:
    fleet = cloud.build_fleet(desired=1)
    instance = cloud.members()[0]
    cloud.hosts.deploy(instance, "v2")
    ec2 = cloud.client("ec2")
    image = ec2.create_image(InstanceId=instance, Name="shop-v2", NoReboot=True)["ImageId"]
    cloud.wait(
        lambda: any(
            one["State"] == "available" for one in ec2.describe_images(Owners=["self"])["Images"] if one["ImageId"] == image
        )
    )
    version = cloud.new_version(fleet, image)
    cloud.client("autoscaling").update_auto_scaling_group(
        AutoScalingGroupName="web", LaunchTemplate={"LaunchTemplateId": fleet.template, "Version": version}, DesiredCapacity=2
    )
    cloud.wait(lambda: len(cloud.healthy(fleet)) == 2)
    new = next(one for one in cloud.members() if one != instance)
    assert cloud.hosts.revision(new) == "v2"
    tags = {tag["Key"]: tag["Value"] for tag in cloud.instance(new)["Tags"]}
    assert tags["aws:ec2launchtemplate:version"] == version == "2"
