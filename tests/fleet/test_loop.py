"""`rollout` against the stand-in cloud's real HTTP API: whole rollouts, and what can happen to them."""

import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from tasks.aws import launch_templates
from tasks.aws.lock import Lock
from tasks.decisions.access.locks import Holder, parameter, write
from tasks.decisions.rollout.decide import Goal
from tasks.decisions.rollout.groups import Outcome, Progress
from tasks.decisions.rollout.snapshot import FleetInstance
from tasks.errors import DeployError, Refused, Resumable, RolledBack
from tasks.fleet.engine import RampedEngine
from tasks.fleet.loop import Ask, GroupRollout, Questions, roll
from tasks.operations.rollout import roll_out
from tasks.runtime import throttling
from tasks.runtime.guard import Guard
from tests.policies.recorder import RECORDER
from tests.worlds.hurried import Hurried
from tests.worlds.rolling_world import COMMAND, RollingWorld, rolling
from tests.worlds.shop_world import credentials


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


def changes(world: RollingWorld, *actions: str) -> list[dict[str, Any]]:
    """Return the changing calls since the log was cleared, in order."""
    return [c for c in world.cloud.control("calls")["changes"] if not actions or c["action"].split(":")[1] in actions]


@pytest.mark.parametrize("replaced", [False, True], ids=["deregistered stays", "deregistered is replaced"])
@pytest.mark.parametrize(("desired", "surge", "batch"), [(3, 1, 1), (4, 2, 2)])
def test_every_instance_is_replaced_and_never_fewer_serve(replaced: bool, desired: int, surge: int, batch: int) -> None:
    with rolling(desired, standin={"replace_deregistered": replaced, "terminate_many": not replaced}) as world:
        old = world.cloud.members()
        with world.watched():
            world.roll(surge=surge, batch=batch)
        world.assert_done(world.next, launches=desired)
        assert not set(old) & set(world.cloud.members())
        assert max(world.most) == desired + surge
        assert all(world.cloud.hosts.revision(one) == "v2" for one in world.cloud.members())

        done = world.printed
        world.cloud.control("calls/clear", {})
        world.roll(surge=surge)
        assert world.printed[len(done) :].count("every instance of web runs version 2") == 1
        assert not changes(world)


def test_twenty_instances_by_fours() -> None:
    with rolling(20, most=20) as world:
        with world.watched():
            world.roll(surge=4, batch=4)
        world.assert_done(world.next, launches=20)
        assert max(world.most) <= 24


def test_activities_are_read_only_when_there_may_be_some() -> None:
    with rolling(2) as world:
        world.cloud.control("calls/clear", {})
        world.roll(healthy_polls=10)
        counts = {name: one["count"] for name, one in world.cloud.control("calls")["actions"].items()}
        looks = counts["autoscaling:DescribeAutoScalingGroups"]
        assert counts["autoscaling:DescribeScalingActivities"] < looks / 2
        world.assert_done(world.next, launches=2)


@pytest.mark.parametrize(("desired", "least", "most"), [(0, 0, 1), (1, 1, 1), (2, 2, 2), (1, 0, 3)])
def test_small_fleets_and_those_at_their_bounds(desired: int, least: int, most: int) -> None:
    with rolling(desired, least=least, most=most) as world:
        with world.watched():
            world.roll(surge=2)
        world.assert_done(world.next, launches=desired)


def test_a_group_that_follows_the_latest_version_names_a_number_afterwards() -> None:
    with rolling(2, version="$Latest") as world:
        world.roll()
        world.assert_done(world.next, launches=2)
        assert "web: it follows $Latest; it will name a number from now on" in world.printed


def test_a_bad_latest_version_goes_back_to_what_the_instances_run() -> None:
    with rolling(2, version="$Latest") as world:
        world.cloud.control("faults", {"images": {world.image: "error"}})
        with world.watched(), pytest.raises(DeployError, match="version 2 was rolled back to 1: i-.* does not serve within 2 s"):
            world.roll(instance_timeout=2)
        world.assert_done("1")
        assert "copy version 1 to a new one, so that $Latest is good again" in world.printed
        newest, *_, first = launch_templates.versions(world.api, world.fleet.template)
        assert (newest.number, newest.image, newest.description) == ("3", first.image, first.description)


