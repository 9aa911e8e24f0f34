"""Hooks on the management instance."""

from __future__ import annotations

from collections.abc import Mapping

from botocore.exceptions import BotoCoreError, ClientError

from ..errors import Refused
from ..runtime import failures
from ..runtime.run import Run
from .management import open_management
from .shell import commands
from .ssh import Host


def _management(run: Run) -> Host:
    # As an error of ours: the hooks warn of it or refuse, and it must not hide how the step itself ended.
    try:
        return open_management(run)[1]
    except (BotoCoreError, ClientError) as error:
        raise failures.explain(error, run.command) or Refused(str(error)) from error


def reach(run: Run) -> None:
    """Let the hooks of a run reach the management instance; it is connected to when a hook needs it."""

    def remote(line: str, variables: Mapping[str, str], timeout: float) -> tuple[str, int]:
        host = _management(run)
        with host:
            # Not as a change of ours: a hook that fails before a step has to leave "nothing was changed" true.
            answer = host.read(commands.hook(run.settings.app, line, variables), check=False, timeout=timeout, label=line)
        return answer.stdout + answer.stderr, answer.code

    run.hooks.remote = remote
