"""The errors for the operator, each one line: what is wrong, where, what to do.

DeployError (exit 1)
├── SettingsError (exit 2)      the settings or the command line are wrong; nothing was changed
├── Refused (exit 1)            a check refused to begin; the guard adds the changes so far
├── TimedOut (exit 1)           a timeout expired; has the last state
├── RemoteFailed (exit 1)       a command on a host failed
├── HostUnreachable (exit 1)    SSH could not connect, or the host key is not trusted
├── CloudError (exit 1)         AWS refused a call
├── Cancelled (exit 1)          a thread of a cancelled run
├── RolledBack (exit 1)         the new version failed or was turned back; the old version serves everywhere
└── Resumable (exit 3)          stopped half-way; names the command that continues
    └── Paused (exit 3)         at a canary or a checkpoint, as the settings want it
"""

from invoke.exceptions import Exit


class DeployError(Exit):
    """Stop a task with one line and an exit code, without a traceback."""

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(message, self.exit_code)

    def __str__(self) -> str:
        return self.message or ""


class SettingsError(DeployError):
    """The settings or the command line are wrong."""

    exit_code = 2


class Refused(DeployError):
    """A check refused to begin; `Guard` adds the changes so far."""


class TimedOut(DeployError):
    """A wait exceeded its timeout; has the last state."""

    def __init__(self, what: str, seconds: float, seen: str) -> None:
        super().__init__(f"{what}: not within {seconds:.0f} s; last seen: {seen}")


class RemoteFailed(DeployError):
    """A command on a host failed; has the end of its output."""

    def __init__(self, host: str, command: str, code: int, tail: str) -> None:
        said = tail.strip().replace("\n", "\n   | ") or "it printed nothing"
        super().__init__(f"{host}: `{command}` exited {code}: {said}")


class HostUnreachable(DeployError):
    """A host cannot be reached, or not be trusted."""


class CloudError(DeployError):
    """AWS refused a call."""


class RolledBack(DeployError):
    """A version was rolled back; the old version serves everywhere."""


class Cancelled(DeployError):
    """A wait was cancelled with the whole run; raised in one of several threads."""


class Resumable(DeployError):
    """A command stopped half-way; names the command that continues."""

    exit_code = 3

    def __init__(self, what: str, resume: str) -> None:
        super().__init__(f"{what}\nStopped half-way. To go on: {resume}")
        self.resume = resume


class Paused(Resumable):
    """A rollout pauses at a canary or a checkpoint; names the command that continues."""
