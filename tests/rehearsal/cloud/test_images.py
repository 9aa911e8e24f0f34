"""Images: unique names, real block devices, time to become available, and who may go."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.rehearsal.standin import Cloud, refused, stand_in

HIDDEN, PENDING = 300.0, 600.0  # seconds that only pass when they are skipped


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with stand_in(image_not_found=HIDDEN, image=PENDING) as running:
        yield running


@pytest.fixture
def machine(cloud: Cloud) -> str:
    """A management instance, outside of any group, with two volumes."""
    _, subnets, _ = cloud.build_network(1)
    reservation = cloud.client("ec2").run_instances(
        ImageId=cloud.build_image(),
        InstanceType="t3.small",
        SubnetId=subnets[0],
        MinCount=1,
        MaxCount=1,
        BlockDeviceMappings=[
            {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 12}},
            {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 3, "VolumeType": "gp3"}},
        ],
    )
    instance = str(reservation["Instances"][0]["InstanceId"])
    cloud.wait(lambda: cloud.instance(instance)["State"]["Name"] == "running")
    return instance


def image(cloud: Cloud, image_id: str) -> dict[str, Any]:
    """Skip the time until the image is available and return it."""
    cloud.skip(PENDING)

    def found() -> Any:
        images = cloud.client("ec2").describe_images(Owners=["self"])["Images"]
        return next((one for one in images if one["ImageId"] == image_id and one["State"] == "available"), None)

    shown: dict[str, Any] = cloud.wait(found)
    return shown


def test_an_image_is_first_not_found_then_pending_then_available(machine: str, cloud: Cloud) -> None:
    ec2 = cloud.client("ec2")
    image_id = ec2.create_image(InstanceId=machine, Name="shop-1")["ImageId"]
    assert refused(ec2.describe_images, ImageIds=[image_id])[0] == "InvalidAMIID.NotFound"

    def states() -> list[str]:
        return [one["State"] for one in ec2.describe_images()["Images"] if one["ImageId"] == image_id]

    assert states() == []
    cloud.skip(HIDDEN)
    assert cloud.wait(states) == ["pending"]
    cloud.skip(PENDING - HIDDEN)
    cloud.wait(lambda: states() == ["available"])


def test_it_cannot_be_launched_while_pending(machine: str, cloud: Cloud) -> None:
    ec2 = cloud.client("ec2")
    image_id = ec2.create_image(InstanceId=machine, Name="shop-1")["ImageId"]
    subnet = cloud.instance(machine)["SubnetId"]
    code, _ = refused(ec2.run_instances, ImageId=image_id, InstanceType="t3.small", SubnetId=subnet, MinCount=1, MaxCount=1)
    assert code == "InvalidAMIID.Unavailable"


def test_a_name_is_unique_so_that_it_serves_as_idempotency_key(machine: str, cloud: Cloud) -> None:
    ec2 = cloud.client("ec2")
    image_id = ec2.create_image(InstanceId=machine, Name="shop-1")["ImageId"]
    code, message = refused(ec2.create_image, InstanceId=machine, Name="shop-1")
    assert code == "InvalidAMIName.Duplicate"
    assert image_id in message


@pytest.mark.parametrize("name", ["no:colon", "no*star"])
def test_names_are_restricted(machine: str, cloud: Cloud, name: str) -> None:
    assert refused(cloud.client("ec2").create_image, InstanceId=machine, Name=name)[0] == "InvalidAMIName.Malformed"


def test_every_volume_has_its_own_snapshot_of_its_own_size(machine: str, cloud: Cloud) -> None:
    ec2 = cloud.client("ec2")
    shown = image(cloud, ec2.create_image(InstanceId=machine, Name="shop-1")["ImageId"])
    devices = {one["DeviceName"]: one["Ebs"] for one in shown["BlockDeviceMappings"]}
    assert {name: ebs["VolumeSize"] for name, ebs in devices.items()} == {"/dev/sda1": 12, "/dev/sdf": 3}
    ids = [ebs["SnapshotId"] for ebs in devices.values()]
    sizes = {one["SnapshotId"]: one["VolumeSize"] for one in ec2.describe_snapshots(SnapshotIds=ids)["Snapshots"]}
    assert sorted(sizes.values()) == [3, 12]
    assert len(ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]) == 3  # with that of the base image: none from nowhere


def test_tags_go_to_the_image_and_to_every_snapshot(machine: str, cloud: Cloud) -> None:
    ec2 = cloud.client("ec2")
    tags = [{"Key": "ramped:revision", "Value": "abc"}]
    made = ec2.create_image(
        InstanceId=machine,
        Name="shop-1",
        TagSpecifications=[{"ResourceType": "image", "Tags": tags}, {"ResourceType": "snapshot", "Tags": tags}],
    )
    shown = image(cloud, made["ImageId"])
    assert shown["Tags"] == tags
    ids = [one["Ebs"]["SnapshotId"] for one in shown["BlockDeviceMappings"]]
    assert all(one["Tags"] == tags for one in ec2.describe_snapshots(SnapshotIds=ids)["Snapshots"])
    found = ec2.describe_images(Filters=[{"Name": "tag:ramped:revision", "Values": ["abc"]}])["Images"]
    assert [one["ImageId"] for one in found] == [made["ImageId"]]


@pytest.mark.parametrize(("no_reboot", "boots"), [(False, 2), (True, 1)])
def test_it_reboots_the_instance_unless_asked_not_to(machine: str, cloud: Cloud, no_reboot: bool, boots: int) -> None:
    cloud.client("ec2").create_image(InstanceId=machine, Name="shop-1", NoReboot=no_reboot)
    assert cloud.hosts.console(machine).count("boot ") == boots
    assert cloud.instance(machine)["State"]["Name"] == "running"


def test_an_image_of_an_instance_carries_its_revision_to_the_next(cloud: Cloud) -> None:
    fleet = cloud.build_fleet(desired=1)
    instance = cloud.members()[0]
    cloud.hosts.deploy(instance, "v2")
    made = image(cloud, cloud.client("ec2").create_image(InstanceId=instance, Name="shop-v2", NoReboot=True)["ImageId"])
    version = cloud.new_version(fleet, made["ImageId"])
    cloud.client("autoscaling").update_auto_scaling_group(
        AutoScalingGroupName="web", LaunchTemplate={"LaunchTemplateId": fleet.template, "Version": version}, DesiredCapacity=2
    )
    cloud.wait(lambda: len(cloud.healthy(fleet)) == 2)
    new = next(one for one in cloud.members() if one != instance)
    assert cloud.hosts.revision(new) == "v2"


@pytest.mark.parametrize("with_snapshots", [False, True])
def test_deregistering_leaves_the_snapshots_unless_asked(machine: str, cloud: Cloud, with_snapshots: bool) -> None:
    ec2 = cloud.client("ec2")
    shown = image(cloud, ec2.create_image(InstanceId=machine, Name="shop-1")["ImageId"])
    ids = {one["Ebs"]["SnapshotId"] for one in shown["BlockDeviceMappings"]}
    options = {"DeleteAssociatedSnapshots": True} if with_snapshots else {}
    answer = ec2.deregister_image(ImageId=shown["ImageId"], **options)
    left = {one["SnapshotId"] for one in ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]}
    assert left & ids == (set() if with_snapshots else ids)
    assert {one["SnapshotId"] for one in answer.get("DeleteSnapshotResults", [])} == (ids if with_snapshots else set())
    assert shown["ImageId"] not in [one["ImageId"] for one in ec2.describe_images()["Images"]]
    assert shown["ImageId"] not in cloud.hosts.revisions


def test_a_snapshot_of_two_images_outlives_the_first(cloud: Cloud) -> None:
    ec2 = cloud.client("ec2")
    first = image(cloud, cloud.build_image("first"))
    shared = first["BlockDeviceMappings"]
    second = ec2.register_image(Name="second", RootDeviceName="/dev/sda1", BlockDeviceMappings=shared)["ImageId"]
    for id, code in ((first["ImageId"], "skipped"), (second, "success")):
        (result,) = ec2.deregister_image(ImageId=id, DeleteAssociatedSnapshots=True)["DeleteSnapshotResults"]
        assert result == {"SnapshotId": shared[0]["Ebs"]["SnapshotId"], "ReturnCode": code}


def test_what_references_an_image_is_listed(cloud: Cloud) -> None:
    ec2 = cloud.client("ec2")
    one, other = cloud.build_image("one"), cloud.build_image("other")
    template = ec2.create_launch_template(LaunchTemplateName="deep", LaunchTemplateData={"ImageId": one})["LaunchTemplate"]
    for _ in range(10):
        ec2.create_launch_template_version(LaunchTemplateId=template["LaunchTemplateId"], LaunchTemplateData={"ImageId": other})
    cloud.client("ssm").put_parameter(Name="/golden", Value=one, Type="String")
    deep = {
        "ResourceType": "ec2:LaunchTemplate",
        "ResourceTypeOptions": [{"OptionName": "version-depth", "OptionValues": ["99"]}],
    }

    def kinds(**more: Any) -> set[str]:
        answer = ec2.describe_image_references(ImageIds=[one], IncludeAllResourceTypes=True, **more)
        return {shown["ResourceType"] for shown in answer["ImageReferences"]}

    # Only the ten newest versions, unless more are asked for.
    assert kinds() == {"ssm:Parameter"}
    assert kinds(ResourceTypes=[deep]) == {"ssm:Parameter", "ec2:LaunchTemplate"}
    assert refused(ec2.describe_image_references, ImageIds=[one])[0] == "MissingParameter"


def test_a_missing_image_does_not_boot(machine: str, cloud: Cloud) -> None:
    ec2 = cloud.client("ec2")
    subnet = cloud.instance(machine)["SubnetId"]
    params = {"ImageId": "ami-00000000000000000", "InstanceType": "t3.small", "SubnetId": subnet, "MinCount": 1, "MaxCount": 1}
    code, message = refused(ec2.run_instances, **params)
    assert code == "InvalidAMIID.NotFound"
    assert message == "The image id '[ami-00000000000000000]' does not exist"


def test_no_canned_images_are_loaded(cloud: Cloud) -> None:
    assert cloud.client("ec2").describe_images()["Images"] == []


def test_dry_run_says_so_and_does_nothing(machine: str, cloud: Cloud) -> None:
    ec2 = cloud.client("ec2")
    assert refused(ec2.create_image, InstanceId=machine, Name="shop-1", DryRun=True)[0] == "DryRunOperation"
    assert [one["Name"] for one in ec2.describe_images()["Images"]] == ["base"]
    assert refused(ec2.create_tags, Resources=[machine], Tags=[{"Key": "a", "Value": "b"}], DryRun=True)[0] == "DryRunOperation"
