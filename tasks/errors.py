"""Every error that an operator can meet, each one line: what is wrong, where, what to do.

DeployError (exit 1)
├── SettingsError (exit 2)      the settings or the command line are wrong; nothing was changed
├── Refused (exit 1)            a check refused to begin; what was changed by then, the guard adds
├── TimedOut (exit 1)           a deadline passed; says what was seen last
├── RemoteFailed (exit 1)       a command on a host failed
├── HostUnreachable (exit 1)    SSH could not connect, or the host is not who it should be
├── CloudError (exit 1)         AWS refused a call
├── Cancelled (exit 1)          a thread of a run that was stopped
├── RolledBack (exit 1)         the new version failed or was turned back; the old version serves everywhere
└── Resumable (exit 3)          stopped half-way; names the command that goes on
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
    """Say what is wrong with the settings or the usage."""

    exit_code = 2


class Refused(DeployError):
    """Say why a command will not begin; `Guard` adds what was changed by then."""


class TimedOut(DeployError):
    """Say what was waited for, how long, and what was seen last."""

    def __init__(self, what: str, seconds: float, seen: str) -> None:
        super().__init__(f"{what}: not within {seconds:.0f} s; last seen: {seen}")


class RemoteFailed(DeployError):
    """Say which command failed on which host, and the end of what it printed."""

    def __init__(self, host: str, command: str, code: int, tail: str) -> None:
        said = tail.strip().replace("\n", "\n   | ") or "it printed nothing"
        super().__init__(f"{host}: `{command}` exited {code}: {said}")


class HostUnreachable(DeployError):
    """Say which host cannot be reached, or trusted, and what to do."""


class CloudError(DeployError):
    """Say which AWS call was refused, and why."""


class RolledBack(DeployError):
    """Say which version was rolled back, and why; everything serves as before."""


class Cancelled(DeployError):
    """Say that a wait was cancelled because the whole run was; one thread of several raises it."""


class Resumable(DeployError):
    """Say what stopped half-way and the command that goes on."""

    exit_code = 3

    def __init__(self, what: str, resume: str) -> None:
        super().__init__(f"{what}\nStopped half-way. To go on: {resume}")
        self.resume = resume
