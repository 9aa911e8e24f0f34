"""Print by what a checkout is installed and built, and one hash of the files on which this depends."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys

LOCKS = {"uv.lock": "uv", "poetry.lock": "poetry", "pdm.lock": "pdm", "Pipfile.lock": "pipenv"}
DESCRIBED = ("pyproject.toml", "Pipfile", "setup.py", "setup.cfg")
NAMED = re.compile(r"^\s*(?:-r|-c|--requirement|--constraint)[ =]?\s*([^\s#]+)", re.M)


def main(names: list[str], commands: list[str]) -> None:
    """Print one line of JSON. `names`: requirements files; `commands`: those of the project's own installation, or none."""
    print(json.dumps(known(names, commands)))


def known(names: list[str], commands: list[str], folder: str = ".") -> dict[str, object]:
    """Return the tool that installs a checkout, what of the requirements is missing, the hash, and whether npm builds it."""
    locks = [name for name in LOCKS if os.path.isfile(os.path.join(folder, name))]
    missing = [name for name in names if not os.path.isfile(os.path.join(folder, name))]
    described = [name for name in (*locks, *DESCRIBED) if os.path.isfile(os.path.join(folder, name))]
    if commands:
        tool, files = "", [*(name for name in names if name not in missing), *described]
    elif names and missing and locks:
        tool, files = LOCKS[locks[0]], described
    else:
        tool, files = "pip" if names else "", [name for name in names if name not in missing]
    return {
        "tool": tool,
        "missing": missing if tool == "pip" else [],
        "digest": digest(files, commands, folder),
        "npm": npm(folder),
    }


def digest(names: list[str], commands: list[str], folder: str) -> str:
    """Return the hash; files named by -r and -c count too, relative to the file that names them; URLs are not followed."""
    sums, seen, left = hashlib.sha256("\0".join([sys.version, *commands]).encode()), set(), list(names)
    while left:
        path = os.path.normpath(left.pop(0))
        if path in seen:
            continue
        seen.add(path)
        with open(os.path.join(folder, path), "rb") as file:
            text = file.read()
        sums.update(path.encode() + b"\0" + text + b"\0")
        if not path.endswith((".lock", ".toml", ".py", ".cfg", "Pipfile")):
            left += [os.path.join(os.path.dirname(path), name) for name in NAMED.findall(text.decode()) if "://" not in name]
    return sums.hexdigest()


def npm(folder: str) -> bool:
    """Return whether npm has a lock file there, and a script to build."""
    try:
        with open(os.path.join(folder, "package.json"), encoding="utf-8") as file:
            scripts = json.load(file).get("scripts", {})
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (ValueError, AttributeError):
        return True  # npm says what is wrong with it
    return os.path.isfile(os.path.join(folder, "package-lock.json")) and "build" in scripts
