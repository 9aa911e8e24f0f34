"""`ship` on the shop: everything in order, what may be left out, what an earlier run left behind."""

import io
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import Resumable, SettingsError
from tasks.operations import releasing
from tasks.operations.audit import audit
from tasks.operations.history import history
from tasks.operations.plan import plan
from tasks.operations.rollout import roll_out
from tasks.operations.ship import ship
from tasks.settings.hooks import Hook
from tasks.settings.model import Hooks
from tests.rehearsal.hosts.support import ask
from tests.worlds.canaries import REFUSING, SPANS, WEBHOOK, Canaries
from tests.worlds.shipping_world import changes, fast, world_in
from tests.worlds.shop_world import DOMAIN, ShopWorld, credentials

go = ship


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopWorld]:
    with world_in(tmp_path_factory, web=2, health="ELB") as running:
        yield running


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


def revisions(world: ShopWorld) -> set[str]:
    import json

    answers = [ask(world.address(one), 8080, f"/health_check/{DOMAIN}") for one in world.cloud.members()]
    return {json.loads(answer[1])["revision"] for answer in answers}


def test_a_part_that_is_not_known_is_refused_before_anything_is_asked(world: ShopWorld) -> None:
    before = world.cloud.control("calls")["total"]
    with pytest.raises(
        SettingsError, match="--skip: found bake-ami, deploy; allowed: restart-all, warm-cdn, invalidate, stop"
    ) as caught:
        go(fast(world), skip=["bake-ami", "restart-all", "deploy"])
    assert caught.value.code == 2 and world.cloud.control("calls")["total"] == before


def test_everything_in_order_then_nothing_is_left_to_do_then_half_way(world: ShopWorld, tmp_path: Path) -> None:
    world.publish(world.v2)
    with changes(world) as calls:
        go(fast(world, dry=True))
    assert calls == []
    plan = world.printed
    assert f"would fetch, check out {world.v2}" in plan and f"would make an image of revision {world.v2[:12]}" in plan
    assert "would make version 2 of lt-" in plan and f"would go from version 1 to 2 (ramped {world.v2} a new image)" in plan
    assert plan.index("point the group at version 2") < plan.index("terminate i-")

    old = world.cloud.members()
    mark = len(world.printed)
    with Canaries(world, tmp_path) as canaries:
        with canaries.reported(fast(world, management={"keep_running": True}), "ship") as run:
            go(run)
        history(fast(world), json=True)
        audit(fast(world))
    assert canaries.lines and canaries.seen() == {}
    _every_place_was_looked_at(canaries)
    assert revisions(world) == {world.v2} and not set(old) & set(world.cloud.members())
    steps = [line.removeprefix("-> ") for line in world.printed[mark:].splitlines() if line.startswith("-> ")]
    assert [step.split(maxsplit=1)[-1] for step in steps] == [
        *("management instance", "SSH", "git", "migrate", "collectstatic", "restart", "verify"),
        *("image", "restart-all", "template version", "rollout"),
    ]
    # EC2 made the image meanwhile.
    assert world.printed.index("ok restart-all", mark) < world.printed.index("ok 8  image", mark)

    assert "smoke boot of version 2" in world.printed and "what was done" in world.printed
    smoke = world.cloud.client("ec2").describe_instances(Filters=[{"Name": "tag:ramped:role", "Values": ["smoke"]}])
    states = [one["State"]["Name"] for reservation in smoke["Reservations"] for one in reservation["Instances"]]
    assert len(states) == 1 and states[0] in ("shutting-down", "terminated")

    mark = len(world.printed)
    members = world.cloud.members()
    go(fast(world), skip=["restart-all"])
    again = world.printed[mark:]
    assert world.cloud.members() == members and "every instance of web runs version 2" in again
    assert "restart-all" not in again and "using it again" in again
    assert world.cloud.instance(world.management)["State"]["Name"] == "stopped"

    _ahead(world)
    _half_way(world)


def _every_place_was_looked_at(canaries: Canaries) -> None:
    """A place that is empty would prove nothing."""
    texts = canaries.texts()
    assert all(texts.values())
    assert "run-ended" in texts["events"] and "exited 3" in texts["events"] and "exited 3" in texts["report.html"]
    assert "RAMPED_COMMAND_LINE=fab ship" in texts["hook.env"] and '"outcome": "ok"' in texts["parameters"]
    assert "DATABASE_PASSWORD=***" in texts["printed"] and "DEPLOY_TOKEN=***" in texts["printed"]
    assert "webhook 2 (127.0.0.1): it answered 500" in texts["printed"]
    spans = {"/v1/traces"} if find_spec(SPANS) else set()
    assert canaries.services() == {f"/{WEBHOOK}", f"/{REFUSING}"} | spans


def _ahead(world: ShopWorld) -> None:
    """The next release is foreseen by what the last one took."""
    mark = len(world.printed)
    plan(fast(world, static={"cdn": "http://cdn.example.com"}))
    shown = world.printed[mark:]
    rows = {line.split("  ")[0]: line for line in shown.splitlines()}
    assert "restart-all, warm-cdn" in rows["image"]
    assert "not known" in rows["warm-cdn"] and "not known" in rows["stop the management instance"]
    assert not any(
        "not known" in rows[name] for name in ("deploy", "begin the image", "restart-all", "image", "template version")
    )
    assert "critical path: deploy, begin the image, " in shown and "recorded by the next `ship`" in shown


def _half_way(world: ShopWorld) -> None:
    """A rollout back to version 1 was stopped: `ship` ends it first, then it goes on to the newest."""

    class Stops(io.StringIO):
        def write(self, text: str) -> int:
            if "terminate i-" in text:
                raise KeyboardInterrupt
            return super().write(text)

    run = fast(world, rollout={"smoke_boot": False})
    from tasks.runtime.output import Output

    with pytest.raises(KeyboardInterrupt):
        roll_out(replace(run, out=Output(Stops(), Stops())), {}, "1")
    go(fast(world), skip=["stop"])
    assert "resuming the unfinished rollout to version 1 first" in world.printed
    assert revisions(world) == {world.v2} and len(world.cloud.members()) == 2


def test_a_failure_while_ec2_makes_the_image_ends_before_there_is_a_version(
    world: ShopWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    revision = world.commit({"more.txt": "x"})
    making = world.standin.world._images
    monkeypatch.setattr(making, "_options", replace(world.standin.options, image=3600.0))
    hooks = Hooks(failed={"image": (Hook("echo the image failed"),)})
    run = fast(world, rollout={"smoke_boot": False})
    run = replace(run, settings=replace(run.settings, hooks=hooks), hooks=None)  # type: ignore[arg-type]
    restart = releasing.restart_fleet

    def fails(*_: object) -> int:
        raise Resumable("i-1 does not come back", "fab ship")

    monkeypatch.setattr(releasing, "restart_fleet", fails)
    mark = len(world.printed)
    with changes(world) as calls, pytest.raises(Resumable, match="i-1 does not come back"):
        go(run)
    assert calls.count("CreateImage") == 1 and "CreateLaunchTemplateVersion" not in calls and len(making._baking) == 1
    assert "goes on with image ami-" in world.printed[mark:] and "the image failed" not in world.printed[mark:]

    def meanwhile(*given: Any) -> int:
        assert making._baking[0].image.state == "pending"
        served = restart(*given)
        making._baking[0].available = 0
        return served

    monkeypatch.setattr(releasing, "restart_fleet", meanwhile)
    with changes(world) as calls:
        go(run)
    assert "CreateImage" not in calls and calls.count("CreateLaunchTemplateVersion") == 1
    assert revisions(world) == {revision}
