"""Run a command in the environment of a systemd unit's service: no secrets in command lines or logs.

Source: systemd.exec(5), "Environment"; systemctl(1), "show".
"""

from __future__ import annotations

import glob
import os
import re
import subprocess
import sys

WANTED = ("LoadState", "Environment", "EnvironmentFiles", "UnsetEnvironment")
# What a service has without its unit's doing, or systemctl needs (systemd.exec(5), "Environment variables set").
LOGIN = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "XDG_RUNTIME_DIR")
UNREADABLE = 78  # sysexits.h: EX_CONFIG
ESCAPED = '"\\`$'
BLANKS = " \t\n\r"
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def main(unit: str, more: str, kind: str) -> None:
    """Become the command in the arguments; an environment that cannot be read is an error.

    `more`: another environment file, read last, relative to the home, or ""; `kind`: `python`, run by this Python; `shell`, run
    by a shell with the virtual environment; `service`, as python, without what only a login has.
    """
    own = {name: value for name, value in os.environ.items() if kind != "service" or name in LOGIN}
    reader = unit
    try:
        environment = environment_of(unit, own)
        if more:
            reader = "app.environment_file"
            environment.update(file_of(glob.escape(os.path.join(os.path.expanduser("~"), more)), False))
    except OSError as error:
        print(
            f"{reader} reads its environment from {error.filename}, which the user here cannot: {error.strerror}. "
            f"Make it readable to the user who deploys (chgrp, chmod g+r)",
            file=sys.stderr,
        )
        sys.exit(UNREADABLE)
    if kind == "shell":
        os.execve(
            "/bin/sh", ["sh", "-c", *sys.argv[1:]], environment | activated(sys.prefix, environment.get("PATH", os.defpath))
        )
    os.execve(sys.executable, [sys.executable, *sys.argv[1:]], environment)


def activated(folder: str, path: str) -> dict[str, str]:
    """Return what the environment of a project's own commands has for the virtual environment in a folder."""
    places = [os.path.join(folder, "bin"), path, os.path.expanduser("~/.local/bin"), "/usr/local/bin"]
    return {"VIRTUAL_ENV": folder, "UV_PROJECT_ENVIRONMENT": folder, "PATH": os.pathsep.join(places)}


def environment_of(unit: str, own: dict[str, str]) -> dict[str, str]:
    """Return an environment with the variables that a unit sets and without those it unsets; raises OSError for its files."""
    asked = ["systemctl", "show", unit, f"--property={','.join(WANTED)}"]
    try:
        shown = properties(subprocess.run(asked, capture_output=True, text=True, errors="surrogateescape").stdout)
    except FileNotFoundError:
        return own  # a machine without systemd has no units
    if shown.get("LoadState") != ["loaded"]:
        return own
    values = dict(own)
    values.update(assignments(word for line in shown.get("Environment", []) for word in words(line)))
    for line in shown.get("EnvironmentFiles", []):
        path, _, how = line.rpartition(" (ignore_errors=")
        values.update(file_of(path, how.startswith("yes")))
    for word in [word for line in shown.get("UnsetEnvironment", []) for word in words(line)]:
        name, equals, value = word.partition("=")
        if name in values and (not equals or values[name] == value):
            del values[name]
    return values


def properties(printed: str) -> dict[str, list[str]]:
    """Return the values of each property: some occupy several lines, and a value may contain line breaks."""
    found: dict[str, list[str]] = {}
    last: list[str] | None = None
    for line in printed.split("\n"):
        name, equals, value = line.partition("=")
        if equals and name in WANTED:
            last = found.setdefault(name, [])
            last.append(value)
        elif last:
            last[-1] += "\n" + line
    return {name: [value.rstrip("\n") for value in values if value.strip()] for name, values in found.items()}


def words(text: str) -> list[str]:
    """Split a list as printed by systemctl: words with blanks are in double quotes, with backslashes before quotes."""
    found, word, quoted, begun, escaped = [], "", False, False, False
    for char in text:
        if escaped:
            word, escaped = word + ("" if char in ESCAPED else "\\") + char, False
        elif char == "\\" and quoted:
            escaped = True
        elif char == '"':
            quoted, begun = not quoted, True
        elif char in " \t\n" and not quoted:
            if word or begun:
                found.append(word)
            word, begun = "", False
        else:
            word += char
    return [*found, word] if word or begun else found


def assignments(pairs: object) -> dict[str, str]:
    """Return the variables of a list of NAME=VALUE."""
    cut = [pair.partition("=") for pair in pairs]  # type: ignore[attr-defined]
    return {name: value for name, equals, value in cut if equals and name}


def file_of(pattern: str, optional: bool) -> dict[str, str]:
    """Return the variables of an environment file, or of all that match a pattern.

    `optional`: it may be missing; an unreadable file is still an error, since systemd reads it as root.
    """
    values: dict[str, str] = {}
    for path in sorted(glob.glob(pattern)) or [pattern]:
        try:
            with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
                values.update(parse(file.read()))
        except FileNotFoundError:
            if not optional:
                raise
    return values


def parse(text: str) -> dict[str, str]:
    """Return the variables of a file in the syntax of EnvironmentFile=, letter by letter as systemd reads it."""
    values: dict[str, str] = {}
    state, key, value, end = "before", "", "", 0  # `end`: the length of the value without trailing blanks

    def keep() -> None:
        if NAME.fullmatch(key.strip(BLANKS)):
            values[key.strip(BLANKS)] = value[:end]

    for char in text + "\n":
        line_ends = char in "\n\r"
        if state == "before":
            if char in "#;":
                state = "comment"
            elif char not in BLANKS:
                state, key, value, end = "key", char, "", 0
        elif state == "key":
            if line_ends:
                state = "before"
            elif char == "=":
                state = "blank"
            else:
                key += char
        elif state in ("blank", "value"):
            if line_ends:
                keep()
                state = "before"
            elif char == "\\":
                state = "escape"
            elif state == "blank" and char in "'\"":
                state = "single" if char == "'" else "double"
            elif state == "value" or char not in BLANKS:
                state, value = "value", value + char
                end = end if char in BLANKS else len(value)
        elif state == "escape":
            state = "value"
            if not line_ends:
                value += char
                end = len(value)
        elif state == "single":
            if char == "'":
                state = "blank"
            else:
                value += char
            end = len(value)
        elif state == "double":
            if char == '"':
                state = "blank"
            elif char == "\\":
                state = "double escape"
            else:
                value += char
            end = len(value)
        elif state == "double escape":
            state = "double"
            if char in ESCAPED:
                value += char
            elif not line_ends:
                value += "\\" + char
            end = len(value)
        elif state == "comment":
            state = "before" if line_ends else "comment escape" if char == "\\" else "comment"
        elif state == "comment escape":
            state = "before" if line_ends else "comment"
    if state in ("single", "double", "double escape"):
        value, end = value[:-1] if state != "double escape" else value, len(value)
        keep()
    return values
