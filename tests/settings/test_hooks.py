import ast
from pathlib import Path

import pytest

from tasks.commands import GROUPS, ns
from tasks.runtime.steps import Step
from tasks.settings.hooks import COMMANDS, STEPS, Hook, HookMap
from tasks.settings.kinds import Wrong
from tasks.settings.load import load
from tests.worlds.operator_folder import SETTINGS

TASKS = Path(__file__).parents[2] / "tasks"


def test_the_steps_are_those_of_the_commands() -> None:
    names = [
        node.args[0]
        for path in (TASKS / "operations").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "step"
    ]
    assert all(isinstance(name, ast.Constant) for name in names)
    keys = {Step(str(name.value)).key for name in names if isinstance(name, ast.Constant)}
    assert keys - {"check-static"} == set(STEPS)


def test_the_commands_are_those_that_report() -> None:
    changing = {ns.transform(task.name) for members in GROUPS.values() for task in members if "events" in (task.help or {})}
    assert changing == set(COMMANDS)


def test_a_hook_is_a_command_line_a_section_or_a_list() -> None:
    found = HookMap("stop").read(
        {"migrate": "./backup", "rollout": [{"run": "./x", "where": "management", "timeout": 9, "failure": "warn"}, "./y"]}
    )
    assert found == {
        "migrate": (Hook("./backup"),),
        "rollout": (Hook("./x", "management", 9.0, "warn"), Hook("./y")),
    }
    assert HookMap("warn").read({"ship": "x"})["ship"][0].failure == "warn"


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("x", ""),
        ({"migrat": "x"}, "migrat is neither a step nor a command"),
        ({"migrate": 3}, "migrate: found 3 (a number), without a command line"),
        ({"migrate": {"run": " "}}, "without a command line"),
        ({"migrate": {"run": "x", "on": "y"}}, "unknown key on"),
        ({"migrate": {"run": "x", "where": "web"}}, "where: found 'web' (text)"),
        ({"migrate": {"run": "x", "timeout": 0}}, "timeout: found 0 (a number)"),
        ({"migrate": {"run": "x", "failure": "ignore"}}, "failure: found 'ignore' (text)"),
        ({"ship": {"run": "x", "where": "management"}}, "may not be reachable then"),
        ({"ssh": {"run": "x", "where": "management"}}, "may not be reachable then"),
    ],
)
def test_what_cannot_be_a_hook_is_named(value: object, hint: str) -> None:
    with pytest.raises(Wrong) as caught:
        HookMap("stop").read(value)
    assert hint in str(caught.value)


def test_a_variable_has_them_as_json_and_a_file_gives_its_folder(tmp_path: Path) -> None:
    (tmp_path / "fabric.yaml").write_text(SETTINGS + "hooks:\n  before:\n    migrate: ./backup\n")
    (tmp_path / "sub").mkdir()
    hooks = load(tmp_path / "sub", None, {"INVOKE_HOOKS_AFTER": '{"rollout": "./done"}'}).settings.hooks
    assert hooks.before["migrate"] == (Hook("./backup", folder=str(tmp_path)),)
    assert hooks.after["rollout"] == (Hook("./done", failure="warn", folder=str(tmp_path / "sub")),)
