"""The thin edges to AWS: pages, portions, what is not there yet, what was done already."""

from collections.abc import Iterator

import pytest

from rehearsal.cloud.scaling.state import Activity
from tasks.aws import autoscaling, cloudfront, fleets, images, instances, launch_templates, refreshes, target_groups
from tasks.decisions.rollout.steps import Protect, Terminate
from tasks.errors import Refused
from tasks.runtime.cloud import Cloud as Api
from tasks.runtime.cloud import error_code, throttled
from tests.rehearsal.standin import Cloud, Fleet
from tests.worlds.aws_world import api_of, changes, world
from tests.worlds.shop_world import credentials


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with world() as (running, _):
        yield running


@pytest.fixture(scope="module")
def fleet(cloud: Cloud) -> Fleet:
    return cloud.build_fleet(2, target_groups=2)


@pytest.fixture
def api(cloud: Cloud) -> Api:
    return api_of(cloud)


def test_a_group_is_told_with_awss_own_time(cloud: Cloud, fleet: Fleet, api: Api) -> None:
    group = autoscaling.group(api, "web")
    assert (group.minimum, group.maximum, group.desired, group.template, group.version) == (0, 10, 2, fleet.template, "1")
    assert set(group.target_groups) == set(fleet.target_groups) and group.subnets == tuple(fleet.subnets)
    assert {m.id for m in group.members} == set(cloud.members()) and {m.version for m in group.members} == {"1"}
    assert group.at is not None and abs(group.at - cloud.standin.world.timing.now()) < 60


def test_one_look_costs_as_many_calls_whatever_the_fleet(cloud: Cloud, fleet: Fleet, api: Api) -> None:
    cloud.control("calls/clear", {})
    fleets.observe(api, "web")
    told = cloud.control("calls")
    assert told["total"] == 2 + len(fleet.target_groups) and told["changes"] == []


def test_activities_are_paged_and_end_where_the_run_began(cloud: Cloud, fleet: Fleet, api: Api) -> None:
    group = cloud.standin.world.scaling.groups.find("web")
    before = list(group.activities)
    group.activities[:] = [
        Activity(f"a{n}", "web", "Launching a new EC2 instance", "", 1000.0 - n, "{}", "Failed", "no") for n in range(250)
    ]
    try:
        cloud.control("calls/clear", {})
        assert len(autoscaling.activities(api, "web", 0)) == 250
        assert cloud.control("calls")["total"] == 3
        cloud.control("calls/clear", {})
        assert [a.id for a in autoscaling.activities(api, "web", 998.0)] == ["a0", "a1", "a2"]
        assert cloud.control("calls")["total"] == 1
    finally:
        group.activities[:] = before


def test_protection_is_set_fifty_at_a_time(cloud: Cloud, fleet: Fleet, api: Api) -> None:
    ids = [f"i-{n:017x}" for n in range(120)]
    from botocore.exceptions import ClientError

    cloud.control("calls/clear", {})
    with pytest.raises(ClientError):
        autoscaling.protect(api, "web", ids, True)  # they do not exist: the first portion is refused
    (first,) = cloud.control("calls")["changes"]
    assert first["params"]["InstanceIds"] == ids[:50]
    members = cloud.members()
    autoscaling.protect(api, "web", members, True)
    assert all(m.protected for m in autoscaling.group(api, "web").members)
    autoscaling.protect(api, "web", members, False)
    assert not any(m.protected for m in autoscaling.group(api, "web").members)


@pytest.mark.parametrize("call", [autoscaling.suspend, autoscaling.resume])
def test_no_processes_would_mean_all_of_them(cloud: Cloud, fleet: Fleet, api: Api, call: object) -> None:
    cloud.control("calls/clear", {})
    with pytest.raises(AssertionError, match="everything"):
        call(api, "web", [])  # type: ignore[operator]
    assert changes(cloud) == []


@pytest.mark.parametrize("step", [Terminate(("i-00000000000000000",)), Protect(("i-00000000000000000",))])
def test_an_instance_that_is_gone_is_looked_at_again(cloud: Cloud, fleet: Fleet, api: Api, step: Terminate | Protect) -> None:
    refusal = fleets.apply(api, autoscaling.group(api, "web"), step)
    assert refusal and "i-00000000000000000" in refusal


def test_the_groups_that_exist_are_named(cloud: Cloud, fleet: Fleet, api: Api) -> None:
    with pytest.raises(Refused, match="no Auto Scaling group wbe in this account and region; there are: web"):
        autoscaling.group(api, "wbe")


def test_a_refresh_is_seen(cloud: Cloud, fleet: Fleet, api: Api) -> None:
    assert refreshes.under_way(api, "web") is None
    asg = cloud.client("autoscaling")
    asg.start_instance_refresh(AutoScalingGroupName="web", Preferences={"MinHealthyPercentage": 100, "MaxHealthyPercentage": 110})
    seen = refreshes.under_way(api, "web")
    assert seen is not None and seen.status in ("Pending", "InProgress")
    asg.cancel_instance_refresh(AutoScalingGroupName="web")
    cloud.wait(lambda: refreshes.under_way(api, "web") is None)


def test_health_in_each_target_group(cloud: Cloud, fleet: Fleet, api: Api) -> None:
    for arn in fleet.target_groups:
        cloud.wait(lambda arn=arn: sorted(target_groups.health(api, arn).values()) == ["healthy", "healthy"])
    assert target_groups.attributes(api, fleet.target_group)["deregistration_delay.timeout_seconds"] == "5"


