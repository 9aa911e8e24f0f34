import inspect
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from invoke import Collection, Config, Context, Exit, Program, Task
from invoke.parser import Parser, ParserContext

from docs.generate import arguments_of
from tasks import ns
from tasks.errors import DeployError, Resumable, SettingsError
from tasks.runtime.command import command
from tasks.runtime.run import Run
from tests.worlds.operator_folder import SETTINGS


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    (tmp_path / "fabric.yaml").write_text(SETTINGS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["/usr/bin/inv", "put", "--name", "x"])
    return Context(Config())


SEEN: list[Any] = []


@command(help={"name": "whose name", "dashed_too": "an option of two words"}, iterable=["many"])
def put(run: Run, name: str, fast: bool = False, dashed_too: str | None = None, many: list[str] | None = None) -> None:
    """Put it.

    And more of it.
    """
    SEEN.append((run, name, fast, dashed_too, many))


def test_the_body_gets_a_run_and_the_options(context: Context) -> None:
    SEEN.clear()
    put(context, "x", fast=True)
    run, *options = SEEN[0]
    assert isinstance(run, Run)
    assert (run.command, run.settings.groups, run.dry) == ("inv put --name x", ("web",), False)
    assert options == ["x", True, None, None]


def test_the_task_is_what_invoke_would_have_made_of_the_function() -> None:
    assert isinstance(put, Task)
    assert (put.name, inspect.getdoc(put.body)) == ("put", "Put it.\n\nAnd more of it.")
    assert list(inspect.signature(put.body).parameters) == ["c", "name", "fast", "dashed_too", "many"]
    arguments = {argument.name: argument for argument in put.get_arguments()}
    assert sorted(arguments) == ["dashed_too", "fast", "many", "name"]
    assert arguments["dashed_too"].names == ("dashed-too",)
    assert (arguments["name"].help, arguments["dashed_too"].help) == ("whose name", "an option of two words")
    assert (arguments["name"].positional, arguments["fast"].kind, arguments["many"].kind) == (True, bool, list)


def test_no_option_takes_a_letter_of_invoke() -> None:
    assert all(len(name) > 1 for argument in put.get_arguments() for name in argument.names)


def test_without_brackets_it_is_a_task_too(context: Context) -> None:
    @command
    def plain(run: Run) -> None:
        """Do it."""
        raise DeployError(f"as {run.command}")

    assert isinstance(plain, Task)
    with pytest.raises(DeployError, match="as inv put --name x"):
        plain(context)


@pytest.mark.parametrize(
    ("changes", "kind", "text"), [(True, Resumable, "To go on: inv put"), (False, DeployError, "Nothing was")]
)
def test_only_what_changed_something_is_half_way(context: Context, changes: bool, kind: type[DeployError], text: str) -> None:
    @command
    def look(run: Run) -> None:
        """Look."""
        with run.step("look"):
            if changes:
                run.changes.note()
            raise KeyboardInterrupt

    with pytest.raises(DeployError, match=text) as caught:
        look(context)
    assert type(caught.value) is kind


def test_wrong_settings_stop_before_the_body(context: Context) -> None:
    Path("fabric.yaml").write_text("")
    SEEN.clear()
    with pytest.raises(SettingsError, match="aws.region: missing"):
        put(context, "x")
    assert SEEN == []


def test_the_program_exits_with_the_code_and_without_a_traceback(context: Context, capsys: pytest.CaptureFixture[str]) -> None:
    Path("fabric.yaml").write_text("rollout: {surge: 1}\n" + SETTINGS.replace("region", "regoin"))
    with pytest.raises(SystemExit) as caught:
        Program(namespace=Collection(put)).run("inv put x")
    assert caught.value.code == 2
    told = capsys.readouterr().err.splitlines()
    assert [line.split(";")[0] for line in told] == ["fabric.yaml:3: aws.regoin: unknown key", "fabric.yaml: aws.region: missing"]


@pytest.mark.parametrize("name", sorted(ns.tasks))
def test_every_task_says_what_it_does_and_what_its_options_mean(name: str) -> None:
    task = ns.tasks[name]
    first = (inspect.getdoc(task.body) or "").splitlines()[0]
    assert re.fullmatch(r"[A-Z].*\.", first), first
    assert all(argument.help for argument in arguments_of(task))


NUMBERS = [
    (name, option.replace("_", "-"))
    for name, task in ns.tasks.items()
    for option, parameter in inspect.signature(task.body).parameters.items()
    if parameter.annotation in ("int", "int | None")
]


def typed(name: str, *words: str) -> dict[str, Any]:
    contexts = [ParserContext(name, args=arguments_of(ns.tasks[name]))]
    (_, parsed, *_) = Parser(contexts, initial=ParserContext()).parse_argv([name, *words])
    return dict(parsed.as_kwargs)


def test_there_are_options_that_take_numbers() -> None:
    assert {("prune-images", "keep"), ("history", "limit"), ("rehearse", "instances")} <= set(NUMBERS)


@pytest.mark.parametrize(("name", "option"), NUMBERS)
def test_a_number_reaches_the_command_as_such_and_anything_else_is_refused(name: str, option: str) -> None:
    needed = [argument.name for argument in arguments_of(ns.tasks[name]) if argument.positional]
    assert typed(name, *needed, f"--{option}", "7")[option.replace("-", "_")] == 7
    with pytest.raises(Exit, match=f"--{option}: found soon; allowed: a whole number") as refused:
        typed(name, *needed, f"--{option}", "soon")
    assert refused.value.code == 2
