"""Run a command in the environment of a systemd unit's service: no secrets in command lines or logs.

Sources: systemd.exec(5), "Environment", "RuntimeDirectory=", "Environment variables set"; systemctl(1), "show" and
"show-environment".
"""

from __future__ import annotations

import glob
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    State = Callable[[str], "State"]

# The folders that systemd makes for a unit: by property, the variable that names them to the service, and where they lie.
FOLDERS = {
    "RuntimeDirectory": ("RUNTIME_DIRECTORY", "/run"),
    "StateDirectory": ("STATE_DIRECTORY", "/var/lib"),
    "CacheDirectory": ("CACHE_DIRECTORY", "/var/cache"),
    "LogsDirectory": ("LOGS_DIRECTORY", "/var/log"),
    "ConfigurationDirectory": ("CONFIGURATION_DIRECTORY", "/etc"),
}
WANTED = ("LoadState", "Environment", "EnvironmentFiles", "UnsetEnvironment", *FOLDERS)
# What a service has without its unit's doing, or systemctl needs (systemd.exec(5), "Environment variables set").
LOGIN = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "XDG_RUNTIME_DIR")
UNREADABLE = 78  # sysexits.h: EX_CONFIG
ESCAPED = '"\\`$'
BLANKS = " \t\n\r"
LINE_ENDS = "\n\r"
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
    values = own | {name: value for name, value in of_all_units().items() if name not in LOGIN}
    for property, (name, place) in FOLDERS.items():
        if folders := [word for line in shown.get(property, []) for word in words(line)]:
            values[name] = ":".join(f"{place}/{folder}" for folder in folders)
    values.update(assignments(word for line in shown.get("Environment", []) for word in words(line)))
    for line in shown.get("EnvironmentFiles", []):
        path, _, how = line.rpartition(" (ignore_errors=")
        values.update(file_of(path, how.startswith("yes")))
    for word in [word for line in shown.get("UnsetEnvironment", []) for word in words(line)]:
        name, equals, value = word.partition("=")
        if name in values and (not equals or values[name] == value):
            del values[name]
    return values


def of_all_units() -> dict[str, str]:
    """Return what systemd gives every service: of DefaultEnvironment= in system.conf, and of `systemctl set-environment`."""
    asked = subprocess.run(["systemctl", "show-environment"], capture_output=True, text=True, errors="surrogateescape")
    lines = asked.stdout.splitlines() if asked.returncode == 0 else []
    return {name: shell_word(value) for name, value in assignments(lines).items() if NAME.fullmatch(name)}


def shell_word(text: str) -> str:
    """Return a word that is in $'' where a shell would not take it as it is, as `show-environment` prints it."""
    if not (text.startswith("$'") and text.endswith("'")):
        return text
    ends = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
    return re.sub(r"\\(.)", lambda found: ends.get(found[1], found[1]), text[2:-1], flags=re.DOTALL)


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
    return Reader().read(text)


class Reader:
    """A reader of EnvironmentFile=: a method for each state of systemd's own, which takes a letter and returns the next state."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.key = self.value = ""
        self.end = 0  # the length of the value without trailing blanks

    def read(self, text: str) -> dict[str, str]:
        """Return the variables of a text."""
        state: State = self.before
        for char in text + "\n":
            state = state(char)
        if state in (self.single, self.double):
            # The line break is ours: it is not in the file.
            self.value = self.value[:-1]
        if state in (self.single, self.double, self.double_escape):
            self.end = len(self.value)
            self.keep()
        return self.values

    def keep(self) -> None:
        """Note the variable that was read."""
        if NAME.fullmatch(self.key.strip(BLANKS)):
            self.values[self.key.strip(BLANKS)] = self.value[: self.end]

    def add(self, text: str) -> None:
        """Add to the value what counts, blanks too."""
        self.value += text
        self.end = len(self.value)

    def before(self, char: str) -> State:
        """Read what is in front of a name."""
        if char in "#;":
            return self.comment
        if char in BLANKS:
            return self.before
        self.key, self.value, self.end = char, "", 0
        return self.name

    def name(self, char: str) -> State:
        """Read a name."""
        if char in LINE_ENDS:
            return self.before
        if char == "=":
            return self.blank
        self.key += char
        return self.name

    def blank(self, char: str) -> State:
        """Read what is in front of a value, or behind a quoted part."""
        if char == "'":
            return self.single
        if char == '"':
            return self.double
        if char in BLANKS and char not in LINE_ENDS:
            return self.blank
        return self.plain(char)

    def plain(self, char: str) -> State:
        """Read a value outside of quotes."""
        if char in LINE_ENDS:
            self.keep()
            return self.before
        if char == "\\":
            return self.escape
        self.value += char
        if char not in BLANKS:
            self.end = len(self.value)
        return self.plain

    def escape(self, char: str) -> State:
        """Read what follows a backslash; a line break continues the value."""
        if char not in LINE_ENDS:
            self.add(char)
        return self.plain

    def single(self, char: str) -> State:
        """Read a value in single quotes."""
        self.add("" if char == "'" else char)
        return self.blank if char == "'" else self.single

    def double(self, char: str) -> State:
        """Read a value in double quotes."""
        if char == "\\":
            self.add("")
            return self.double_escape
        self.add("" if char == '"' else char)
        return self.blank if char == '"' else self.double

    def double_escape(self, char: str) -> State:
        """Read what follows a backslash in double quotes."""
        if char in ESCAPED:
            self.add(char)
        elif char not in LINE_ENDS:
            self.add("\\" + char)
        else:
            self.add("")
        return self.double

    def comment(self, char: str) -> State:
        """Read a comment."""
        if char in LINE_ENDS:
            return self.before
        return self.comment_escape if char == "\\" else self.comment

    def comment_escape(self, char: str) -> State:
        """Read what follows a backslash in a comment."""
        return self.before if char in LINE_ENDS else self.comment
