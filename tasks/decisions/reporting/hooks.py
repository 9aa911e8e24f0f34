"""What a hook gets: facts of the run as variables of its environment."""

from __future__ import annotations

import re
from collections.abc import Mapping

PREFIX = "RAMPED_"


def variables(command: str, step: str, run: str, line: str, by: str, facts: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables of a hook; `step` is a step, or the command itself."""
    known = {"command": command, "step": step, "run": run, "command_line": line, "operator": by, **facts}
    return {PREFIX + re.sub(r"[^A-Z0-9]", "_", name.upper()): text for name, text in known.items() if "\0" not in text}
