"""The log of commands in the stand-in's Parameter Store: written beside real runs, read by `audit` and `history`."""

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tasks.aws import log
from tasks.decisions.reporting.events import Event
from tasks.decisions.reporting.log import Entry
from tasks.errors import Refused, SettingsError
from tasks.fleet.audit import keep_log
from tasks.operations.audit import audit
from tasks.operations.history import history
from tasks.operations.releases import releases
from tasks.operations.rollout import roll_out
from tasks.runtime.guard import Guard
from tasks.runtime.operator import machine
from tasks.runtime.output import Output
from tasks.runtime.run import Run
from tests.worlds.rolling_world import RollingWorld, of_ours, rolling
from tests.worlds.shop_world import credentials


@pytest.fixture(scope="module")
def rolled() -> Iterator[RollingWorld]:
    with pytest.MonkeyPatch.context() as patch:
        credentials(patch)
        with rolling(1) as world:
            yield world


@pytest.fixture
def world(rolled: RollingWorld, monkeypatch: pytest.MonkeyPatch) -> RollingWorld:
    credentials(monkeypatch)
    monkeypatch.delenv("RAMPED_WEBHOOKS", raising=False)
    rolled.cloud.client("ssm").put_parameter(Name="/ramped/web/log", Value="-", Type="String", Overwrite=True)
    rolled.cloud.client("ssm").delete_parameter(Name="/ramped/web/log")
    rolled.cloud.control("options", {"parameter_rest": 0})
    return rolled


def begun(world: RollingWorld, name: str = "ship") -> Run:
    run = world.run()
    run.report_to(name, None)
    keep_log(run)
    return run


class Listener:
    """A sink that keeps what it gets."""

    def __init__(self) -> None:
        self.got: list[Event] = []

    def take(self, event: Event) -> None:
        self.got.append(event)

    def close(self) -> None:
        pass


def do(run: Run, error: BaseException | None = None) -> Listener:
    listener = Listener()
    run.journal.sinks.append(listener)
    with Guard(run.out) as guard:
        guard.know(run)
        run.journal.began()
        run.journal.note(revision="c0ffee" + "0" * 34)
        if error:
            raise error
    return listener


def shown(world: RollingWorld, command: Any, **options: Any) -> str:
    run = replace(world.run(), out=Output(out := io.StringIO(), io.StringIO()))
    command(run, **options)
    return out.getvalue()


def test_every_command_has_an_entry_with_its_end(world: RollingWorld) -> None:
    do(begun(world))
    with pytest.raises(Refused):
        do(begun(world, "rollback"), Refused("no room"))
    first, second = log.entries(world.api, "web")[1::2]
    assert (first.command, first.outcome, first.facts["revision"][:6]) == ("ship", "ok", "c0ffee")
    assert (second.command, second.outcome, second.code, second.text) == (
        "rollback",
        "refused",
        1,
        "no room. Nothing was changed.",
    )
    assert [entry.ended > 0 for entry in log.entries(world.api, "web")] == [False, True, False, True]
    listed = json.loads(shown(world, audit, json=True))
    assert [one["command"] for one in listed] == ["rollback", "ship"] and listed[1]["seconds"] >= 0
    table = shown(world, audit, limit=1)
    assert "refused" in table and len([line for line in table.splitlines() if "fab rollout" in line]) == 1
    runs = json.loads(shown(world, history, json=True))["runs"]
    assert [one["outcome"] for one in runs] == ["refused", "ok"]
    assert "releases and rollbacks, newest first" in shown(world, history)
    with pytest.raises(SettingsError, match="--limit: found 0"):
        shown(world, audit, limit=0)


def test_aws_keeps_the_newest_hundred_and_a_foreign_one_among_them_does_no_harm(world: RollingWorld) -> None:
    for number in range(103):
        log.append(world.api, "web", Entry(f"r{number}", "ship", "fab ship", "ann@desk", began=float(number)))
    world.cloud.client("ssm").put_parameter(Name="/ramped/web/log", Value="by hand", Type="String", Overwrite=True)
    known = log.entries(world.api, "web")
    assert (known[0].run, known[-1].run, len(known)) == ("r4", "r102", 99)


