"""Hooks in the settings: commands of the operator before and after a step, or around a whole command."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from .kinds import Wrong, describe

# Every step of every command, as `Step.key` names it; a test compares.
STEPS = (
    *("management-instance", "ssh", "git", "migrate", "collectstatic", "restart", "verify"),
    *(
        "restart-all",
        "warm-cdn",
        "image",
        "template-version",
        "rollout",
        "contract",
        "invalidate",
        "stop-the-management-instance",
    ),
    *("abort", "drain", "back-into-traffic", "prune-static", "prune-images"),
    *("maintenance-page-on", "maintenance-page-off"),
)
# Every command that changes something; a test compares.
COMMANDS = (
    *(
        "ship",
        "deploy",
        "restart-all",
        "warm-cdn",
        "bake-ami",
        "rollout",
        "contract",
        "invalidate",
        "rollback",
        "abort",
        "unlock",
        "drain",
    ),
    *("configure-health-check", "prune-static", "prune-images", "maintenance-on", "maintenance-off"),
    *("management-create", "management-start", "management-stop", "run", "manage"),
)
# Where no connection to the management instance can be expected yet, or any more.
AWAY = {"management-instance", "ssh", "stop-the-management-instance"}

Place = Literal["here", "management"]
Failure = Literal["stop", "warn"]
_DEFAULT_TIMEOUT = 300.0  # seconds


@dataclass(frozen=True)
class Hook:
    """One command of the operator.

    `run`: a command line for sh; `where`: on this machine, or on the management instance; `timeout`: seconds; `failure`: what
    follows from a failure; `folder`: where it runs on this machine.
    """

    run: str
    where: Place = "here"
    timeout: float = _DEFAULT_TIMEOUT
    failure: Failure = "stop"
    folder: str = "."


@dataclass(frozen=True)
class HookMap:
    """Hooks by the name of a step or a command; `failure`: the default of what follows from a failure."""

    failure: Failure
    allowed: str = (
        "steps or commands, each with a command line, a section of run, where (here or management), timeout (seconds) and"
        " failure (stop or warn), or a list of these"
    )

    def read(self, value: object) -> dict[str, tuple[Hook, ...]]:
        """Return the hooks by name; raises Wrong."""
        if not isinstance(value, Mapping):
            raise Wrong
        return {self._name(name): tuple(self._hooks(str(name), found)) for name, found in value.items()}

    def of_text(self, text: str) -> object:
        """Return the object of a JSON text, or the text."""
        try:
            return json.loads(text) if text.strip() else {}
        except json.JSONDecodeError:
            return text

    def _name(self, name: object) -> str:
        if name not in STEPS and name not in COMMANDS:
            raise Wrong(f"{name} is neither a step nor a command; there are {', '.join(dict.fromkeys((*STEPS, *COMMANDS)))}")
        return str(name)

    def _hooks(self, name: str, found: object) -> Iterator[Hook]:
        for item in found if isinstance(found, list) else [found]:
            fields = {"run": item} if isinstance(item, str) else item
            if not isinstance(fields, Mapping) or not isinstance(fields.get("run"), str) or not fields["run"].strip():
                raise Wrong(f"{name}: found {describe(item)}, without a command line")
            if unknown := set(fields) - {"run", "where", "timeout", "failure"}:
                raise Wrong(f"{name}: unknown key {', '.join(sorted(map(str, unknown)))}")
            yield self._hook(name, fields)

    def _hook(self, name: str, fields: Mapping[str, object]) -> Hook:
        where, failure = fields.get("where", "here"), fields.get("failure", self.failure)
        timeout = fields.get("timeout", _DEFAULT_TIMEOUT)
        if where not in ("here", "management"):
            raise Wrong(f"{name}: where: found {describe(where)}")
        if failure not in ("stop", "warn"):
            raise Wrong(f"{name}: failure: found {describe(failure)}")
        if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout <= 86400:
            raise Wrong(f"{name}: timeout: found {describe(timeout)}")
        if where == "management" and name in AWAY | (set(COMMANDS) - set(STEPS)):
            raise Wrong(f"{name}: the management instance may not be reachable then; use a step from git to rollout")
        return Hook(str(fields["run"]), where, float(timeout), failure)