def test_a_group_that_names_a_number_gets_no_copy_on_its_way_back() -> None:
    with rolling(2) as world:
        world.cloud.control("faults", {"images": {world.image: "error"}})
        with pytest.raises(RolledBack):
            world.roll(instance_timeout=2)
        assert len(launch_templates.versions(world.api, world.fleet.template)) == 2


@pytest.mark.parametrize(("fault", "replaced"), [("error", False), ("dead", True)])
def test_a_bad_image_is_rolled_back_and_everything_is_as_before(fault: str, replaced: bool) -> None:
    """`error`: the site answers 500; `dead`: the instance never answers."""
    with rolling(3, standin={"replace_deregistered": replaced}) as world:
        old = world.cloud.members()
        world.cloud.control("faults", {"images": {world.image: fault}})
        with world.watched(), pytest.raises(DeployError) as caught:
            world.roll(instance_timeout=2)
        assert caught.value.code == 1
        assert "version 2 was rolled back to 1: i-" in str(caught.value) and "does not serve within 2 s" in str(caught.value)
        assert "web finds it unhealthy: Health checks failed" in world.printed
        assert "the end of its console:" in world.printed
        world.assert_done("1")
        assert set(world.cloud.members()) == set(old)


def test_a_console_that_may_not_be_read_does_not_stop_the_way_back() -> None:
    with rolling(2) as world:
        world.cloud.control("faults", {"images": {world.image: "dead"}, "denied": ["GetConsoleOutput"]})
        with world.watched(), pytest.raises(DeployError, match="was rolled back to 1"):
            world.roll(instance_timeout=2)
        assert "console cannot be read: UnauthorizedOperation" in world.printed
        world.assert_done("1")


def test_an_image_that_turns_bad_half_way_is_rolled_back() -> None:
    with rolling(3) as world:
        world.when("terminate i-", lambda: world.cloud.control("faults", {"images": {world.image: "error"}}))
        with pytest.raises(DeployError, match="was rolled back to 1"):
            world.roll(instance_timeout=3)
        world.assert_done("1")


def test_without_rollback_it_stops_half_way_and_the_old_ones_serve() -> None:
    with rolling(2) as world:
        world.cloud.control("faults", {"images": {world.image: "error"}})
        with world.watched(), pytest.raises(Resumable, match="does not serve within 2 s") as caught:
            world.roll(instance_timeout=2, rollback=False)
        assert caught.value.code == 3 and caught.value.resume == COMMAND
        assert world.versions().count("1") == 2
        assert not world.locks()


def test_what_is_not_finished_in_time_stops_and_goes_on_later() -> None:
    with rolling(2) as world:
        with world.watched():
            with pytest.raises(Resumable, match="not finished in time: 2 of 2 serve"):
                world.roll(timeout=-5)
            assert world.group().tags["ramped:rollout"]
            world.roll()
        world.assert_done(world.next, launches=2)


def test_an_image_that_is_not_there_is_refused() -> None:
    with rolling(1) as world:
        world.cloud.client("ec2").deregister_image(ImageId=world.image)
        world.cloud.control("calls/clear", {})
        with pytest.raises(Refused, match=f"version 2 names image {world.image}, which is not there") as caught:
            world.roll()
        assert caught.value.code == 1 and not changes(world)


def test_launches_that_fail_are_rolled_back_with_their_reason() -> None:
    with rolling(2, standin={"launch_retry": 1}) as world:
        world.when("point the group", lambda: world.cloud.client("ec2").deregister_image(ImageId=world.image))
        with world.watched(), pytest.raises(DeployError, match=r"([3-9]|\d\d) launches failed: .*no longer available"):
            world.roll()
        world.assert_done("1", launches=0)


