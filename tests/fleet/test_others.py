"""Others own the group too: tools that put tags and versions back, versions that are not ours, schedules, hooks, slow answers."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from tasks.aws import autoscaling, records
from tasks.decisions.access.locks import Holder, parameter, write
from tasks.decisions.rollout.schedules import TAG
from tasks.errors import Refused, Resumable
from tasks.fleet.examination import of_groups, require
from tasks.fleet.loop import CONFIRMED
from tasks.fleet.pin import pin
from tasks.operations.abort import end_runs
from tasks.operations.rollback import rollback
from tasks.operations.rollout import roll_out
from tasks.operations.status import show
from tasks.operations.unlock import unlock
from tasks.runtime.run import Run
from tests.worlds.hurried import Hurried
from tests.worlds.rolling_world import COMMAND, RollingWorld, rolling
from tests.worlds.shop_world import credentials
from tests.worlds.virtual_world import virtual


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


def interrupt() -> None:
    raise KeyboardInterrupt


def remove_tags(world: RollingWorld) -> None:
    """Do as a tool that removes every tag that it does not know."""
    ours = [key for key in world.group().tags if key.startswith("ramped")]
    tags = [{"ResourceId": "web", "ResourceType": "auto-scaling-group", "Key": key} for key in ours]
    if tags:
        world.cloud.client("autoscaling").delete_tags(Tags=tags)


def name_version(world: RollingWorld, version: str, **more: Any) -> None:
    template = {"LaunchTemplateId": world.fleet.template, "Version": version}
    world.cloud.client("autoscaling").update_auto_scaling_group(AutoScalingGroupName="web", LaunchTemplate=template, **more)


def half_way(world: RollingWorld) -> None:
    world.when("terminate i-", interrupt)
    with pytest.raises(KeyboardInterrupt):
        world.roll()


# -- the record


def test_tags_that_vanish_under_a_running_rollout_are_written_again() -> None:
    with rolling(3, least=3, most=6) as world:
        world.when("terminate i-", lambda: remove_tags(world))
        with world.watched():
            world.roll()
        assert "again: they are missing" in world.printed and world.printed.count("record run") == 1
        world.assert_done(world.next, launches=3)


@pytest.mark.parametrize("then", ["rollout", "rollback", "abort"])
def test_tags_that_vanish_after_a_crash_are_known_from_their_copy(then: str) -> None:
    with rolling(2, least=2, most=6) as world:
        half_way(world)
        remove_tags(world)
        show(world.run())
        assert "the tags of the rollout under way are missing" in world.printed
        assert "a rollout from version 1 to 2 is under way or was interrupted" in world.printed
        with world.watched():
            if then == "rollout":
                world.roll()
            elif then == "rollback":
                rollback(world.run())
            else:
                end_runs(world.run(), ("web",))
        left = ("sizes", "suspended", "tags", "protected")
        assert {key: world.shape()[key] for key in left} == {key: world.before[key] for key in left}
        assert world.group().version == (world.next if then == "rollout" else "1") and not world.locks()
        assert records.kept(world.api, "web") is None


def test_a_tool_that_puts_the_old_version_back_does_not_have_it_surge_twice() -> None:
    with rolling(3, least=3, most=6) as world:

        def apply() -> None:
            remove_tags(world)
            name_version(world, "1")

        world.when("terminate i-", apply)
        world.roll()
        world.assert_done(world.next)


def test_tags_that_are_shown_late_do_no_harm() -> None:
    with rolling(2, standin={"group_tag_lag": 20.0, "seed": 7}) as world:
        with world.watched():
            world.roll(surge=2)
        world.cloud.control("options", {"group_tag_lag": 0.0})
        world.assert_done(world.next, launches=2)


# -- versions


def test_a_version_that_is_not_ours_is_passed_over_and_told_with_what_it_changes() -> None:
    with rolling(1) as world:
        foreign = world.cloud.new_version(world.fleet, world.cloud.build_image("theirs", "v3"), InstanceType="m5.large")
        show(world.run())
        assert f"version {foreign} of the launch template was made by arn:" in world.printed
        world.roll()
        world.assert_done(world.next)
        assert f"version {foreign} was made by arn:" in world.printed and "not by `bake-ami`, and is passed over" in world.printed
        assert "InstanceType m5.large, not t3.small" in world.printed
        world.roll(foreign)
        world.assert_done(foreign)


def test_where_no_version_is_ours_none_is_shipped_unless_it_is_named() -> None:
    with rolling(1) as world:
        world.cloud.client("ec2").delete_launch_template_versions(LaunchTemplateId=world.fleet.template, Versions=[world.next])
        foreign = world.cloud.new_version(world.fleet, world.image)
        with pytest.raises(Refused, match="was made by `bake-ami`.*`rollout --to` names any"):
            world.roll()
        world.roll(foreign)
        world.assert_done(foreign)


@pytest.mark.parametrize("reference", ["$Latest", "$Default"])
def test_a_group_is_pinned_to_what_it_runs_before_a_version_is_made(reference: str) -> None:
    with rolling(1, version=reference) as world:
        # The version that world.next is was made after the instances were launched.
        pin(world.run(dry=True), "web")
        assert world.group().version == reference
        pin(world.run(), "web")
        assert world.group().version == "1"
        world.cloud.client("autoscaling").set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=2)
        world.cloud.wait(lambda: len(world.cloud.members()) == 2)
        assert world.versions() == ["1", "1"]
        mark = len(world.printed)
        pin(world.run(), "web")
        assert world.printed[mark:] == ""


# -- schedules and hooks


def schedule(world: RollingWorld, **sizes: int) -> float:
    """Let an action be due in 15 s; return its time."""
    at = (world.group().at or 0.0) + 15
    world.cloud.client("autoscaling").put_scheduled_update_group_action(
        AutoScalingGroupName="web", ScheduledActionName="morning", StartTime=datetime.fromtimestamp(at, UTC), **sizes
    )
    return at


def pass_by(world: RollingWorld, at: float) -> None:
    world.cloud.wait(lambda: (world.group().at or 0.0) > at + 1)


@pytest.mark.parametrize("killed", [False, pytest.param(True, marks=pytest.mark.long)])
def test_a_scheduled_scale_up_that_falls_into_a_rollout_is_named_before_and_carried_out_after(killed: bool) -> None:
    with rolling(2, least=1, most=12) as world:
        at = schedule(world, MinSize=5, DesiredCapacity=5)

        def wait() -> None:
            pass_by(world, at)
            if killed:
                raise KeyboardInterrupt

        world.when("point the group", wait)
        if killed:
            with pytest.raises(KeyboardInterrupt):
                world.roll()
        world.roll()
        assert "scheduled action morning at " in world.printed and "(min 5, desired 5) may fall into the rollout" in world.printed
        group = world.group()
        assert (group.minimum, group.desired, group.maximum) == (5, 5, 12), world.printed
        assert "set min 5, desired 5, max 12, as scheduled; it was min 1, desired 2, max 12" in world.printed
        assert not any(key.startswith("ramped:") for key in group.tags)


@pytest.mark.long
def test_a_scheduled_action_is_carried_out_after_an_abort_and_by_a_run_that_finds_its_note() -> None:
    with rolling(1, least=1, most=12) as world:
        at = schedule(world, DesiredCapacity=2)
        world.when("point the group", interrupt)
        with pytest.raises(KeyboardInterrupt):
            world.roll()
        pass_by(world, at)
        end_runs(world.run(), ("web",))
        assert world.group().desired == 2, world.printed
        autoscaling.write_tags(world.api, "web", {TAG: f"1:12:2 {int(at)}:-:-:3"})
        world.roll("1")
        world.roll("1")
        assert world.group().desired == 3 and TAG not in world.group().tags, world.printed


def test_what_recurs_in_a_rollout_is_carried_out_as_its_last_time_says() -> None:
    """AWS names the next time alone: the sizes at the end are those of a later one."""
    with virtual(1) as world:
        asg = world.rolling.cloud.client("autoscaling")
        world.clock.sleep(70 - world.clock.now() % 60)
        for name, cron, size in (("up", "1-59/2 * * * *", 2), ("down", "*/2 * * * *", 1)):
            asg.put_scheduled_update_group_action(
                AutoScalingGroupName="web", ScheduledActionName=name, Recurrence=cron, DesiredCapacity=size
            )
        began = world.clock.now()
        world.roll()
        first, last = int(began // 60) + 1, int(world.clock.now() // 60)
        group = world.rolling.group()
        assert group.desired == (2 if last % 2 else 1), world.rolling.printed
        assert last - first >= 2 and TAG not in group.tags
        said = world.rolling.printed
        assert "more by '1-59/2 * * * *' (UTC), may fall into the rollout: then it is carried out when that has ended" in said


def test_what_was_due_after_the_last_time_in_the_note_is_carried_out_by_the_run_that_ends_it() -> None:
    with virtual(1) as world:
        asg = world.rolling.cloud.client("autoscaling")
        hour = int(world.clock.now() // 3600)
        for name, first, size in (("down", hour + 1, 1), ("up", hour, 2)):
            asg.put_scheduled_update_group_action(
                AutoScalingGroupName="web", ScheduledActionName=name, Recurrence=f"0 {first % 2}-23/2 * * *", DesiredCapacity=size
            )
        world.rolling.when("point the group", interrupt)
        with pytest.raises(KeyboardInterrupt):
            world.roll(timeout=3600)
        world.clock.sleep((hour + 2) * 3600 + 60 - world.clock.now())
        world.roll(timeout=3600)
        assert world.rolling.group().desired == 2, world.rolling.printed


def test_a_terminating_hook_is_told_with_what_it_adds() -> None:
    with rolling(2) as world:
        world.cloud.client("autoscaling").put_lifecycle_hook(
            LifecycleHookName="ship-logs", AutoScalingGroupName="web", LifecycleTransition="autoscaling:EC2_INSTANCE_TERMINATING",
            HeartbeatTimeout=3600, DefaultResult="CONTINUE",
        )  # fmt: skip
        world.roll(dry=True)
        assert "terminating hook ship-logs may hold each old instance 3600 s: 2 batches take up to 7200 s more" in world.printed


def test_suspensions_that_were_left_over_are_named() -> None:
    with rolling(1) as world:
        world.cloud.client("autoscaling").suspend_processes(
            AutoScalingGroupName="web", ScalingProcesses=["AZRebalance", "ScheduledActions"]
        )
        show(world.run())
        assert "AZRebalance (User suspended at 2" in world.printed
        assert "resume-processes --auto-scaling-group-name web --scaling-processes AZRebalance ScheduledActions" in world.printed


# -- fencing


def test_a_step_is_not_made_after_the_process_stood_still_while_another_took_the_lock() -> None:
    with rolling(2) as world:
        clock, run = Hurried(), world.run()

        def sleep_and_be_robbed() -> None:
            world.cloud.client("ssm").put_parameter(
                Name=parameter("web"), Value=write(Holder("x", "bob@desk", "rollout")), Type="String", Overwrite=True
            )
            clock.ahead = 1000.0
            world.cloud.control("calls/clear", {})

        world.when("terminate i-", sleep_and_be_robbed)
        with pytest.raises(Resumable, match="no longer ours: bob@desk has it"):
            roll_out(type(run)(run.settings, run.out, clock, False, COMMAND))
        assert world.cloud.control("calls")["changes"] == [], "neither the step nor the release"
        assert "bob@desk" in world.locks()[0]


def test_a_step_is_not_made_once_the_lock_was_removed_by_force() -> None:
    with rolling(2) as world:
        clock, run = Hurried(), world.run()

        def forced() -> None:
            unlock(world.run(), force=True)
            clock.ahead = CONFIRMED
            world.cloud.control("calls/clear", {})

        world.when("terminate i-", forced)
        with world.watched(), pytest.raises(Resumable, match="the lock is no longer ours"):
            roll_out(type(run)(run.settings, run.out, clock, False, COMMAND))
        assert world.cloud.control("calls")["changes"] == [], "neither the step nor the release"
        world.roll()
        world.assert_done(world.next, launches=2)


def test_a_pause_in_which_nobody_took_the_lock_costs_a_look() -> None:
    with rolling(1) as world:
        clock, run = Hurried(), world.run()

        def sleep() -> None:
            clock.ahead = 200.0

        world.when("terminate i-", sleep)
        roll_out(type(run)(run.settings, run.out, clock, False, COMMAND))
        assert "not done: the last poll is 2" in world.printed
        world.assert_done(world.next, launches=1)


@pytest.mark.parametrize("colleague", [False, True])
def test_a_lock_that_is_removed_by_force_in_the_middle_of_a_step_costs_no_capacity(colleague: bool) -> None:
    """What was removed may be taken at once: the step is made on what the colleague has left, or not at all."""
    with rolling(2) as world:

        def forced() -> None:
            unlock(world.run(), force=True)
            assert not world.locks()
            if colleague:
                world.roll()

        world.when("terminate i-", forced)
        with world.watched(), suppress(Resumable):
            world.roll()
        if world.group().tags.get("ramped:rollout"):
            world.roll()
        assert world.printed.count("remove the lock") == 1
        world.assert_done(world.next, launches=2)


def test_of_several_that_are_to_leave_some_leave_and_another_has_gone_already() -> None:
    """AWS ends two of four, and refuses the third: what was given back is neither forgotten nor given back twice."""
    with rolling(4, least=1) as world:

        def one_dies() -> None:
            third = world.printed.rpartition("terminate ")[2].split(", ")[2].split()[0]
            world.cloud.client("ec2").terminate_instances(InstanceIds=[third])
            world.cloud.wait(lambda: third not in {m.id for m in world.group().members})

        world.when("terminate i-", one_dies)
        world.roll(surge=4, batch=4)
        assert "No managed instance found" in world.printed
        assert world.group().desired == 4, world.printed
        world.assert_done(world.next)


# -- before a release is begun


def begin(run: Run) -> None:
    require(run, of_groups(run))


def test_what_needs_no_version_is_asked_before_a_release_is_begun() -> None:
    with rolling(1) as world:
        begin(world.run())
        world.cloud.client("autoscaling").suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["ReplaceUnhealthy"])
        world.cloud.control("calls/clear", {})
        with pytest.raises(Refused, match="ReplaceUnhealthy suspended"):
            begin(world.run())
        with pytest.raises(Refused, match="there is no alarm shop-5xx"):
            begin(world.run(alarms=("shop-5xx",)))
        assert world.cloud.control("calls")["changes"] == []


def test_a_rollout_under_way_is_no_reason_not_to_begin_a_release() -> None:
    with rolling(1) as world:
        half_way(world)
        world.cloud.client("autoscaling").suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["ReplaceUnhealthy"])
        begin(world.run())
