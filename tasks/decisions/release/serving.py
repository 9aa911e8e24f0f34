"""How the serving application is set, as the script `serving` has found it, and whether manage.py is set alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .answers import json_object

MARK = "ramped-serving:"


@dataclass(frozen=True)
class Serving:
    """The application of a unit, loaded beside it; or what manage.py has."""

    known: bool  # whether the unit says how it starts the application; otherwise it was loaded as manage.py does
    error: str  # why it could not be loaded
    settings: str  # the module
    databases: Mapping[str, str]  # by alias, without users and passwords
    faults: Mapping[str, str]  # of pages, by path


def read_serving(printed: str) -> Serving | None:
    """Return the answer of the scripts `serving` and `databases` from everything that was printed; None without one."""
    lines = [line for line in printed.split("\n") if line.startswith(MARK)]
    answer = json_object(lines[-1].removeprefix(MARK)) if lines else None
    if answer is None:
        return None
    texts = [answer.get(name, {}) for name in ("databases", "faults")]
    if not all(isinstance(text, dict) for text in texts):
        return None
    databases, faults = ({str(key): str(value) for key, value in text.items()} for text in texts)
    known, error = answer.get("known", True) is True, str(answer.get("error", ""))
    return Serving(known, error, str(answer.get("settings", "")), databases, faults)


def differences(own: Serving, serving: Serving) -> list[str]:
    """Return where manage.py (`own`) and the serving application are set differently."""
    if serving.error or not serving.known:
        return []
    found = []
    if own.settings != serving.settings:
        found.append(f"settings module: manage.py has {own.settings}, the service {serving.settings}")
    for alias in sorted({*own.databases, *serving.databases}):
        here, there = own.databases.get(alias, "none"), serving.databases.get(alias, "none")
        if here != there:
            found.append(f"database {alias}: manage.py has {here}, the service {there}")
    return found
