"""Hooks on this machine: real shells."""

import io
import time
from pathlib import Path

import pytest

from tasks.errors import DeployError, Refused
from tasks.runtime.guard import Guard
from tasks.runtime.output import Output
from tasks.runtime.run import Run
from tasks.runtime.waiting import SystemClock
from tasks.settings.hooks import Hook
from tasks.settings.layers import Source, check, of_file
from tasks.settings.schema import build
from tests.worlds.operator_folder import REQUIRED


@pytest.fixture
def screen() -> io.StringIO:
    return io.StringIO()


def run_with(folder: Path, screen: io.StringIO, *, dry: bool = False, **hooks: object) -> Run:
    source = Source({**REQUIRED, "hooks": hooks}, "f", str(folder), {})
    values, errors = check(of_file(source).leaves, "f")
    assert not errors
    for when in ("before", "after", "failed"):
        values[f"hooks.{when}"] = {
            name: tuple(Hook(h.run, h.where, h.timeout, h.failure, str(folder)) for h in found)
            for name, found in values[f"hooks.{when}"].items()
        }
    return Run(build(values), Output(screen, screen), SystemClock(), dry, "fab ship")


def test_hooks_run_before_and_after_in_their_folder_with_the_facts(tmp_path: Path, screen: io.StringIO) -> None:
    write = "echo $RAMPED_HOOK $RAMPED_STEP $RAMPED_REVISION $RAMPED_OUTCOME >> log"
    run = run_with(
        tmp_path, screen, before={"template-version": [write, "echo second >> log"]}, after={"template-version": write}
    )
    run.journal.note(revision="c0ffee")
    with run.step("template version"), (tmp_path / "log").open("a") as log:
        log.write("the step\n")
    assert (tmp_path / "log").read_text().split("\n")[:4] == [
        "before template-version c0ffee",
        "second",
        "the step",
        "after template-version c0ffee ok",
    ]
    with run.step("rollout"):
        pass
    assert len((tmp_path / "log").read_text().splitlines()) == 4


def test_a_failing_before_stops_before_anything_is_changed(tmp_path: Path, screen: io.StringIO) -> None:
    run = run_with(tmp_path, screen, before={"migrate": "echo no room; exit 3"}, failed={"migrate": "touch failed"})
    with pytest.raises(Refused) as caught, Guard(run.out) as guard:
        guard.know(run)
        with run.step("migrate"):
            raise AssertionError("the step has begun")
    assert str(caught.value) == ("hooks.before.migrate failed: `echo no room; exit 3` exited 3: no room. Nothing was changed.")
    assert [step.ok for step in run.steps.ended] == [False]
    assert not (tmp_path / "failed").exists()  # the step never began


def test_a_failure_that_only_warns_goes_on(tmp_path: Path, screen: io.StringIO) -> None:
    run = run_with(tmp_path, screen, before={"git": {"run": "exit 1", "failure": "warn"}}, after={"git": "exit 2"})
    with run.step("git"):
        pass
    assert "warning: hooks.before.git failed" in screen.getvalue() and "warning: hooks.after.git failed" in screen.getvalue()
    assert run.steps.ended[0].ok


def test_an_after_may_stop_too(tmp_path: Path, screen: io.StringIO) -> None:
    run = run_with(tmp_path, screen, after={"git": {"run": "exit 2", "failure": "stop"}})
    with pytest.raises(Refused, match=r"hooks\.after\.git failed"), run.step("git"):
        pass


def test_a_refusal_before_the_first_step_is_no_failure_of_the_command(tmp_path: Path, screen: io.StringIO) -> None:
    run = run_with(tmp_path, screen, failed={"ship": "echo $RAMPED_OUTCOME >> log"}, after={"ship": "echo after >> log"})
    with pytest.raises(Refused), run.hooks.around_command("ship"):
        raise Refused("releases are frozen")
    assert not (tmp_path / "log").exists()
    with pytest.raises(Refused), run.hooks.around_command("ship"), run.step("git"):
        raise Refused("uncommitted changes")
    assert (tmp_path / "log").read_text() == "refused\n"


