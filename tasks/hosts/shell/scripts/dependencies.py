"""Print by what a checkout is installed and built, and one hash of the files on which this depends."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys

LOCKS = {"uv.lock": "uv", "poetry.lock": "poetry", "pdm.lock": "pdm", "Pipfile.lock": "pipenv"}
DESCRIBED = ("pyproject.toml", "Pipfile", "setup.py", "setup.cfg")
NAMED = re.compile(r"^\s*(?:-r|-c|--requirement|--constraint)[ =]?\s*(\"[^\"]+\"|'[^']+'|[^\s#]+)", re.M)
# A project or an archive in the checkout: ".", "-e ./lib[extra]", "../wheels/x.whl".
LOCAL = re.compile(r"^\s*(?:(?:-e|--editable)[ =]?\s*)?[\"']?(\.{1,2}(?:/[^\s;#\[\"']*)?)(?=[\s;#\[\"']|$)", re.M)


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
    """Return the hash; files named by -r and -c count too, relative to the file that names them; URLs are not followed.

    So do archives and what describes projects in the checkout: relative to it. What cannot be read is pip's to say.
    """
    sums, seen, left = hashlib.sha256("\0".join([sys.version, *commands]).encode()), set(), list(names)
    while left:
        path = os.path.normpath(left.pop(0))
        if path in seen:
            continue
        seen.add(path)
        try:
            with open(os.path.join(folder, path), "rb") as file:
                content = file.read()
        except OSError:
            content = b""
        sums.update(path.encode() + b"\0" + content + b"\0")
        if not path.endswith((".lock", ".toml", ".py", ".cfg", "Pipfile", ".whl", ".gz", ".zip")):
            # As pip, which knows UTF-16 by its first bytes: PowerShell writes it.
            text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8", errors="replace")
            named = (name.strip("\"'") for name in NAMED.findall(text))
            left += [os.path.join(os.path.dirname(path), name) for name in named if "://" not in name]
            for name in LOCAL.findall(text):
                inside = os.path.isdir(os.path.join(folder, name))
                left += [os.path.join(name, one) for one in DESCRIBED] if inside else [name]
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
