"""How a run or a step ended, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from ...errors import DeployError, Paused, Refused, Resumable, RolledBack, SettingsError

Outcome = Literal["ok", "failed", "refused", "rolled-back", "paused", "half-way", "interrupted", "goes-on", "bug"]

OUTCOMES: Mapping[Outcome, str] = {
    "ok": "done",
    "failed": "failed",
    "refused": "a check or the settings refused it",
    "rolled-back": "the new version failed; the old version serves everywhere",
    "paused": "at a canary or a checkpoint; the same command with --yes continues",
    "half-way": "stopped half-way; the same command continues",
    "interrupted": "Ctrl-C, or a signal",
    "goes-on": "of a step only: the run has ended, but EC2 goes on with what the step waited for, such as an image",
    "bug": "a bug of ramped",
}
# For people.
WORDS: Mapping[Outcome, str] = {
    "ok": "done",
    "failed": "failed",
    "refused": "refused",
    "rolled-back": "rolled back",
    "paused": "pauses",
    "half-way": "stopped half-way",
    "interrupted": "interrupted",
    "goes-on": "goes on",
    "bug": "stopped by a bug of ramped",
}
_WELL = ("ok", "paused", "goes-on")
_KINDS: Mapping[type[DeployError], Outcome] = {
    Paused: "paused",
    Resumable: "half-way",
    RolledBack: "rolled-back",
    Refused: "refused",
    SettingsError: "refused",
    DeployError: "failed",
}


def outcome_of(error: BaseException | None, *, explained: bool = False) -> Outcome:
    """Return the outcome that an error means; None: it went well.

    `explained`: what AWS, SSH and the network raise has become a DeployError by now, so that anything else is a bug.
    """
    if error is None:
        return "ok"
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, GeneratorExit):
        return "goes-on"
    found = next((outcome for kind, outcome in _KINDS.items() if isinstance(error, kind)), None)
    return found or ("bug" if explained else "failed")


def is_well(outcome: Outcome) -> bool:
    """Return whether nobody need be alarmed by an outcome."""
    return outcome in _WELL


def hook_of(outcome: Outcome, *, begun: bool = True) -> Literal["after", "failed"] | None:
    """Return which hooks run after an outcome: none while it goes on or pauses, or when the operator has interrupted it.

    `begun`: whether anything had begun; a refusal before that is no failure.
    """
    if outcome == "ok":
        return "after"
    silent = is_well(outcome) or outcome == "interrupted" or (outcome == "refused" and not begun)
    return None if silent else "failed"