def test_a_rollback_that_was_stopped_is_ended_though_the_image_is_gone() -> None:
    with rolling(2) as world:
        world.cloud.control("faults", {"images": {world.image: "error"}})
        world.when("roll back to version 1", _raise(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            world.roll(instance_timeout=2)
        world.cloud.client("ec2").deregister_image(ImageId=world.image)
        with contextlib.suppress(DeployError):
            # The record may not have been written yet: then this run finds it bad by itself.
            world.roll(instance_timeout=2)
        world.assert_done("1")


def _raise(kind: type[BaseException]) -> Any:
    def act() -> None:
        raise kind

    return act


@pytest.mark.parametrize("at", ["point the group", "given back"])
def test_ctrl_c_gives_the_lock_back_and_the_next_run_ends_it(at: str) -> None:
    with rolling(2) as world:
        with world.watched():
            world.when(at, _raise(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                world.roll()
            assert not world.locks()
            world.roll()
        world.assert_done(world.next, launches=2)


@pytest.mark.parametrize("which", ["old", "new"])
def test_an_instance_that_dies_in_the_middle_is_replaced(which: str) -> None:
    with rolling(3) as world:

        def kill() -> None:
            wanted = "1" if which == "old" else "2"
            victims = [m.id for m in world.group().members if m.version == wanted and m.lifecycle == "InService"]
            world.cloud.control("kill", {"instance": victims[-1]})

        world.when("terminate i-" if which == "old" else "protect i-", kill)
        world.roll()
        world.assert_done(world.next)


@pytest.mark.parametrize("which", ["old", "new"])
def test_an_instance_that_is_interrupted_or_terminated_by_hand_is_replaced(which: str) -> None:
    """EC2 ends it without asking the group, as for a spot instance, or as somebody does in the console."""
    with rolling(3) as world:

        def end() -> None:
            wanted = "1" if which == "old" else "2"
            victims = [m.id for m in world.group().members if m.version == wanted and m.lifecycle == "InService"]
            world.cloud.client("ec2").terminate_instances(InstanceIds=victims[-1:])

        world.when("terminate i-" if which == "old" else "protect i-", end)
        world.roll()
        world.assert_done(world.next)


def test_a_scheduled_action_waits_until_the_rollout_is_over() -> None:
    with rolling(3, least=1, most=8) as world:
        asg = world.cloud.client("autoscaling")

        def schedule() -> None:
            soon = datetime.fromtimestamp(world.group().at + 1, UTC)
            asg.put_scheduled_update_group_action(
                AutoScalingGroupName="web", ScheduledActionName="night", DesiredCapacity=1, StartTime=soon
            )

        world.when("point the group", schedule)
        with world.watched():
            world.roll(warm_up=1)  # so that the action is due before the end
        # One that was due while it was suspended is not made up for (user guide, "Suspend and resume processes").
        world.assert_done(world.next, launches=3)


def test_a_long_drain_does_not_hold_the_next_boot_up() -> None:
    with rolling(3, delay=300) as world:
        with world.watched():
            world.roll(timeout=1200, instance_timeout=600)
        world.assert_done(world.next, launches=3)
        counted = [int(line.split(" draining")[0].split()[-1]) for line in world.printed.splitlines() if " draining" in line]
        assert max(counted) <= 1, "never two batches at once"


def test_a_version_that_turns_bad_while_it_bakes_is_rolled_back() -> None:
    """All are new when they begin to answer 500; the group itself replaces them by others that do the same."""
    with rolling(2) as world:
        world.when("all are new and bake", lambda: world.cloud.control("faults", {"images": {world.image: "error"}}))
        with pytest.raises(RolledBack, match="version 2 was rolled back to 1"):
            world.roll(pause=600, instance_timeout=20)
        world.assert_done("1")


@pytest.mark.parametrize(("at", "change"), [("suspend", +2), ("terminate i-", +2), ("terminate i-", -1)])
def test_a_change_of_desired_by_an_alarm_survives(at: str, change: int) -> None:
    with rolling(3, least=1, most=8) as world:
        world.when(at, lambda: world.cloud.control("alarm", {"group": "web", "change": change}))
        with world.watched(min(3, 3 + change)):
            world.roll()
        least, most, desired = world.before["sizes"]
        world.before |= {"sizes": (least, most, desired + change), "members": desired + change}
        world.cloud.wait(lambda: len(world.group().members) == desired + change)
        world.assert_done(world.next)


def hurry_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let botocore's pauses between tries take no minutes; what it tries and when it gives up stays."""
    monkeypatch.setattr(throttling, "LONGEST", 0.01)
    monkeypatch.setattr("botocore.retries.bucket.TokenBucket.acquire", lambda self, amount=1, block=True: True)


def test_half_of_the_calls_are_throttled(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry_retries(monkeypatch)
    with rolling(2) as world:
        world.cloud.control("faults", {"throttle": 0.5, "seed": 2})
        with world.watched():
            world.roll(surge=2, batch=2)
        world.cloud.control("faults", {"throttle": 0.0})
        world.assert_done(world.next, launches=2)
        assert world.cloud.control("calls")["rejected"] > 5


def test_calls_that_are_refused_for_a_while_in_spite_of_retries_are_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry_retries(monkeypatch)
    with rolling(1) as world:
        looks: list[int] = []

        def pass_on() -> None:
            looks.append(1)
            world.cloud.control("faults", {"throttle": 0.0})

        def choke() -> None:
            world.cloud.control("faults", {"throttle": 1.0, "throttle_actions": ["DescribeTargetHealth"]})
            world.hooks.append(("retrying: Rate exceeded", pass_on))

        world.when("point the group", choke)
        world.roll()
        world.assert_done(world.next, launches=1)
        assert looks


def test_a_lack_of_capacity_that_passes_is_waited_for() -> None:
    with rolling(2, standin={"launch_retry": 1}) as world:
        world.cloud.control("faults", {"no_capacity": 5})
        with world.watched():
            world.roll(max_failures=1)
        world.assert_done(world.next, launches=2)
        assert "last failed launch: We currently do not have sufficient" in world.printed


def test_a_lack_of_capacity_that_does_not_pass_is_rolled_back() -> None:
    with rolling(2, standin={"launch_retry": 1}) as world:
        world.cloud.control("faults", {"no_capacity": -1})
        with world.watched(), pytest.raises(DeployError, match="short of instances for more than 2 s: We currently"):
            world.roll(instance_timeout=2)
        world.assert_done("1", launches=0)


def test_a_launch_hook_delays_and_does_not_disturb() -> None:
    with rolling(2) as world:
        asg = world.cloud.client("autoscaling")
        asg.put_lifecycle_hook(
            LifecycleHookName="warm", AutoScalingGroupName="web", LifecycleTransition="autoscaling:EC2_INSTANCE_LAUNCHING",
            HeartbeatTimeout=70, DefaultResult="CONTINUE",
        )  # fmt: skip
        asg.put_lifecycle_hook(
            LifecycleHookName="bye", AutoScalingGroupName="web", LifecycleTransition="autoscaling:EC2_INSTANCE_TERMINATING",
            HeartbeatTimeout=30, DefaultResult="CONTINUE",
        )  # fmt: skip
        with world.watched():
            world.roll()
        world.assert_done(world.next, launches=2)
        assert "web: launch hook warm may hold a new instance 70 s, and after 60 s (rollout.instance_timeout)" in world.printed
        assert "launch hook bye" not in world.printed


def test_two_target_groups_must_both_find_it_healthy() -> None:
    with rolling(2, target_groups=2) as world:
        with world.watched():
            world.roll()
        world.assert_done(world.next, launches=2)


def test_processes_that_somebody_suspended_stay_so_and_protected_ones_are_replaced() -> None:
    with rolling(2) as world:
        asg = world.cloud.client("autoscaling")
        asg.suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["AZRebalance", "AlarmNotification"])
        asg.set_instance_protection(AutoScalingGroupName="web", InstanceIds=world.cloud.members(), ProtectedFromScaleIn=True)
        world.roll()
        assert set(world.group().suspended) == {"AZRebalance", "AlarmNotification"}
        world.before |= {"suspended": set(world.group().suspended)}
        world.assert_done(world.next, launches=2)


def test_standby_and_suspended_launches_are_refused_all_at_once() -> None:
    with rolling(2) as world:
        asg = world.cloud.client("autoscaling")
        one = world.cloud.members()[0]
        asg.enter_standby(InstanceIds=[one], AutoScalingGroupName="web", ShouldDecrementDesiredCapacity=True)
        asg.suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["Launch"])
        world.cloud.wait(lambda: world.cloud.members(lifecycle="Standby") == [one])
        with pytest.raises(Refused) as caught:
            world.roll()
        assert f"{one} is in Standby" in str(caught.value) and "Launch suspended, and not by a rollout" in str(caught.value)
        assert str(caught.value).endswith("")


def test_a_busy_group_is_asked_again() -> None:
    """Somebody terminates just what we are about to terminate: ScalingActivityInProgress."""
    with rolling(3) as world:
        asg, order = world.cloud.client("autoscaling"), []

        def quicker() -> None:
            victim = world.printed.rpartition("terminate i-")[2].split(";")[0]
            order.append(f"i-{victim}")
            asg.terminate_instance_in_auto_scaling_group(InstanceId=order[0], ShouldDecrementDesiredCapacity=False)

        world.when("; the group replaces it", quicker)
        world.roll()
        assert "web: AWS rejected the call, retrying: " in world.printed and order
        world.assert_done(world.next, launches=3)


def held(world: RollingWorld, **more: Any) -> Holder:
    holder = Holder("other", "alice@laptop", "rollout to version 9", **more)
    world.cloud.client("ssm").put_parameter(Name=parameter("web"), Value=write(holder), Type="String")
    return holder


def test_an_expired_lock_is_taken_over() -> None:
    with rolling(1) as world:
        held(world, lease=-1)
        world.roll()
        world.assert_done(world.next, launches=1)


def test_a_lock_that_is_lost_in_the_middle_stops_it() -> None:
    with rolling(2) as world:
        clock = Hurried()
        run = world.run()

        def steal() -> None:
            world.cloud.client("ssm").put_parameter(
                Name=parameter("web"), Value=write(Holder("x", "bob@desk", "rollout")), Type="String", Overwrite=True
            )
            clock.ahead = 1000.0

        world.when("protect i-", steal)
        with pytest.raises(Resumable, match="no longer ours: bob@desk has it") as caught:
            roll_out(type(run)(run.settings, world.run().out, clock, False, COMMAND))
        assert caught.value.resume == COMMAND
        assert "bob@desk" in world.locks()[0]


@pytest.mark.parametrize("skew", [-7200.0, 7200.0])
def test_the_operators_clock_may_be_wrong(skew: float) -> None:
    with rolling(2) as world:
        clock = Hurried()
        clock.ahead = skew
        run = world.run(instance_timeout=30)
        with world.watched():
            roll_out(type(run)(run.settings, run.out, clock, False, COMMAND))
        world.assert_done(world.next, launches=2)


def test_expired_credentials_are_one_line_and_resumable() -> None:
    with rolling(2) as world:
        world.when("terminate i-", lambda: world.cloud.control("faults", {"expired": True}))
        run = world.run()
        with world.watched():
            with pytest.raises(Resumable) as caught, Guard(run.out) as guard:
                guard.know(run)
                roll_out(run)
            assert caught.value.code == 3
            first, *rest = str(caught.value).splitlines()
            assert "The security token included in the request is expired" in first and "Renew the credentials" in first
            assert rest == ["Stopped half-way. To go on: fab rollout"]
            world.cloud.control("faults", {"expired": False})
            # Its lock is still there: this process, which holds it, lives. It is let go as a dead one's would be.
            world.cloud.client("ssm").delete_parameter(Name=parameter("web"))
            world.roll()
        world.assert_done(world.next, launches=2)


def test_another_target_than_that_of_the_run_under_way_is_refused() -> None:
    with rolling(2) as world:
        world.when("terminate i-", _raise(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            world.roll()
        with pytest.raises(Refused, match="a rollout to version 2 is under way, not to 1: run `rollout` alone to end it"):
            world.roll("1")
        world.roll("2")
        world.assert_done(world.next, launches=2)


def test_back_to_an_older_version_by_hand() -> None:
    with rolling(2) as world:
        world.roll()
        world.roll("1")
        world.assert_done("1", launches=4)


def test_a_group_that_vanishes_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    # The policies of a site name its groups: of one that is gone they allow nothing.
    monkeypatch.setattr(RECORDER, "looks", False)
    with rolling(1) as world:
        world.when("terminate i-", lambda: world.cloud.standin.world.scaling.groups.all.pop("web"))
        with pytest.raises(Refused, match="no Auto Scaling group web in this account and region; there are: none"):
            world.roll()
        assert not world.locks()


def test_the_plan_is_what_a_run_does() -> None:
    """The kinds of steps, for instances are chosen anew."""
    with rolling(3) as world:
        world.roll(dry=True)
        steps = world.printed.partition("  3 launches in ")[0]
        planned = [line.split()[0] for line in steps.splitlines() if line.startswith("  ")]
        mark = len(world.printed)
        world.roll()
        said = [line.removeprefix("web: ").split()[0] for line in world.printed[mark:].splitlines() if line.startswith("web: ")]
        assert said == planned[: len(said)] and len(planned) - len(said) <= 1


# -- the revision that instances report


def gate(world: RollingWorld, wanted: str, pages: Ask = lambda asked: {}, **more: Any) -> Outcome:
    run, policy = world.run(), world.policy(revisions={world.next: wanted}, **more)
    lock = Lock(world.api, "web", Holder("t", "me", "test"), run.clock, run.command)
    with lock:
        engine = RampedEngine(run, "web", policy, Goal("r", "1", world.next))
        return roll(
            [
                GroupRollout(
                    run,
                    "web",
                    engine,
                    lock,
                    Questions(world.ask, lambda asked: {i.id: "200, page / answered 500" for i in asked}, pages),
                )
            ]
        )[0]


def test_the_revision_is_asked_of_each_new_instance() -> None:
    with rolling(2) as world:
        with world.watched():
            gate(world, "v2")
        world.assert_done(world.next, launches=2)


def test_pages_that_answer_late_are_waited_for_and_asked_until_then() -> None:
    asked: list[str] = []

    def pages(new: Sequence[FleetInstance]) -> dict[str, str]:
        asked.extend(i.id for i in new)
        return {i.id: "/ answered 500" for i in new if asked.count(i.id) < 3}

    with rolling(1) as world:
        outcome = gate(world, "v2", pages)
        assert outcome.progress is Progress.OVER and "/ answered 500" in world.printed
        world.assert_done(world.next, launches=1)
        assert len(asked) == 3 and len(set(asked)) == 1


def test_a_release_whose_pages_do_not_answer_is_rolled_back_whatever_they_say_of_the_old_one() -> None:
    with rolling(1) as world:
        with world.watched():
            outcome = gate(world, "v2", lambda asked: {i.id: "/ answered 500" for i in asked}, instance_timeout=3)
        assert outcome.progress is Progress.RETURNED
        assert "200, page / answered 500" in world.printed
        world.assert_done("1", launches=1)


def test_a_wrong_revision_is_rolled_back() -> None:
    with rolling(2) as world:
        with world.watched():
            outcome = gate(world, "v3")
        assert outcome.progress is Progress.RETURNED and "reports revision v2, not v3" in outcome.text
        world.assert_done("1", launches=1)