@pytest.mark.parametrize(("error", "there"), [(DeployError("x"), True), (KeyboardInterrupt(), False)])
def test_a_step_that_failed_has_its_own_hook_and_an_interruption_has_none(
    tmp_path: Path, screen: io.StringIO, error: BaseException, there: bool
) -> None:
    run = run_with(tmp_path, screen, failed={"git": "echo $RAMPED_OUTCOME > log; exit 9"}, after={"git": "touch after"})
    with pytest.raises(type(error)), run.step("git"):
        raise error
    assert (tmp_path / "log").exists() == there and not (tmp_path / "after").exists()


def runs(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_hook_that_hangs_is_killed_with_all_that_it_started(tmp_path: Path, screen: io.StringIO) -> None:
    line = "sleep 300 & echo $! > child; wait"
    run = run_with(tmp_path, screen, before={"git": {"run": line, "timeout": 0.5}})
    with pytest.raises(Refused, match=r"did not end within 0\.5 s"), run.step("git"):
        pass
    child = int((tmp_path / "child").read_text())
    end = time.monotonic() + 30
    while runs(child):  # the signal has been sent, and it dies when the kernel comes to it
        assert time.monotonic() < end, "the child of the hook still runs"
        time.sleep(0.02)


def test_what_a_hook_leaves_behind_does_not_hold_the_run_up(tmp_path: Path, screen: io.StringIO) -> None:
    run = run_with(tmp_path, screen, before={"git": {"run": "sleep 60 & echo $! > child; echo done", "timeout": 30}})
    with run.step("git"):
        import os
        import signal

        os.kill(int((tmp_path / "child").read_text()), signal.SIGKILL)
    assert "   | done" in screen.getvalue()


def test_secrets_that_a_hook_prints_are_masked(tmp_path: Path, screen: io.StringIO) -> None:
    run = run_with(tmp_path, screen, before={"git": "echo password=hunter22; echo abc-secret-def"})
    run.out.hide("abc-secret-def")
    with run.step("git"):
        pass
    assert "hunter22" not in screen.getvalue() and "abc-secret-def" not in screen.getvalue()


def test_a_dry_run_says_what_would_run(tmp_path: Path, screen: io.StringIO) -> None:
    run = run_with(tmp_path, screen, dry=True, before={"git": "touch made"})
    with run.step("git"):
        pass
    assert "would run hooks.before.git here: touch made" in screen.getvalue() and not (tmp_path / "made").exists()
    run.hooks.foresee("ssh", "git")
    assert screen.getvalue().count("would run hooks.before.git here: touch made") == 2


def test_hooks_of_a_command_and_those_of_its_only_step_run_once(tmp_path: Path, screen: io.StringIO) -> None:
    run = run_with(tmp_path, screen, before={"ship": "echo ship >> log", "rollout": "echo rollout >> log"})
    with run.hooks.around_command("ship"), run.step("rollout"):
        pass
    with run.hooks.around_command("rollout"), run.step("rollout"):
        pass
    assert (tmp_path / "log").read_text().split() == ["ship", "rollout", "rollout"]


def test_an_aside_of_a_run_reaches_the_same_hosts_and_hides_the_same_secrets(
    tmp_path: Path, screen: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_with(tmp_path, screen, before={"migrate": {"run": "true", "where": "management"}})
    run.out.hide("hunter22")
    run.hooks.remote = lambda line, variables, timeout: ("said hunter22", 0)
    warned: list[str] = []
    run.out.when_warned = warned.append
    monkeypatch.setattr("sys.stderr", aside := io.StringIO())
    other = run.aside()
    with other.step("migrate"):
        other.out.warn("late")
    assert "said ***" in aside.getvalue() and "hunter22" not in aside.getvalue() and warned == ["late"]
