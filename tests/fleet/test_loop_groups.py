"""Pauses, alarms and several groups, on the stand-in cloud: real calls, real health checks."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from tasks.errors import DeployError, Paused, Resumable, RolledBack
from tasks.operations.rollback import rollback
from tasks.operations.rollout import roll_out
from tasks.runtime.run import Run
from tests.rehearsal.standin import stand_in
from tests.worlds.rolling_world import ALARM, RollingWorld, alarm, build, rolling
from tests.worlds.shop_world import credentials


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


def test_after_a_canary_it_stops_until_told_to_go_on() -> None:
    with rolling(3) as world:
        with world.watched():
            for _ in range(2):
                with pytest.raises(Resumable, match=r"web: 1 of 3 are new: look at the site") as caught:
                    world.roll(canary=1, surge=2, batch=2)
                assert str(caught.value).endswith("To go on: fab rollout --yes") and caught.value.exit_code == 3
                assert sorted(world.versions()) == ["1", "1", "1", world.next]
            roll_out(world.run(canary=1, surge=2, batch=2), yes=True)
        world.assert_done(world.next, launches=3)


def test_the_plan_names_the_pauses() -> None:
    with rolling(4) as world:
        world.roll(dry=True, canary=1, checkpoints=("50%",), pause=60)
        assert "with a pause after 1, 2, all of the new instances" in world.printed


def test_an_alarm_while_it_bakes_in_the_end_brings_the_old_version_back() -> None:
    with rolling(2) as world:
        alarm(world)
        world.when("all are new and bake", lambda: alarm(world, "ALARM"))
        run = world.run(pause=300, alarms=(ALARM,))
        with world.watched(), pytest.raises(RolledBack, match=f"alarm {ALARM} is in ALARM"):
            roll_out(run)
        world.assert_done("1", launches=4)
        # A hook after the rollout would mark a release that nobody got.
        assert [step.outcome for step in run.steps.ended] == ["rolled-back"]


def test_an_alarm_half_way_brings_the_old_version_back() -> None:
    with rolling(3) as world:
        alarm(world)
        world.when("terminate i-", lambda: alarm(world, "ALARM"))
        with world.watched(), pytest.raises(RolledBack, match=f"alarm {ALARM} is in ALARM"):
            world.roll(alarms=(ALARM,))
        world.assert_done("1")


@contextmanager
def two(desired: int = 2) -> Iterator[tuple[RollingWorld, RollingWorld]]:
    with stand_in() as cloud:
        yield build(cloud, desired, name="web"), build(cloud, desired + 1, name="api")


def both(worlds: tuple[RollingWorld, RollingWorld], *, dry: bool = False, **rollout: Any) -> Run:
    run = worlds[0].run(dry=dry, **rollout)
    return replace(run, settings=replace(run.settings, groups=("web", "api")))


def test_two_groups_go_side_by_side() -> None:
    with two() as (web, api):
        with web.watched(), api.watched():
            roll_out(both((web, api)))
        web.assert_done(web.next, launches=2)
        api.assert_done(api.next, launches=3)
        for one, other in (("web", "api"), ("api", "web")):
            assert web.printed.index(f"{one}: point the group at version 2") < web.printed.index(f"{other}: terminate i-"), (
                "together"
            )
        assert web.printed.index("web: drop the run's tags") > web.printed.rindex("api: terminate i-")
        rows = [line.split() for line in web.printed.partition("rolled out together")[2].splitlines()]
        assert {tuple(row[:4]) for row in rows if row[:1] in (["web"], ["api"])} == {
            ("web", "1", "2", "2"),
            ("api", "1", "2", "3"),
        }


@pytest.mark.parametrize("bad", ["web", "api"])
def test_one_that_fails_takes_the_other_back(bad: str) -> None:
    with two() as (web, api):
        failing, other = (web, api) if bad == "web" else (api, web)
        web.cloud.control("faults", {"images": {failing.image: "error"}})
        with web.watched(), api.watched(), pytest.raises(RolledBack) as caught:
            roll_out(both((web, api), instance_timeout=20))
        web.assert_done("1")
        api.assert_done("1")
        name = other.fleet.group
        assert f"{name}: version 2 was rolled back to 1: {bad} is rolled back, and the groups go together" in str(caught.value)
        assert f"{bad}: version 2 was rolled back to 1: i-" in str(caught.value)


class Died(Exception):
    """The operator's process is gone."""


def died() -> None:
    raise Died


def test_killed_while_one_waits_for_the_other_both_are_ended_by_the_next_run() -> None:
    with two() as (web, api):
        web.when("web is ready and waits for the other groups", died)
        with web.watched(), api.watched():
            with pytest.raises(Died):
                roll_out(both((web, api)))
            assert web.group().tags and set(web.versions()) == {web.next}
            roll_out(both((web, api)))
        web.assert_done(web.next, launches=2)
        api.assert_done(api.next, launches=3)


def test_killed_on_the_way_back_the_next_run_takes_both_back() -> None:
    with two() as (web, api):
        web.cloud.control("faults", {"images": {api.image: "error"}})
        web.when("api: roll back to version 1", died)
        with web.watched(), api.watched():
            with pytest.raises(Died):
                roll_out(both((web, api), instance_timeout=20))
            with pytest.raises(RolledBack):
                roll_out(both((web, api), instance_timeout=20))
        web.assert_done("1")
        api.assert_done("1")


def test_what_speaks_against_it_is_told_of_all_groups_at_once() -> None:
    with two() as (web, api):
        web.cloud.client("ec2").deregister_image(ImageId=web.image)
        web.cloud.client("autoscaling").suspend_processes(AutoScalingGroupName="api", ScalingProcesses=["Launch"])
        with pytest.raises(DeployError) as caught:
            roll_out(both((web, api)))
        assert f"names image {web.image}, which is not there" in str(caught.value)
        assert "Launch suspended, and not by a rollout" in str(caught.value)
        assert str(caught.value).count("is not ready for a rollout") == 2


def test_a_canary_in_each_group() -> None:
    with two() as (web, api):
        with pytest.raises(Paused, match=r"web: 1 of 2 are new.*\napi: 1 of 3 are new"):
            roll_out(run := both((web, api), canary=1))
        assert [step.outcome for step in run.steps.ended] == ["paused"]
        roll_out(both((web, api), canary=1), yes=True)
        web.assert_done(web.next, launches=2)
        api.assert_done(api.next, launches=3)


def test_both_are_turned_back_by_hand_though_the_alarm_that_is_why_has_gone_off() -> None:
    with two() as (web, api):
        alarm(web)
        with pytest.raises(Resumable):
            roll_out(both((web, api), canary=1, alarms=(ALARM,)))
        alarm(web, "ALARM")
        run = both((web, api), canary=1, alarms=(ALARM,))
        with web.watched(), api.watched():
            rollback(run)
        web.assert_done("1")
        api.assert_done("1")
        # Later, by hand, when both had long been on the new version.
        alarm(web)
        roll_out(both((web, api), alarms=(ALARM,)))
        alarm(web, "ALARM")
        with web.watched(), api.watched():
            rollback(run, to="1")
        web.assert_done("1")
        api.assert_done("1")
