"""The Parameter Store: a deleted name rests, and updates may collide."""

from typing import Any

from tests.rehearsal.standin import Cloud, refused


def put(cloud: Cloud, **more: Any) -> None:
    cloud.client("ssm").put_parameter(Name="/ramped/lock", Value="1", Type="String", **more)


def test_a_deleted_name_can_be_taken_again_after_a_rest(cloud: Cloud) -> None:
    cloud.control("options", {"parameter_rest": 3600})
    ssm = cloud.client("ssm")
    put(cloud)
    put(cloud, Overwrite=True)
    ssm.delete_parameter(Name="/ramped/lock")
    assert refused(ssm.put_parameter, Name="/ramped/lock", Value="1", Type="String")[0] == "TooManyUpdates"
    ssm.put_parameter(Name="/ramped/other", Value="1", Type="String")
    cloud.control("advance", {"seconds": 3601})
    put(cloud)


def test_each_version_has_its_author(cloud: Cloud) -> None:
    put(cloud)
    shown = cloud.client("ssm").get_parameter_history(Name="/ramped/lock")["Parameters"]
    assert [one["LastModifiedUser"] for one in shown] == [f"arn:aws:iam::{cloud.standin.world.account}:user/rehearsal"]


def test_updates_that_collide_are_refused_and_change_nothing(cloud: Cloud) -> None:
    ssm = cloud.client("ssm")
    put(cloud)
    cloud.control("options", {"parameter_collisions": 1.0})
    assert refused(ssm.put_parameter, Name="/ramped/lock", Value="2", Overwrite=True)[0] == "TooManyUpdates"
    assert refused(ssm.delete_parameter, Name="/ramped/lock")[0] == "TooManyUpdates"
    assert ssm.get_parameter(Name="/ramped/lock")["Parameter"]["Value"] == "1"
