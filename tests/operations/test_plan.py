"""`plan` on the stand-in cloud: what a rollout then does, and nothing changed."""

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.errors import Refused, SettingsError
from tasks.operations.plan import plan
from tasks.runtime.output import Output
from tasks.settings.hooks import Hook
from tests.worlds.rolling_world import RollingWorld, rolling
from tests.worlds.shop_world import credentials


@pytest.fixture(scope="module")
def shop() -> Iterator[RollingWorld]:
    with pytest.MonkeyPatch.context() as patch:
        credentials(patch)
        with rolling(3) as built:
            yield built


@pytest.fixture
def world(shop: RollingWorld, monkeypatch: pytest.MonkeyPatch) -> RollingWorld:
    credentials(monkeypatch)
    return shop


def test_it_shows_steps_launches_duration_and_cost(world: RollingWorld) -> None:
    mark = len(world.printed)
    plan(world.run(surge=2, batch=2), price="0.5")
    shown = world.printed[mark:]
    assert "web: would go from version 1 to 2" in shown
    assert "  3 launches in 2 waves" in shown
    assert "if none is slower than the slowest of the last 3 launches" in shown
    assert "instance hours in addition: less than 0.01" in shown
    assert world.shape() == world.before and not world.run().changes.made


def test_no_hook_runs_for_a_plan(world: RollingWorld, tmp_path: Path) -> None:
    made = tmp_path / "made"
    hook = (Hook(f"touch {made}"),)
    run = world.run().with_(hooks={"before": {"rollout": hook}, "after": {"rollout": hook}})
    mark = len(world.printed)
    plan(replace(run, hooks=None))
    assert world.printed[mark:].count(f"here: touch {made}") == 2 and not made.exists()


def test_json_is_the_same_for_programs(world: RollingWorld) -> None:
    out = io.StringIO()
    plan(replace(world.run(), out=Output(out, out)), as_json=True)
    shown = json.loads(out.getvalue())
    assert out.getvalue().endswith("\n}\n")
    (found,) = shown["groups"]
    assert (found["group"], found["from"], found["to"], found["refused"]) == ("web", "1", "2", "")
    estimate = found["estimate"]
    assert (estimate["launches"], estimate["waves"], estimate["smoke"], estimate["cost"]) == (3, 3, 0, None)
    assert 0 < estimate["expected"] <= estimate["longest"]
    assert any(step.startswith("terminate ") for step in found["steps"])
    release = shown["release"]
    parts = {part["name"]: part for part in release["parts"]}
    assert parts["rollout"]["takes"] == pytest.approx(estimate["expected"], rel=0.5) and parts["rollout"]["critical"]
    assert parts["deploy"]["takes"] is None and not release["whole"] and parts["image"]["beside"] == ["restart-all"]
    assert release["critical_path"] == [name for name, part in parts.items() if part["critical"]]
    assert f"critical path: {', '.join(release['critical_path'])}: more than " in said(world)


def said(world: RollingWorld) -> str:
    mark = len(world.printed)
    plan(world.run())
    return world.printed[mark:]


def test_json_of_a_plan_to_a_version_has_no_release(world: RollingWorld) -> None:
    out = io.StringIO()
    plan(replace(world.run(), out=Output(out, out)), world.next, as_json=True)
    assert json.loads(out.getvalue())["release"] is None


def test_what_the_rollout_would_refuse_is_refused(world: RollingWorld) -> None:
    out = io.StringIO()
    gone = world.cloud.new_version(world.fleet, "ami-0123456789abcdef0")
    with pytest.raises(Refused, match="names image ami-0123456789abcdef0, which is not there"):
        plan(replace(world.run(), out=Output(out, out)), gone, as_json=True)
    assert "which is not there" in json.loads(out.getvalue())["groups"][0]["refused"]
    with pytest.raises(SettingsError, match="--price: found free; allowed: a number from 0"):
        plan(world.run(), price="free")
