"""Clients for AWS: one session, adaptive retries, one endpoint setting."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..settings.model import Aws

AGENT = "ramped"  # in the user agent of every call, so that CloudTrail shows whose it was


class Cloud:
    """The boto3 clients of one run, made when they are first asked for."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._clients: dict[str, Any] = {}
        self._session: Any = None
        self._lock = threading.Lock()

    def client(self, name: str) -> Any:
        """Return the client of a service, such as "ec2".

        Raises botocore's ProfileNotFound where `aws.profile` does not exist.
        """
        with self._lock:
            if name not in self._clients:
                self._clients[name] = self._make(name)
            return self._clients[name]

    def _make(self, name: str) -> Any:
        import boto3
        from botocore.config import Config

        if self._session is None:
            self._session = boto3.Session(profile_name=self._aws.profile, region_name=self._aws.region)
        # Calls are throttled per account and region: adaptive retries slow down together with the others.
        retries: Any = {"mode": "adaptive", "max_attempts": 12}
        config = Config(retries=retries, connect_timeout=10, read_timeout=60, user_agent_extra=AGENT)
        return self._session.client(name, endpoint_url=self._aws.endpoint, config=config)


# How services say that there were too many calls, once botocore has given up trying again.
_THROTTLED = ("Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException", "ThrottledException")


def throttled(error: Exception) -> bool:
    """Tell whether AWS refused a call because there were too many."""
    return error_code(error) in _THROTTLED


def error_code(error: Exception) -> str:
    """Return the code of botocore's ClientError, such as "Throttling", or an empty text."""
    response = getattr(error, "response", {})
    return str(response.get("Error", {}).get("Code", ""))
