"""`doctor` on the shop: well, and with one thing wrong after the other."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from botocore.exceptions import EndpointConnectionError

from rehearsal.cdn import Cdn
from tasks.errors import DeployError, Refused
from tasks.fleet.examination import examine, of_cdn
from tasks.operations.doctor import doctor
from tasks.operations.management import management_stop
from tasks.operations.ship import ship
from tests.worlds.shipping_world import changes, fast, world_in
from tests.worlds.shop_world import ShopWorld, credentials


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopWorld]:
    with world_in(tmp_path_factory, web=2) as running:
        yield running


def found(world: ShopWorld, level: str, **sections: dict[str, object]) -> list[str]:
    return [f"{one.about}: {one.text}" for one in examine(fast(world, dry=True, **sections)) if one.level == level]


def problems(world: ShopWorld, **sections: dict[str, object]) -> list[str]:
    return found(world, "problem", **sections)


def test_a_site_that_is_well_has_no_findings_against_it_and_nothing_is_changed(world: ShopWorld) -> None:
    with changes(world) as calls:
        doctor(fast(world))
    assert calls == [] and "a rollout could begin" in world.printed and "the site's units can be restarted" in world.printed
    mark = len(world.out.getvalue())
    doctor(fast(world), json=True)
    shown = json.loads(world.out.getvalue()[mark:])
    assert {one["level"] for one in shown} <= {"ok", "warning"} and {"about", "level", "text"} == set(shown[0])
    assert [one["level"] for one in shown] == sorted((one["level"] for one in shown), reverse=True)


def test_what_is_wrong_on_the_host_is_found(world: ShopWorld) -> None:
    changed = world.disk() / "app/shop/views.py"
    text = changed.read_text()
    changed.write_text("# tried something\n")
    try:
        (changes_there,) = problems(world)
        assert "have uncommitted changes: shop/views.py" in changes_there
        with pytest.raises(DeployError, match="1 of [0-9]+ findings would make a release fail"):
            doctor(fast(world))
    finally:
        changed.write_text(text)
    assert "no virtual environment" in "".join(problems(world, app={"virtualenv": "nowhere"}))


def test_what_is_wrong_with_the_group_is_found(world: ShopWorld) -> None:
    scaling = world.cloud.client("autoscaling")
    scaling.suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["Launch"])
    try:
        assert "Launch suspended" in "".join(problems(world))
    finally:
        scaling.resume_processes(AutoScalingGroupName="web", ScalingProcesses=["Launch"])


MIXED = {
    "LaunchTemplate": {
        "LaunchTemplateSpecification": {"LaunchTemplateName": "web", "Version": "1"},
        "Overrides": [{"InstanceType": "m5.large"}, {"InstanceType": "m7g.large", "ImageId": "ami-0123456789abcdef0"}],
    }
}


@pytest.mark.parametrize(
    ("change", "undo", "says"),
    [
        (
            {"MixedInstancesPolicy": MIXED},
            {"LaunchTemplate": {"LaunchTemplateName": "web", "Version": "1"}},
            "m7g.large: image ami-0",
        ),
        ({"HealthCheckType": "EC2"}, {}, "ReplaceUnhealthy suspended"),
    ],
)
def test_a_group_that_cannot_be_rolled_out_is_refused_before_the_first_step(
    world: ShopWorld, change: dict[str, object], undo: dict[str, object], says: str
) -> None:
    scaling = world.cloud.client("autoscaling")
    scaling.update_auto_scaling_group(AutoScalingGroupName="web", **change)
    if not undo:
        scaling.suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["ReplaceUnhealthy"])
    try:
        with changes(world) as calls, pytest.raises(Refused, match=f"this release would fail:\n(.*\n)*.*{says}"):
            ship(fast(world))
        assert set(calls) <= {"CreateTags"}, "no more than the pins of host keys"
    finally:
        scaling.resume_processes(AutoScalingGroupName="web", ScalingProcesses=["ReplaceUnhealthy"])
        scaling.update_auto_scaling_group(AutoScalingGroupName="web", **undo)


def test_a_host_that_cannot_be_reached_is_found(world: ShopWorld) -> None:
    assert any("has no public address" in one for one in problems(world, ssh={"address": "public"}))


def test_every_web_instance_is_examined(world: ShopWorld) -> None:
    well = found(world, "ok")
    assert all(f"{id}: SSH and sudo work" in well for id in world.cloud.members())
    broken = world.cloud.members()[0]
    sudo = world.disk(broken).parent / "bin/sudo"
    text = sudo.read_text()
    sudo.write_text("#!/bin/sh\nexit 1\n")
    try:
        (refused,) = problems(world)
        assert refused.startswith(f"{broken}: ") and "`systemctl reset-failed shop.service`" in refused
        assert "`systemctl reload shop.service`" in refused
        # Of one that serves nobody this is no reason to refuse: the release may be what mends it.
        world.cloud.control("break", {"instance": broken, "fault": "error"})
        world.cloud.wait(lambda: broken not in world.healthy(), 60)
        assert problems(world) == [] and any(f"{broken}: " in text and "sudo" in text for text in found(world, "warning"))
    finally:
        world.cloud.control("break", {"instance": broken, "fault": None})
        sudo.write_text(text)
    world.cloud.wait(lambda: broken in world.healthy(), 60)


def test_a_gateway_that_sleeps_is_no_problem_and_a_release_starts_it_once_and_waits_for_its_sshd(world: ShopWorld) -> None:
    """`ship` stops the management instance at its end, so this is how `doctor` and the next `ship` find it every day."""
    through = {"gateway": "management"}
    management_stop(fast(world))
    with changes(world) as calls:
        doctor(fast(world, ssh=through))
    assert calls == []
    (unasked,) = [text for text in found(world, "ok", ssh=through) if text.startswith("web: its 2 instances")]
    assert f"reached through {world.management}, which is stopped: a release starts it" in unasked
    world.standin.options.change({"power_on": 8.0})
    mark = len(world.printed)
    try:
        findings = examine(fast(world, ssh=through), release=True)
    finally:
        world.standin.options.change({"power_on": 0.0})
    assert [one.text for one in findings if one.level == "problem"] == []
    assert {one.about for one in findings if one.text == "SSH and sudo work"} == set(world.cloud.members())
    assert world.printed[mark:].count("starting it") == 1 and world.calls("ec2:StartInstances") == 1
    assert "refuses the connection" in world.printed[mark:], "EC2 said running before sshd answered"


def test_what_is_only_worth_knowing_is_a_warning(world: ShopWorld) -> None:
    (short,) = [text for text in found(world, "warning") if "drains" in text]
    assert "target group web drains 5 s, but the web server gives open requests 20 s" in short
    scaling, ec2 = world.cloud.client("autoscaling"), world.cloud.client("ec2")
    scaling.suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["AZRebalance", "ScheduledActions"])
    scaling.update_auto_scaling_group(AutoScalingGroupName="web", HealthCheckType="ELB", HealthCheckGracePeriod=0)
    made = ec2.create_launch_template_version(LaunchTemplateName="web", SourceVersion="1", LaunchTemplateData={})
    scaling.update_auto_scaling_group(
        AutoScalingGroupName="web", LaunchTemplate={"LaunchTemplateName": "web", "Version": "$Latest"}
    )
    try:
        warnings = "\n".join(found(world, "warning"))
        assert "web: AZRebalance and ScheduledActions are what a rollout suspends, and none is under way" in warnings
        assert "its health check grace period is 0 s, but i-" in warnings
        assert "web: it follows $Latest" in warnings
        assert not problems(world)
    finally:
        scaling.resume_processes(AutoScalingGroupName="web", ScalingProcesses=["AZRebalance", "ScheduledActions"])
        scaling.update_auto_scaling_group(
            AutoScalingGroupName="web",
            LaunchTemplate={"LaunchTemplateName": "web", "Version": "1"},
            HealthCheckType="EC2",
        )
        number = str(made["LaunchTemplateVersion"]["VersionNumber"])
        ec2.delete_launch_template_versions(LaunchTemplateName="web", Versions=[number])


def test_a_quota_that_cannot_be_read_is_a_warning(world: ShopWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://servicequotas.example")

    scaling = world.cloud.client("autoscaling")
    monkeypatch.setattr("tasks.aws.quotas.vcpus", unreachable)
    made = world.cloud.client("ec2").create_launch_template_version(
        LaunchTemplateName="web", SourceVersion="1", LaunchTemplateData={"InstanceType": "t3.small"}
    )
    number = str(made["LaunchTemplateVersion"]["VersionNumber"])
    template = {"LaunchTemplateName": "web", "Version": number}
    scaling.update_auto_scaling_group(AutoScalingGroupName="web", LaunchTemplate=template)
    try:
        assert any("vCPU quota cannot be read: Could not connect" in text for text in found(world, "warning"))
    finally:
        scaling.update_auto_scaling_group(AutoScalingGroupName="web", LaunchTemplate={**template, "Version": "1"})
        world.cloud.client("ec2").delete_launch_template_versions(LaunchTemplateName="web", Versions=[number])


def test_a_quota_that_the_surge_would_exceed_is_found(world: ShopWorld) -> None:
    ec2, scaling = world.cloud.client("ec2"), world.cloud.client("autoscaling")
    made = ec2.create_launch_template_version(
        LaunchTemplateName="web", SourceVersion="1", LaunchTemplateData={"InstanceType": "t3.small"}
    )
    number = str(made["LaunchTemplateVersion"]["VersionNumber"])
    scaling.update_auto_scaling_group(AutoScalingGroupName="web", LaunchTemplate={"LaunchTemplateName": "web", "Version": number})
    try:
        assert any("of the account's quota are used, and a rollout needs 2 more" in text for text in found(world, "ok"))
        world.standin.world.options.change({"vcpu_limit": 3})
        (short,) = problems(world)
        assert "vCPUs of the account's quota are used, and a rollout needs 2 more: raise the quota in Service Quotas" in short
    finally:
        world.standin.world.options.change({"vcpu_limit": 0})
        scaling.update_auto_scaling_group(
            AutoScalingGroupName="web", LaunchTemplate={"LaunchTemplateName": "web", "Version": "1"}
        )
        ec2.delete_launch_template_versions(LaunchTemplateName="web", Versions=[number])


class _Missing(BaseHTTPRequestHandler):
    """An origin that has no file."""

    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(("error_ttl", "level"), [(600, "warning"), (0, "ok")])
def test_a_cdn_that_stores_errors_is_found(world: ShopWorld, error_ttl: int, level: str) -> None:
    base = f"127.{world.cloud.octet}.0"
    with ThreadingHTTPServer((f"{base}.5", 0), _Missing) as origin:
        threading.Thread(target=origin.serve_forever, daemon=True).start()
        front = Cdn(f"{base}.6", 8080, (f"{base}.5", origin.server_port), default_ttl=600, error_ttl=error_ttl)
        front.start()
        try:
            (seen,) = of_cdn(fast(world, static={"cdn": f"http://{base}.6:8080"}))
        finally:
            front.close()
            origin.shutdown()
    assert seen.level == level and ("keeps its 404 for later visitors" in seen.text) == (level == "warning")
    assert of_cdn(fast(world, static={"cdn": f"http://{base}.6:8080"})) == [], "nobody answers there now"
