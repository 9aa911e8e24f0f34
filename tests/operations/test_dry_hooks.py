"""A dry run names the hooks of every step that it describes without entering it; what it reads is given."""

import io
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from tasks.aws import autoscaling, instances, launch_templates
from tasks.decisions.release import order
from tasks.decisions.release.order import Part
from tasks.operations import contract, drain, management, restart_all, ship
from tasks.operations.releasing import Releasing
from tasks.runtime.output import Output
from tasks.runtime.run import Run
from tasks.runtime.waiting import SystemClock
from tasks.settings.layers import Source, check, of_file
from tasks.settings.schema import build
from tests.worlds.operator_folder import REQUIRED

GROUP = SimpleNamespace(name="web", health_type="EC2", source=None, version="1")
WEB = SimpleNamespace(id="i-1", group="web")


class Host(nullcontext[None]):
    name = "i-9"


def dry(screen: io.StringIO, step: str) -> Run:
    hooks = {when: {step: f"tell {when}"} for when in ("before", "after")}
    app = {**REQUIRED["app"], "settings_unit": "settings.service"}
    values, errors = check(of_file(Source({**REQUIRED, "app": app, "hooks": hooks}, "f", "/", {})).leaves, "f")
    assert not errors
    return Run(build(values), Output(screen, screen), SystemClock(), True, "fab --dry")


def contracting(run: Run) -> None:
    contract._carry_out(run, None, None, "abc", SimpleNamespace(waiting=("shop.0004",)))  # type: ignore[arg-type]


def stopping(run: Run) -> None:
    """Stop as the last part of a release, whose first would have started the instance."""
    Releasing(run, None, yes=False).carry_out([Part(order.STOP, ())])


@pytest.mark.parametrize(
    ("step", "act", "said"),
    [
        ("contract", contracting, "run shop.0004"),
        ("drain", lambda run: drain.drain(run, "i-1"), "would drain: i-1"),
        ("back-into-traffic", lambda run: drain.drain(run, "i-1", undo=True), "would put back into traffic: i-1"),
        ("management-instance", management.management_create, "would launch version 1 of lt-1"),
        ("management-instance", management.management_start, "would start i-9, which is stopped"),
        ("restart", restart_all.roll_settings, "would restart settings.service"),
        ("stop-the-management-instance", stopping, "would stop i-9"),
    ],
)
def test_the_hooks_of_a_step_are_named(monkeypatch: pytest.MonkeyPatch, step: str, act: Callable[[Run], None], said: str) -> None:
    monkeypatch.setattr(drain, "_find", lambda run, id: (WEB, 2))
    monkeypatch.setattr(autoscaling, "group", lambda cloud, name: GROUP)
    monkeypatch.setattr(instances, "find_management", lambda cloud, settings: None)
    monkeypatch.setattr(management, "require_template", lambda name, source: "lt-1")
    monkeypatch.setattr(launch_templates, "version", lambda *_: SimpleNamespace(number="1", template="lt-1"))
    monkeypatch.setattr(management, "find", lambda run: SimpleNamespace(id="i-9", state="stopped"))
    monkeypatch.setattr(restart_all, "open_management", lambda run: (None, Host()))
    monkeypatch.setattr(restart_all, "restart_fleet", lambda *_, **__: 0)
    monkeypatch.setattr(Run, "cloud", None)
    screen = io.StringIO()
    act(dry(screen, step))
    lines = screen.getvalue().splitlines()
    assert said in lines[0]
    assert lines[1:] == [f"would run hooks.{when}.{step} here: tell {when}" for when in ("before", "after")]


def test_the_hooks_of_the_maintenance_page_are_named_and_what_comes_last(monkeypatch: pytest.MonkeyPatch) -> None:
    carried: list[str] = []

    class Parts(nullcontext[None]):
        def carry_out(self, ordered: Sequence[SimpleNamespace]) -> None:
            carried.extend(part.name for part in ordered)

    monkeypatch.setattr(ship, "Releasing", lambda *_, **__: Parts())
    monkeypatch.setattr(ship, "parts_of", lambda *_: [SimpleNamespace(name=name) for name in (order.DEPLOY, order.STOP)])
    for name in ("is_on", "_end_half_way", "require", "examine"):
        monkeypatch.setattr(ship, name, lambda *_, **__: False)
    screen = io.StringIO()
    ship._ship_behind_a_page(dry(screen, "maintenance-page-on"), None, (), yes=True)
    assert "would run hooks.before.maintenance-page-on here: tell before" in screen.getvalue()
    assert carried == [order.DEPLOY, order.STOP]
