"""Before contracting migrations run: which code is still there, and what is never gone back to afterwards."""

from typing import Any

import pytest

from tasks.aws import images, tags
from tasks.errors import Refused
from tasks.fleet.contracting import retire_old_code
from tests.worlds.rolling_world import RollingWorld, of_ours, rolling
from tests.worlds.shop_world import credentials

NAMES = ("shop.0004_no_note",)
OLD, NEW, LATER = ("a" * 40, "b" * 40, "c" * 40)


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


def release(world: RollingWorld, revision: str, *names: str) -> tuple[str, str]:
    """Make a version of ours, whose code does without these migrations; return its number and its image."""
    image = world.cloud.build_image(revision[:4], revision[:4])
    known = {tags.SITE: "shop", **({tags.WAITING: " ".join(names)} if names else {})}
    shown = [{"Key": key, "Value": value} for key, value in known.items()]
    world.cloud.client("ec2").create_tags(Resources=[image], Tags=shown)
    return of_ours(world.cloud, world.fleet, image, revision), image


def marked(world: RollingWorld, image: str) -> str:
    found: Any = images.image(world.run().cloud, image)
    return str(found.tags.get(tags.OUTDATED, ""))


def test_old_code_anywhere_refuses_it_and_afterwards_is_marked() -> None:
    with rolling(2) as world:
        (old, old_image), (new, new_image) = release(world, OLD), release(world, NEW, *NAMES)
        world.roll(old)
        with pytest.raises(Refused, match=rf"it launches version {old} .*\n.*i-[0-9a-f]+ \(InService\) runs version {old}"):
            retire_old_code(world.run(), NAMES, NEW)
        assert not marked(world, old_image)
        world.roll(new)
        # One instance in standby is enough.
        standby = world.cloud.members()[0]
        world.cloud.client("autoscaling").enter_standby(
            AutoScalingGroupName=world.fleet.group, InstanceIds=[standby], ShouldDecrementDesiredCapacity=True
        )
        with pytest.raises(Refused, match=rf"{standby} \(\w*Standby\) runs version {new}"):
            retire_old_code(world.run(), ("shop.0009_other",), LATER)
        # By its revision, or, for that of a later release, by what its image does without.
        retire_old_code(world.run(), NAMES, NEW)
        retire_old_code(world.run(), NAMES, LATER)
        assert marked(world, old_image).startswith("b" * 12) and not marked(world, new_image)
        with pytest.raises(Refused, match="needs what `contract` has taken out of the database"):
            world.roll(old)
