"""Freezes: what refuses, and how it is overridden; the windows themselves are tests/settings/test_windows.py."""

import io
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tasks.errors import Refused
from tasks.operations.freeze import refuse_frozen
from tasks.runtime.output import Output
from tasks.runtime.run import Run
from tasks.runtime.waiting import SystemClock
from tests.settings.site import site


class Friday(SystemClock):
    def now(self) -> float:
        return datetime(2026, 11, 27, 17, 0, tzinfo=UTC).timestamp()


def run(windows: tuple[str, ...], screen: io.StringIO, *, dry: bool = False) -> Run:
    settings = site()
    settings = replace(settings, freeze=replace(settings.freeze, windows=windows))
    return Run(settings, Output(screen, screen), Friday(), dry, "fab ship")


def test_in_a_window_it_refuses_and_says_how_to_go_on() -> None:
    with pytest.raises(
        Refused, match=r"it is Fri 2026-11-27 17:00 UTC, and releases are frozen from Fri 16:00 - Mon 08:00"
    ) as caught:
        refuse_frozen(run(("Fri 16:00 - Mon 08:00",), io.StringIO()), anyway=False)
    assert str(caught.value).endswith("to release anyway: `fab ship --anyway`")


@pytest.mark.parametrize(("dry", "anyway", "said"), [(True, False, "it would need --anyway"), (False, True, "released anyway")])
def test_a_dry_run_and_anyway_only_warn(dry: bool, anyway: bool, said: str) -> None:
    screen = io.StringIO()
    refuse_frozen(run(("16:00 - 18:00",), screen, dry=dry), anyway=anyway)
    assert said in screen.getvalue()


def test_outside_of_all_windows_nothing_is_said() -> None:
    screen = io.StringIO()
    refuse_frozen(run(("Sat - Sun", "2026-12-20 - 2027-01-06"), screen), anyway=False)
    assert screen.getvalue() == ""
