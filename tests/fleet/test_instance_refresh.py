"""`rollout --engine instance-refresh` on the stand-in cloud: EC2 Auto Scaling replaces, we follow."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from tasks.aws import launch_templates
from tasks.aws import refreshes as aws_refreshes
from tasks.aws.autoscaling import Group
from tasks.decisions.rollout.groups import Outcome, Progress
from tasks.decisions.rollout.instance_refresh import Start
from tasks.decisions.rollout.steps import Step
from tasks.errors import Refused, Resumable, RolledBack
from tasks.fleet.target import REFRESH
from tasks.operations.abort import end_runs
from tasks.operations.rollback import rollback
from tasks.operations.rollout import roll_out
from tasks.runtime.cloud import Cloud
from tests.rehearsal.standin import stand_in
from tests.worlds.rolling_world import ALARM, RollingWorld, alarm, build, rolling
from tests.worlds.shop_world import credentials


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


def roll(world: RollingWorld, to: str | None = None, *, dry: bool = False, **rules: Any) -> None:
    world.roll(to, dry=dry, engine=REFRESH, **rules)


def interrupt() -> None:
    raise KeyboardInterrupt


def leave_half_way(world: RollingWorld) -> None:
    """Begin a refresh that stands still at its first checkpoint, and go."""
    world.when("InProgress", interrupt)
    with pytest.raises(KeyboardInterrupt):
        roll(world, checkpoints=("20%",), pause=600)


def refreshes(world: RollingWorld) -> list[dict[str, Any]]:
    told = world.cloud.client("autoscaling").describe_instance_refreshes(AutoScalingGroupName=world.fleet.group)
    return list(told["InstanceRefreshes"])


def test_it_replaces_all_and_never_fewer_serve() -> None:
    with rolling(4) as world:
        with world.watched():
            roll(world, surge=2, batch=2)
        world.assert_done(world.next, launches=4)
        (asked,) = refreshes(world)
        kept = {key: asked["Preferences"][key] for key in ("MinHealthyPercentage", "MaxHealthyPercentage", "SkipMatching")}
        assert kept == {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 150, "SkipMatching": True}
        assert "start an instance refresh to version 2, 100 to 150 % in service" in world.printed
        roll(world)
        assert len(refreshes(world)) == 1, "nothing is left to do"


def test_a_scheduled_action_is_named_and_carried_out_meanwhile() -> None:
    with rolling(3, least=1, most=12) as world:
        put = partial(
            world.cloud.client("autoscaling").put_scheduled_update_group_action,
            AutoScalingGroupName="web", ScheduledActionName="night", DesiredCapacity=1,
        )  # fmt: skip

        def at(seconds: float) -> datetime:
            return datetime.fromtimestamp((world.group().at or 0.0) + seconds, UTC)

        def night() -> None:
            put(StartTime=at(30))
            world.cloud.control("advance", {"seconds": 31 / world.cloud.standin.options.time_scale})
            world.cloud.wait(lambda: world.group().desired == 1)

        put(StartTime=at(300))
        world.when("InProgress", night)
        roll(world)
        assert "(desired 1) may fall into the instance refresh, which does not suspend it" in world.printed
        assert world.group().desired == 1 and set(world.versions()) == {world.next}
        assert not any(key.startswith("ramped:") for key in world.group().tags)


def test_a_dry_run_says_what_would_be_asked() -> None:
    with rolling(2, version="$Latest") as world:
        roll(world, dry=True)
        assert "  name version 1 in the group" in world.printed and "  start an instance refresh to version 2" in world.printed
        assert refreshes(world) == []


def test_a_group_that_follows_the_latest_version_is_pinned_first_so_that_it_can_go_back() -> None:
    with rolling(2, version="$Latest") as world:
        world.cloud.control("faults", {"images": {world.image: "error"}})
        with world.watched(), pytest.raises(RolledBack):
            roll(world, instance_timeout=2)
        assert world.group().version == "1" and set(world.versions()) == {"1"}
        newest, *_, first = launch_templates.versions(world.api, world.fleet.template)
        assert (newest.number, newest.image) == ("3", first.image)


@pytest.mark.parametrize("fault", ["error", "dead"])
def test_a_bad_image_is_rolled_back(fault: str) -> None:
    with rolling(3) as world:
        world.cloud.control("faults", {"images": {world.image: fault}})
        with world.watched(), pytest.raises(RolledBack, match=r"version 2 was rolled back to 1: .*does not serve within 2 s"):
            roll(world, instance_timeout=2)
        world.assert_done("1")
        assert "web finds it" in world.printed and "the end of its console:" in world.printed


@pytest.mark.parametrize("poll", [0.1, 3.0])  # the refresh goes on, or has ended, when that is seen
def test_a_wrong_revision_is_rolled_back(poll: float) -> None:
    with rolling(2) as world:
        run = world.run(engine=REFRESH, poll=poll)
        with world.watched():
            outcome = following(world, run, "v3")
        assert outcome.progress is Progress.RETURNED and "reports revision v2, not v3" in outcome.text
        world.assert_done("1")


def following(world: RollingWorld, run: Any, revision: str) -> Outcome:
    """Follow with a gate that asks over HTTP."""
    from tasks.decisions.rollout.decide import Goal
    from tasks.fleet.instance_refresh import RefreshEngine
    from tasks.fleet.lock import lock_of
    from tasks.fleet.loop import GroupRollout, Questions
    from tasks.fleet.loop import roll as go

    policy = world.policy(revisions={"2": revision})
    with lock_of(run, "web", "the test") as lock:
        engine = RefreshEngine(run, "web", policy, Goal("r", "1", "2"))
        return go([GroupRollout(run, "web", engine, lock, Questions(world.ask))])[0]


def test_launches_that_fail_are_rolled_back_with_their_reason() -> None:
    """The image goes when everything has been looked at and the refresh begins."""
    with rolling(2, standin={"launch_retry": 1}) as world:
        world.when("start an instance refresh", lambda: world.cloud.client("ec2").deregister_image(ImageId=world.image))
        with world.watched(), pytest.raises(RolledBack, match=r"([2-9]|\d\d) launches failed: .*no longer available"):
            roll(world, max_failures=2)
        world.assert_done("1")
        assert [one["Status"] for one in refreshes(world)] == ["RollbackSuccessful"]


def test_an_alarm_while_it_bakes_brings_the_old_version_back() -> None:
    with rolling(2) as world:
        alarm(world)
        world.when("Baking", lambda: alarm(world, "ALARM"))
        with world.watched(), pytest.raises(RolledBack, match=f"alarm {ALARM} is in the ALARM state"):
            roll(world, pause=100000, alarms=(ALARM,))
        world.assert_done("1")


def test_checkpoints_rest_and_go_on() -> None:
    with rolling(4) as world:
        with world.watched():
            roll(world, canary=1, checkpoints=("50%",), pause=50)
        world.assert_done(world.next)
        assert refreshes(world)[0]["Preferences"]["CheckpointPercentages"] == [25, 50, 100]


def test_after_a_crash_the_same_command_follows_the_same_refresh() -> None:
    with rolling(3) as world:
        world.when("InProgress", interrupt)
        with world.watched():
            with pytest.raises(KeyboardInterrupt):
                roll(world)
            roll(world)
        world.assert_done(world.next, launches=3)
        assert len(refreshes(world)) == 1


def test_a_lost_answer_starts_only_one() -> None:
    with rolling(2) as world:
        world.cloud.control("faults", {"lost_answers": {"StartInstanceRefresh": 1}})
        roll(world)
        world.assert_done(world.next, launches=2)
        assert len(refreshes(world)) == 1


def test_somebody_cancels_it_and_that_is_no_success() -> None:
    with rolling(3) as world:
        client = world.cloud.client("autoscaling")
        world.when("InProgress", lambda: client.cancel_instance_refresh(AutoScalingGroupName="web"))
        with world.watched(), pytest.raises(Resumable, match="Cancelled"):
            roll(world)
        roll(world)
        world.assert_done(world.next)


def test_one_that_ends_before_it_is_seen_is_not_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    apply = aws_refreshes.apply
    with rolling(2) as world:
        client = world.cloud.client("autoscaling")

        def cancelled(cloud: Cloud, group: Group, step: Step) -> str | None:
            rejection = apply(cloud, group, step)
            if not isinstance(step, Start):
                return rejection
            client.cancel_instance_refresh(AutoScalingGroupName="web")
            while client.describe_instance_refreshes(AutoScalingGroupName="web")["InstanceRefreshes"][0]["Status"] != "Cancelled":
                time.sleep(0.05)
            return rejection

        monkeypatch.setattr(aws_refreshes, "apply", cancelled)
        with world.watched(), pytest.raises(Resumable, match="Cancelled"):
            roll(world)
        assert len(refreshes(world)) == 1


def test_without_rollback_it_stops_and_abort_cancels() -> None:
    with rolling(2) as world:
        world.cloud.control("faults", {"images": {world.image: "error"}})
        with world.watched():
            with pytest.raises(Resumable, match="does not serve within 2 s.*`abort` cancels it"):
                roll(world, instance_timeout=2, rollback=False)
            end_runs(world.run(), ("web",))
        assert refreshes(world)[0]["Status"] == "Cancelled" and world.group().version == "1"
        assert "no rollout of web is under way" in world.printed and not world.locks()


def test_rollback_turns_a_refresh_back() -> None:
    with rolling(5) as world:
        leave_half_way(world)
        with pytest.raises(Refused, match="web to version 2.*`rollback` alone turns it back"):
            rollback(world.run(), to="1")
        rollback(world.run(dry=True))
        assert "  roll the instance refresh back: by hand" in world.printed
        assert [one["Status"] for one in refreshes(world)] == ["InProgress"]
        with world.watched():
            rollback(world.run())
        world.assert_done("1")
        assert [one["Status"] for one in refreshes(world)] == ["RollbackSuccessful"]
        assert "version 2 was rolled back to 1: by hand" in world.printed


def test_one_engine_does_not_meddle_with_the_other() -> None:
    with rolling(5) as world:
        leave_half_way(world)
        with pytest.raises(
            Refused, match="an instance refresh to version 2 is (Pending|InProgress): wait for its end, or `abort` it"
        ):
            world.roll()
        end_runs(world.run(), ("web",))
        world.when("terminate i-", interrupt)
        with pytest.raises(KeyboardInterrupt):
            world.roll()
        with pytest.raises(Refused, match="`rollout --engine ramped` goes on with it"):
            roll(world)


@contextmanager
def two() -> Iterator[tuple[RollingWorld, RollingWorld]]:
    with stand_in() as cloud:
        yield build(cloud, 2, name="web"), build(cloud, 3, name="api")


@pytest.mark.parametrize("bad", ["web", "api"])
def test_of_two_groups_one_that_fails_takes_the_other_back(bad: str) -> None:
    with two() as (web, api):
        failing = web if bad == "web" else api
        web.cloud.control("faults", {"images": {failing.image: "error"}})
        run = web.run(engine=REFRESH, instance_timeout=8)
        with web.watched(), api.watched(), pytest.raises(RolledBack) as caught:
            roll_out(replace(run, settings=replace(run.settings, groups=("web", "api"))))
        assert "web: version 2 was rolled back to 1" in str(caught.value)
        assert "api: version 2 was rolled back to 1" in str(caught.value)
        web.assert_done("1")
        api.assert_done("1")
