import sys
from pathlib import Path

import pytest
from fabric import Connection
from invoke import Config, Context

from tasks.errors import SettingsError
from tasks.runtime.output import Output
from tasks.runtime.run import as_typed, begin, refuse_hosts
from tasks.runtime.waiting import SystemClock
from tests.worlds.operator_folder import SETTINGS


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    (tmp_path / "fabric.yaml").write_text(SETTINGS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["/usr/bin/fab", "deploy", "--revision", "v 2"])
    return Context(Config())


def test_a_run_knows_all_that_a_body_needs(context: Context) -> None:
    out = Output()
    run = begin(context, out)
    assert run.settings.app.domain == "shop.example"
    assert run.out is out
    assert isinstance(run.clock, SystemClock)
    assert (run.dry, run.command) == (False, "fab deploy --revision 'v 2'")


def test_dry_is_invokes_own_switch(context: Context) -> None:
    context.config.run.dry = True
    assert begin(context, Output()).dry


def test_the_file_may_say_dry_under_both_commands(context: Context) -> None:
    Path("fabric.yaml").write_text(SETTINGS + "run: {dry: true}\n")
    assert begin(context, Output()).dry


def test_a_file_given_by_f_counts(context: Context) -> None:
    Path("x.yaml").write_text("groups: [staging]\n")
    context.config.set_runtime_path("x.yaml")
    assert begin(context, Output()).settings.groups == ("staging",)
    context.config.set_runtime_path("missing.yaml")
    with pytest.raises(SettingsError, match=r"-f missing\.yaml: no such file"):
        begin(context, Output())


def test_a_connection_is_refused() -> None:
    with pytest.raises(SettingsError, match="--hosts") as caught:
        refuse_hosts(Connection("web-1"))
    assert caught.value.code == 2


@pytest.mark.parametrize(
    ("argv", "environment", "typed"),
    [
        (["/x/bin/inv", "rollout"], {}, "inv rollout"),
        (["fab", "-f", "a b.yaml", "ship", "--skip=x;y"], {}, "fab -f 'a b.yaml' ship '--skip=x;y'"),
        (["/x/invoke/__main__.py", "ship"], {}, "python -m invoke ship"),
        (
            ["fab", "ship"],
            {"INVOKE_ROLLOUT_SURGE": "25%", "FABRIC_GROUPS": "a b,c"},
            "FABRIC_GROUPS='a b,c' INVOKE_ROLLOUT_SURGE=25% fab ship",
        ),
    ],
)
def test_the_command_is_repeated_as_typed(argv: list[str], environment: dict[str, str], typed: str) -> None:
    assert as_typed(argv, environment) == typed
