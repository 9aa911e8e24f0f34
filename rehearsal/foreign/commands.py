"""Run a command of the preparation; what fails is one line, with the end of what it said."""

import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ..sandbox import Refusal

PATIENCE = 1800.0  # seconds
_SAID = 8  # lines
_OF_THE_USER = {"GIT_SSL_CAINFO", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"}


def run(*command: str | Path, cwd: Path, env: Mapping[str, str] | None = None, what: str = "") -> str:
    """Run a command and return what it printed. `what`: its name for people; raises Refusal where it fails."""
    name = what or " ".join(map(str, command))
    try:
        code, out, err = _communicate(list(map(str, command)), cwd, elsewhere(os.environ if env is None else env))
    except subprocess.TimeoutExpired:
        raise Refusal(f"{name}: not within {PATIENCE:.0f} s") from None
    except FileNotFoundError as error:
        raise Refusal(f"{name}: {error.filename} is not installed") from None
    if code != 0:
        lines = (err.strip() or out.strip()).splitlines()[-_SAID:]
        raise Refusal("\n  | ".join([f"{name} exited {code}:", *lines]))
    return out


def elsewhere(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without git's own variables: those of a hook that runs us name the user's repository."""
    return {name: value for name, value in environment.items() if not name.startswith("GIT_") or name in _OF_THE_USER}


def _communicate(command: list[str], cwd: Path, env: Mapping[str, str]) -> tuple[int, str, str]:
    """Run a command with its own session, which ends with all that it has started, whatever ends us."""
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=PATIENCE)
    except BaseException:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    return process.returncode, out, err


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder; raises Refusal."""
    person = ("-c", "user.name=The rehearsal", "-c", "user.email=rehearsal@example.com", "-c", "commit.gpgsign=false")
    # No hooks of the user's, and no lock or refreshed index in a repository that is only read.
    quiet = ("--no-optional-locks", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false")
    return run("git", *quiet, *person, "-C", folder, *arguments, cwd=folder, what=f"git {arguments[0]}").strip()
