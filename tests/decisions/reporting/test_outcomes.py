import pytest

from tasks.decisions.reporting.outcomes import OUTCOMES, WORDS, hook_of, outcome_of
from tasks.errors import CloudError, Paused, Refused, Resumable, RolledBack, SettingsError, TimedOut
from tasks.runtime.guard import Stopped


@pytest.mark.parametrize(
    ("error", "outcome", "hook"),
    [
        (None, "ok", "after"),
        (CloudError("no"), "failed", "failed"),
        (TimedOut("it", 3, "nothing"), "failed", "failed"),
        (OSError("no"), "failed", "failed"),
        (Refused("no"), "refused", "failed"),
        (RolledBack("bad"), "rolled-back", "failed"),
        (Resumable("stops", "fab ship"), "half-way", "failed"),
        (Paused("look", "fab ship --yes"), "paused", None),
        (KeyboardInterrupt(), "interrupted", None),
        (Stopped("SIGTERM"), "interrupted", None),
        (GeneratorExit(), "goes-on", None),
    ],
)
def test_an_end_has_an_outcome_and_its_hooks(error: BaseException | None, outcome: str, hook: str | None) -> None:
    assert outcome_of(error) == outcome and hook_of(outcome_of(error)) == hook


@pytest.mark.parametrize("error", [Refused("frozen"), SettingsError("--batch: found x")])
def test_what_is_refused_before_it_began_is_no_failure(error: Exception) -> None:
    assert hook_of(outcome_of(error), begun=False) is None
    assert hook_of("failed", begun=False) == "failed"


def test_what_nobody_foresaw_is_a_bug_once_all_else_is_explained() -> None:
    assert outcome_of(ZeroDivisionError(), explained=True) == "bug"


def test_each_outcome_has_its_words() -> None:
    assert WORDS.keys() == OUTCOMES.keys()
