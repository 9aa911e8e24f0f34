"""`rollback` where it is needed: of a release that turned bad after it had served, though no instance serves any more."""

from typing import Any

import pytest

from tasks.decisions.rollout.outcomes import TAG
from tasks.errors import RolledBack
from tasks.operations.history import history
from tasks.operations.rollback import rollback
from tests.worlds.rolling_world import RollingWorld, of_ours, rolling
from tests.worlds.shop_world import credentials


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


def release(world: RollingWorld, name: str) -> tuple[str, str]:
    """Make a release; return its template version and its image."""
    image = world.cloud.build_image(name, name)
    return of_ours(world.cloud, world.fleet, image, f"{sum(map(ord, name)):040x}"), image


def turn_bad(world: RollingWorld, *images: str) -> None:
    """Let every instance of these images answer 500, now and when it is launched."""
    world.cloud.control("faults", {"images": dict.fromkeys(images, "error")})
    world.cloud.wait(lambda: not world.cloud.healthy(world.fleet))


def outcome(world: RollingWorld, image: str) -> str:
    (shown,) = world.cloud.client("ec2").describe_images(ImageIds=[image])["Images"]
    tags = {tag["Key"]: tag["Value"] for tag in shown.get("Tags", [])}
    return tags.get(TAG, "").rpartition(" ")[0]


@pytest.mark.parametrize("checks", ["EC2", "ELB"])
@pytest.mark.parametrize("way", ["rollback", "fix"])
def test_from_a_fleet_in_which_nothing_serves_the_good_version_is_surged_first(checks: str, way: str) -> None:
    """With ELB checks the group replaces the bad ones by others that are as bad, all the time."""
    with rolling(2, health_type=checks) as world:
        (good, good_image), (bad, bad_image) = release(world, "good"), release(world, "bad")
        world.roll(good)
        world.roll(bad)
        assert [outcome(world, image) for image in (good_image, bad_image)] == ["served", "served"]
        turn_bad(world, bad_image)
        mark = len(world.printed)
        if way == "rollback":
            rollback(world.run(instance_timeout=30))
            wanted = good
            assert outcome(world, bad_image) == "rolled back"
        else:
            wanted, _ = release(world, "fix")
            world.roll(wanted, instance_timeout=30)
        world.assert_done(wanted)
        assert len(world.cloud.healthy(world.fleet)) == 2
        said = world.printed[mark:]
        assert f"point the group at version {wanted}, desired 3" in said or "2 instances" in said


def test_one_of_two_that_does_not_serve_is_told_and_goes_first() -> None:
    with rolling(2, health_type="EC2") as world:
        sick, well = world.cloud.members()
        world.cloud.control("break", {"instance": sick, "fault": "error"})
        world.cloud.wait(lambda: world.cloud.healthy(world.fleet) == [well])
        world.roll(instance_timeout=30)
        world.assert_done(world.next)
        assert (
            f"{sick} does not serve (InService, Healthy, targets unhealthy" in world.printed
            and "it is replaced first" in world.printed
        )
        assert world.printed.index(f"terminate {sick}") < world.printed.index(f"terminate {well}")


def test_a_release_that_was_rolled_back_is_no_default_and_history_says_so() -> None:
    with rolling(1) as world:
        (good, _), (bad, bad_image), (late, _) = (release(world, name) for name in ("good", "bad", "late"))
        world.roll(good)
        world.cloud.control("faults", {"images": {bad_image: "error"}})
        with pytest.raises(RolledBack):
            world.roll(bad, instance_timeout=2)
        assert outcome(world, bad_image) == "rolled back"
        world.roll(late)
        mark = len(world.printed)
        history(world.run())
        rows = {line.split()[0]: line for line in world.printed[mark:].splitlines() if line[:1].isdecimal()}
        assert "rolled back 2" in rows[bad] and rows[good].endswith("previous")
        rollback(world.run())
        world.assert_done(good)


def test_a_colleague_who_may_not_tag_the_image_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with rolling(1) as world:
        world.when("every instance of web", lambda: world.cloud.control("faults", {"denied": ["CreateTags"]}))
        world.roll()
        assert f"image {world.image} of version 2 could not be tagged ramped:outcome=served: Unauthorized" in world.printed


def test_a_dry_run_prints_the_steps_that_are_taken() -> None:
    with rolling(2) as world:
        world.when("protect i-", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            world.roll()

        def steps(**options: Any) -> list[str]:
            mark = len(world.printed)
            rollback(world.run(**options))
            lines = [line.strip().removeprefix("web: ") for line in world.printed[mark:].splitlines()]
            return [
                " ".join(line.split()[:2])
                for line in lines
                if line.startswith(("roll back", "point", "drop", "resume", "set max"))
            ]

        planned = steps(dry=True)
        assert planned[:2] == ["roll back", "point the"] and planned == steps()


def _interrupt() -> None:
    raise KeyboardInterrupt