def dead() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_crash_is_reported_once_by_the_next_run(world: RollingWorld) -> None:
    now = world.run().clock.now()
    killed = Entry("r9", "ship", "fab ship", "bob@desk", machine(), dead(), began=now - 60, facts={"groups": "web"})
    log.append(world.api, "web", killed)
    run = begun(world, "status-like")
    listener = do(run)
    found = [event for event in listener.got if event.event == "crashed"]
    assert [(event.run, event.command, event.by) for event in found] == [("r9", "ship", "bob@desk")]
    assert "warning: ship of bob@desk never ended: its process is gone" in world.printed
    assert [event for event in do(begun(world)).got if event.event == "crashed"] == []
    listed = json.loads(shown(world, audit, json=True))
    assert next(one for one in listed if one["run"] == "r9")["outcome"] == "crashed"


def test_who_may_not_write_the_log_is_told_and_the_command_goes_on(world: RollingWorld) -> None:
    mark = len(world.printed)
    world.cloud.control("faults", {"denied": ["PutParameter"]})
    try:
        do(begun(world))
    finally:
        world.cloud.control("faults", {"denied": []})
    said = world.printed[mark:]
    assert said.count("the log of commands cannot be written: AccessDenied") == 1 and log.entries(world.api, "web") == []


def test_a_throttled_log_is_tried_again(world: RollingWorld) -> None:
    mark = len(world.printed)
    # With this seed the first call is refused, and the two after it are not.
    world.cloud.control("faults", {"throttle": 0.5, "throttle_actions": ["PutParameter"], "seed": 1})
    try:
        do(begun(world))
    finally:
        world.cloud.control("faults", {"throttle": 0.0, "throttle_actions": []})
    assert [entry.outcome for entry in log.entries(world.api, "web")] == ["", "ok"]
    assert "the log of commands" not in world.printed[mark:]


def test_an_aws_that_cannot_be_reached_is_news_only_at_the_end(world: RollingWorld) -> None:
    mark = len(world.printed)
    run = begun(world)
    nowhere = replace(
        run, settings=replace(run.settings, aws=replace(run.settings.aws, endpoint="http://127.0.0.1:9")), cloud=None
    )  # type: ignore[arg-type]
    run.journal.sinks.clear()
    keep_log(nowhere)
    do(nowhere)
    assert "the log of commands" not in world.printed[mark:]


def commit(folder: Path, text: str) -> str:
    who = ["-c", "user.name=Ann", "-c", "user.email=a@example.com"]
    subprocess.run(["git", "-C", folder, *who, "commit", "-q", "--allow-empty", "-m", text], check=True)
    done = subprocess.run(["git", "-C", folder, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_a_rollout_leaves_a_record_and_releases_shows_the_commits_between(
    world: RollingWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    shas = [commit(tmp_path, text) for text in ("first", "second", "third")]
    monkeypatch.chdir(tmp_path)
    numbers = [
        of_ours(world.cloud, world.fleet, world.cloud.build_image(f"release-{sha[:6]}", "v2"), sha) for sha in (shas[0], shas[2])
    ]
    for number in numbers:
        run = world.run()
        roll_out(run, {}, number)
    assert {name: run.journal.facts[name] for name in ("from_versions", "to_versions", "revision")} == {
        "from_versions": f"web={numbers[0]}",
        "to_versions": f"web={numbers[1]}",
        "revision": shas[2],
    }
    (versions,) = json.loads(shown(world, history, json=True))["groups"].values()
    newest, before = versions[:2]
    assert (newest["version"], newest["is"]) == (numbers[1], ["live"]) and before["is"] == ["previous"]
    assert newest["released"]["from"] == numbers[0] and newest["released"]["seconds"] >= 0 and "@" in newest["released"]["by"]
    told = json.loads(shown(world, releases, json=True))
    assert (told["since"], told["to"]) == (shas[0], shas[2])
    assert [(one["commit"], one["subject"], one["by"]) for one in told["commits"]] == [
        (shas[2], "third", "Ann"),
        (shas[1], "second", "Ann"),
    ]
    assert f"commits from {shas[0][:12]} to {shas[2][:12]}: 2\n" in shown(world, releases, since=numbers[0], to=shas[2][:8])
    with pytest.raises(Refused, match="no management instance"):
        monkeypatch.chdir("/")
        shown(world, releases)
    with pytest.raises(SettingsError, match="--since, --to: found --all"):
        shown(world, releases, since="--all")
