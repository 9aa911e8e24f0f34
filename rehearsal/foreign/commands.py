"""Run a command of the preparation; what fails is one line, with the end of what it said."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from ..sandbox import Refusal

PATIENCE = 1800.0  # seconds
_SAID = 8  # lines


def run(*command: str | Path, cwd: Path, env: Mapping[str, str] | None = None, what: str = "") -> str:
    """Run a command and return what it printed. `what`: its name for people; raises Refusal where it fails."""
    name = what or " ".join(map(str, command))
    try:
        done = subprocess.run(
            list(map(str, command)),
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Refusal(f"{name}: not within {PATIENCE:.0f} s") from None
    except FileNotFoundError as error:
        raise Refusal(f"{name}: {error.filename} is not installed") from None
    if done.returncode != 0:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()[-_SAID:]
        raise Refusal("\n  | ".join([f"{name} exited {done.returncode}:", *lines]))
    return done.stdout


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder; raises Refusal."""
    person = ("-c", "user.name=The rehearsal", "-c", "user.email=rehearsal@example.com", "-c", "commit.gpgsign=false")
    return run("git", *person, "-C", folder, *arguments, cwd=folder, what=f"git {arguments[0]}").strip()
