"""SSH without an inbound port: through AWS Systems Manager, by the AWS CLI and its Session Manager plugin.

Source: Systems Manager user guide, "Allow and control permissions for SSH connections through Session Manager".
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Mapping

from ..errors import SettingsError
from ..runtime.cloud import Cloud
from ..runtime.text import gist
from ..settings.model import Aws

_PROGRAMS = {"aws": "the AWS CLI, version 2", "session-manager-plugin": "the Session Manager plugin of the AWS CLI"}
_PATIENCE = 10  # seconds for the program to end after SIGTERM


class Session:
    """A tunnel to the SSH port of an instance: a child process with a socket as standard input and output."""

    def __init__(self, instance_id: str, port: int, aws: Aws, credentials: Mapping[str, str]) -> None:
        """Start it; errors show only in the SSH connection. Raises SettingsError where a program is missing.

        `credentials`: of this run, as variables of the AWS CLI: on its own the CLI would ask for another MFA code.
        """
        for program, what in _PROGRAMS.items():
            if shutil.which(program) is None:
                raise SettingsError(f"ssh.gateway: ssm needs the program {program} here, which is {what}: install it")
        # Each end of a socket pair sees at once when the other is closed.
        self.socket, theirs = socket.socketpair()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  (it lives as long as the session)
        try:
            self._process = subprocess.Popen(
                _command(instance_id, port, aws),
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=self._errors,
                env={**_environment(), **credentials},
            )
        finally:
            theirs.close()

    def close(self) -> None:
        """End it; may be called again."""
        self.socket.close()
        self._process.terminate()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    def complaint(self) -> str:
        """Return the end of the program's error output."""
        self._errors.seek(0)
        return gist(self._errors.read().decode(errors="replace"))


def credentials(cloud: Cloud) -> dict[str, str]:
    """Return the credentials of a run as the variables of the AWS CLI; none where the run has none."""
    found = cloud.session.get_credentials()
    if found is None:
        return {}
    frozen = found.get_frozen_credentials()
    values = {
        "AWS_ACCESS_KEY_ID": frozen.access_key,
        "AWS_SECRET_ACCESS_KEY": frozen.secret_key,
        "AWS_SESSION_TOKEN": frozen.token,
    }
    return {name: value for name, value in values.items() if value}


def _environment() -> dict[str, str]:
    """Return our environment without variables that select other credentials."""
    own = {"AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}
    return {name: value for name, value in os.environ.items() if name not in own}


def _command(instance_id: str, port: int, aws: Aws) -> list[str]:
    places = ["--region", aws.region]
    places += ["--endpoint-url", aws.endpoint] if aws.endpoint else []
    what = ["--document-name", "AWS-StartSSHSession", "--parameters", f"portNumber={port}"]
    return ["aws", "ssm", "start-session", "--target", instance_id, *what, *places]
