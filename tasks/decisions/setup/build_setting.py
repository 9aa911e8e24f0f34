"""What becomes of app.build in fabric.yaml: commands that a project's own files name are never added to it unseen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .build_steps import Steps
from .host_files import value_in


@dataclass(frozen=True)
class BuildSetting:
    """The value that `init` has for app.build, None for the example's, and what is said of it, or ""."""

    commands: Sequence[str] | None
    says: str = ""


def build_setting(steps: Steps, current: str | None, base: str | None) -> BuildSetting:
    """Decide whether commands that were found become app.build: in a new fabric.yaml, or in place of what `init` wrote there.

    Args: current: the text of fabric.yaml, None where there is none. base: what `init` wrote into it last, None where it never
    did.
    """
    now, was = _value(current), _value(base)
    if current is None:
        return BuildSetting(steps.commands or None, _taken(steps) if steps.commands and base is None else "")
    if now and now == was:
        # The operator left it to `init`.
        if not steps.commands:
            return BuildSetting(None, f"fabric.yaml: app.build: no file of the project has these any more: {'; '.join(now)}")
        return BuildSetting(steps.commands, _taken(steps) if current == base or now != [*steps.commands] else "")
    lacking = [] if now == [] else [command for command in steps.commands if command not in (now or ())]
    # With the value of the last time the merge leaves alone what stands there.
    return BuildSetting(was, _left(steps, lacking, bool(now)) if lacking else "")


def _value(text: str | None) -> list[str] | None:
    """Return app.build of a fabric.yaml; None where it is null or cannot be read."""
    value = value_in(text, "app", "build")
    return value if isinstance(value, list) and all(isinstance(command, str) for command in value) else None


def _taken(steps: Steps) -> str:
    return f"fabric.yaml: app.build: taken from {' and '.join(steps.found)}: {'; '.join(steps.commands)}: read it"


def _left(steps: Steps, lacking: Sequence[str], has_some: bool) -> str:
    add = f"{' and '.join(steps.found)} would add: {'; '.join(lacking)}"
    return f"fabric.yaml: app.build is left as it is; {add}: add what the site needs{'' if has_some else ', or set []'}"