def test_an_instance_on_two_ports_is_as_well_as_its_worst(cloud: Cloud, fleet: Fleet, api: Api) -> None:
    elb, arn = cloud.client("elbv2"), cloud.build_target_group(fleet.vpc, "two-ports")
    cloud._balancer("two-ports", fleet.subnets, [arn])
    one, other = cloud.members()
    ports = [{"Id": id, "Port": port} for id, port in ((one, 8080), (one, 9), (other, 9), (other, 8080))]
    elb.register_targets(TargetGroupArn=arn, Targets=ports)

    def states() -> list[str]:
        shown = elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        return sorted(target["TargetHealth"]["State"] for target in shown)

    cloud.wait(lambda: states() == ["healthy", "healthy", "unhealthy", "unhealthy"])
    assert target_groups.health(api, arn) == {one: "unhealthy", other: "unhealthy"}


@pytest.fixture(scope="module")
def slow() -> Iterator[tuple[Cloud, Api]]:
    """A cloud that takes its time with images until it is made to skip it."""
    with world(image_not_found=60.0, image=120.0) as (cloud, api):
        cloud.build_fleet(1)
        yield cloud, api


def test_an_image_is_unknown_then_pending_then_there(slow: tuple[Cloud, Api]) -> None:
    cloud, api = slow
    id = images.create(api, cloud.members()[0], "shop-one", {"ramped:site": "shop", "x": "1"}, reboot=False)
    assert images.image(api, id) is None
    cloud.skip(60)
    assert cloud.wait(lambda: images.image(api, id)).state == "pending"
    cloud.skip(60)
    cloud.wait(lambda: images.image(api, id).state == "available")
    assert [one.id for one in images.find(api, {"ramped:site": "shop", "x": "1"})] == [id]
    assert images.find(api, {"ramped:site": "other"}) == []
    assert images.create(api, cloud.members()[0], "shop-one", {}, reboot=False) == id


@pytest.mark.parametrize("id", ["ami-00000000000000000", "resolve:ssm:golden"])
def test_an_image_that_is_not_there(cloud: Cloud, fleet: Fleet, api: Api, id: str) -> None:
    assert images.image(api, id) is None


def test_versions_are_paged_and_the_newest_comes_first(cloud: Cloud, fleet: Fleet, api: Api) -> None:
    ec2 = cloud.client("ec2")
    template = ec2.create_launch_template(LaunchTemplateName="many", LaunchTemplateData={"ImageId": fleet.image})
    id = template["LaunchTemplate"]["LaunchTemplateId"]
    source = launch_templates.version(api, id, "1")
    for number in range(201):
        launch_templates.add(api, source, f"v{number}", {"InstanceType": "t3.large"}, f"token-{number}")
    found = launch_templates.versions(api, id)
    assert [v.number for v in found] == [str(n) for n in range(202, 0, -1)]
    assert launch_templates.add(api, source, "v200", {"InstanceType": "t3.large"}, "token-200") == "202"
    newest, default = (launch_templates.version(api, id, reference) for reference in ("$Latest", "$Default"))
    assert (newest.number, newest.data["InstanceType"], newest.image) == ("202", "t3.large", fleet.image)
    assert default.number == "1" and default.default


@pytest.mark.parametrize("reference", ["77", "0"])
def test_a_version_that_is_not_there_is_refused(cloud: Cloud, fleet: Fleet, api: Api, reference: str) -> None:
    with pytest.raises(Refused, match=f"has no version {reference}"):
        launch_templates.version(api, fleet.template, reference)


def test_machines_beyond_what_a_filter_takes(cloud: Cloud, fleet: Fleet, api: Api) -> None:
    ids, members = [f"i-{n:017x}" for n in range(450)], cloud.members()
    cloud.control("calls/clear", {})
    found = instances.with_ids(api, [*ids[:300], *members, *ids[300:]])
    assert sorted(m.id for m in found) == sorted(members)
    assert cloud.control("calls")["total"] == 3


def test_an_invalidation_under_way_is_known_by_its_paths(cloud: Cloud, fleet: Fleet, api: Api) -> None:
    config = {
        "CallerReference": "x", "Comment": "", "Enabled": True,
        "Origins": {"Quantity": 1, "Items": [{"Id": "site", "DomainName": "site.example.com", "CustomOriginConfig": {
            "HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "http-only"}}]},
        "DefaultCacheBehavior": {"TargetOriginId": "site", "ViewerProtocolPolicy": "allow-all", "MinTTL": 0},
    }  # fmt: skip
    distribution = cloud.client("cloudfront").create_distribution(DistributionConfig=config)["Distribution"]["Id"]
    id = cloudfront.begin(api, distribution, ["/a", "/b"], "one")
    assert cloudfront.begin(api, distribution, ["/a", "/b"], "one") == id
    assert cloudfront.under_way(api, distribution, ["/b", "/a"]) == id
    assert cloudfront.under_way(api, distribution, ["/a"]) is None
    cloud.wait(lambda: cloudfront.status(api, distribution, id) == "Completed")
    assert cloudfront.under_way(api, distribution, ["/a", "/b"]) is None


def test_errors_are_told_by_their_code() -> None:
    from botocore.exceptions import ClientError

    def error(code: str) -> ClientError:
        return ClientError({"Error": {"Code": code}}, "DescribeX")

    assert error_code(error("Throttling")) == "Throttling" and error_code(ValueError()) == ""
    assert throttled(error("RequestLimitExceeded")) and not throttled(error("ValidationError"))
