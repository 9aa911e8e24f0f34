"""Find how a unit starts the site's application, and load it in the same way in another process (`application`).

In the environment of the unit's service. Sources: systemctl(1), "show"; the documentation of each server on its command line.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import Any

SERVERS = ("gunicorn", "uvicorn", "daphne", "hypercorn", "granian", "waitress-serve", "uwsgi")
AWAY = ("docker", "podman", "ssh", "chroot")  # what they start has files of its own
ASSIGNED = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*?);?")
TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*(?:\(\))?")
SECONDS = 150.0  # for loading the application and asking for pages


def main(mark: str, unit: str, manage: str, question: dict[str, Any], child: str, facts: str, checker: str) -> None:
    """Print what the child prints, with `known`: whether the unit says how it starts the application.

    `manage`: manage.py, relative to this folder; `child`, `facts`, `checker`: the programs `application`, `databases`, `pages`.
    """
    how = described(unit)
    call = f"{child}\n\nmain({mark!r}, {how!r}, {question!r}, {facts!r}, {checker!r})"
    command = [how["python"], "-c", call] if how["kind"] else [sys.executable, manage, "shell", "-v", "0", "-c", call]
    try:
        done = subprocess.run(
            command, cwd=how["directory"] or None, capture_output=True, text=True, errors="replace", timeout=SECONDS
        )
        printed, why = done.stdout, (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
    except subprocess.TimeoutExpired:
        printed, why = "", f"no answer within {SECONDS:.0f} s"
    except OSError as error:
        printed, why = "", str(error)
    lines = [line for line in printed.split("\n") if line.startswith(mark)]
    answer = json.loads(lines[-1][len(mark) :]) if lines else {"error": why, "faults": {}, "settings": "", "databases": {}}
    print("\n" + mark + json.dumps({**answer, "known": bool(how["kind"])}), flush=True)


def described(unit: str) -> dict[str, Any]:
    """Return how a unit starts the application: `kind` is "" where it does not say."""
    nothing = {"kind": "", "python": sys.executable, "directory": "", "paths": [], "arguments": [], "target": ""}
    try:
        asked = ["systemctl", "show", unit, "--property=ExecStart,WorkingDirectory"]
        shown = subprocess.run(asked, capture_output=True, text=True).stdout
    except FileNotFoundError:
        return nothing
    argv = re.search(r"^ExecStart=.*?argv\[\]=(.*?) ; ", shown, re.M)
    folder = re.search(r"^WorkingDirectory=[!-]*(.*)$", shown, re.M)
    directory = os.path.expanduser(folder[1]) if folder and folder[1] else "/"
    if not argv or not os.path.isdir(directory):
        return nothing
    words = [os.path.expandvars(word).strip("'\"") for word in argv[1].split()]
    found = of_words(words, directory)
    return {**nothing, "directory": directory, **found} if found.get("kind") else nothing


def of_words(words: list[str], directory: str) -> dict[str, Any]:
    """Return what a command line says about the application; what it sets in the environment is set."""
    at = next((number for number, word in enumerate(words) if os.path.basename(word) in SERVERS), None)
    if at is None or any(os.path.basename(word) in AWAY for word in words[:at]):
        return {}
    server, arguments, before = os.path.basename(words[at]), words[at + 1 :], words[:at]
    os.environ.update({found[1]: found[2] for found in map(ASSIGNED.fullmatch, before) if found})
    pythons = [word for word in before if re.match(r"python[\d.]*$", os.path.basename(word))]
    for does, what in zip(before, before[1:], strict=False):
        place = what.rstrip(";&")
        if does == "cd":
            directory = os.path.join(directory, place)
        elif does in ("source", ".") and place.endswith("/activate"):
            pythons.append(os.path.join(directory, os.path.dirname(place), "python"))
    beside = os.path.join(os.path.dirname(words[at]), "python")
    python = beside if "/" in words[at] and os.access(beside, os.X_OK) else pythons[-1] if pythons else sys.executable
    if server == "gunicorn":
        return {"kind": "gunicorn", "python": python, "directory": directory, "paths": [], "arguments": arguments}
    if server == "uwsgi":
        return {"directory": directory, **of_uwsgi(arguments, directory)}
    target = next((word for word in arguments if TARGET.fullmatch(word)), "")
    paths = ["."] + [value for name in ("--app-dir", "--pythonpath") for value in options(arguments, name)]
    return {"kind": "module" if target else "", "python": python, "directory": directory, "paths": paths, "target": target}


def options(arguments: list[str], *names: str) -> list[str]:
    """Return the values of an option."""
    follows = [value for name, value in zip(arguments, arguments[1:], strict=False) if name in names]
    return follows + [word.partition("=")[2] for word in arguments if word.partition("=")[0] in names and "=" in word]


def of_uwsgi(arguments: list[str], directory: str) -> dict[str, Any]:
    """Return what uWSGI's options and its ini file say about the application."""
    files = options(arguments, "--ini") + [word for word in arguments if word.endswith(".ini")]
    pairs: list[tuple[str, str]] = []
    for name in dict.fromkeys(name for name in files if os.path.isfile(os.path.join(directory, name))):
        with open(os.path.join(directory, name), encoding="utf-8") as file:
            pairs += [(key.strip(), value.strip()) for key, equals, value in (line.partition("=") for line in file) if equals]

    def values(*names: str) -> list[str]:
        return options(arguments, *(f"--{name}" for name in names)) + [value for key, value in pairs if key in names]

    modules, scripts = values("module", "wsgi", "w") + options(arguments, "-w"), values("wsgi-file", "file")
    homes = values("virtualenv", "home", "venv", "pyhome") + options(arguments, "-H")
    for variable in values("env"):
        name, _, value = variable.partition("=")
        os.environ[name] = value
    found = [*modules, *scripts]
    if not found or any("%" in text for text in [*found, *homes, *values("chdir", "pythonpath")]):
        return {}  # placeholders are uWSGI's own
    place = os.path.join(directory, values("chdir")[0]) if values("chdir") else directory
    python = os.path.join(directory, homes[0], "bin", "python") if homes else sys.executable
    kind = "module" if modules else "file"
    return {"kind": kind, "python": python, "directory": place, "paths": [".", *values("pythonpath", "pp")], "target": found[0]}
