"""AWS clients: one boto3 session a run, adaptive retries, one endpoint setting."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from .changes import Changes
from .throttling import READING, THROTTLED, retry

if TYPE_CHECKING:
    from ..settings.model import Aws

AGENT = "ramped"  # in the user agent of every call, for CloudTrail
# The lock is an SSM parameter: taking and releasing it changes nothing of the site.
_LOCKING = "ssm"
_CACHE = Path("~/.aws/cli/cache")  # of the AWS CLI, where it keeps the credentials of roles


class Cloud:
    """The boto3 clients of one run, each created at first use.

    One session means one set of credentials: one MFA prompt, one AssumeRole.
    `changes` records every call that may change something; `session`: a boto3 session to use instead of a new session.
    """

    def __init__(self, aws: Aws, changes: Changes | None = None, session: Any = None) -> None:
        self._aws = aws
        self._changes = changes or Changes()
        self._clients: dict[str, Any] = {}
        self._session = session
        self._lock = threading.Lock()
        self.calls: Counter[str] = Counter()  # made so far, by service and action
        self._seen: dict[Any, tuple[Any, Any]] | None = None  # answers of the look under way, by request

    @property
    def spare(self) -> frozenset[str]:
        """The names of the target groups whose health does not count (aws.spare_target_groups)."""
        return frozenset(self._aws.spare_target_groups)

    @property
    def session(self) -> Any:
        """The boto3 session, created at first use.

        Raises botocore's ProfileNotFound where `aws.profile` does not exist.
        """
        if self._session is None:
            self._session = _session(self._aws)
        return self._session

    def client(self, name: str, *, quick: bool = False) -> Any:
        """Return the client of a service, such as "ec2".

        `quick`: fail within seconds and without retries, for what can be left out.
        """
        with self._lock:
            key = f"{name}, quick" if quick else name
            if key not in self._clients:
                self._clients[key] = self._make(name, quick)
            return self._clients[key]

    @contextmanager
    def one_look(self) -> Iterator[None]:
        """Ask AWS each question once: a reading call that is repeated within gets the answer that the first one got."""
        before, self._seen = self._seen, {} if self._seen is None else self._seen
        try:
            yield
        finally:
            self._seen = before

    def look_again(self) -> None:
        """Forget the answers so far: what follows must know how it is now."""
        if self._seen is not None:
            self._seen = {}

    def _make(self, name: str, quick: bool) -> Any:
        from botocore.config import Config

        # Calls are throttled per account and region: adaptive retries slow down together with the others.
        retries: Any = {"mode": "adaptive", "max_attempts": 12}
        config = Config(retries=retries, connect_timeout=10, read_timeout=60, user_agent_extra=AGENT)
        if quick:
            config = config.merge(Config(retries={"total_max_attempts": 1}, connect_timeout=3, read_timeout=5))
        client = self.session.client(name, endpoint_url=self._aws.endpoint, config=config)
        if not quick:
            # Before botocore's own, which is registered by service too: the first answer counts.
            client.meta.events.register_first(f"needs-retry.{client.meta.service_model.service_id.hyphenize()}", retry)
        for event, handler in (("before-call", self._begin), ("after-call", self._end), ("after-call-error", self._broke)):
            client.meta.events.register(event, handler)
        return client

    def _begin(self, model: Any, params: Any, context: Any, **_: Any) -> tuple[Any, Any] | None:
        key = _question(model, params)
        if self._seen is not None and key is not None:
            # botocore takes what a handler returns for the answer, and asks nothing.
            if key in self._seen:
                http, parsed = self._seen[key]
                return http, dict(parsed)
            context["ramped_question"] = key
        self.calls[f"{model.service_model.service_name} {model.name}"] += 1
        if writes(model, params.get("body")):
            context["ramped_writes"] = True
            self._changes.begin()
        return None

    def _end(self, http_response: Any, parsed: Any, context: Any, **_: Any) -> None:
        key = context.get("ramped_question")
        # A refusal is an answer too, such as that of a dry run; throttling and errors of a server are none.
        if self._seen is not None and key is not None and _is_answer(http_response, parsed):
            self._seen[key] = (http_response, parsed)
        if context.get("ramped_writes"):
            # What AWS rejects changes nothing; a server error may have changed something.
            self._changes.settle(not 400 <= http_response.status_code < 500)

    def _broke(self, exception: Exception, context: Any, **_: Any) -> None:
        if context.get("ramped_writes"):
            self._changes.settle(type(exception).__name__ not in _NEVER_SENT)


def _no_prompt(asked: str) -> NoReturn:
    """Refuse to ask for an MFA code where nobody could type it."""
    from botocore.exceptions import CredentialRetrievalError

    raise CredentialRetrievalError(provider="assume-role", error_msg=f"no terminal to ask for: {asked.strip()}")


def _session(aws: Aws) -> Any:
    import boto3
    import botocore.session
    from botocore.credentials import JSONFileCache
    from botocore.utils import parse_timestamp

    core = botocore.session.Session()
    if aws.profile is not None:
        core.set_config_variable("profile", aws.profile)
    made = boto3.Session(botocore_session=core, region_name=aws.region, profile_name=aws.profile)
    if not sys.stdin or not sys.stdin.isatty():
        core.get_component("credential_provider").get_provider("assume-role")._prompter = _no_prompt
    # As the AWS CLI does: the credentials of a role last for an hour, and its MFA code is not asked for again until then.
    try:
        cache = str(_CACHE.expanduser())
    except RuntimeError:  # no home
        return made

    class Forgiving(JSONFileCache):  # type: ignore[misc]
        """A cache that is never in the way: what cannot be read is not there, what cannot be written is not kept."""

        def __contains__(self, key: str) -> bool:
            try:
                return bool(parse_timestamp(self[key]["Credentials"]["Expiration"]))
            except (KeyError, TypeError, ValueError, OSError):
                return False

        def __setitem__(self, key: str, value: object) -> None:
            with suppress(OSError):
                super().__setitem__(key, value)

    core.get_component("credential_provider").get_provider("assume-role").cache = Forgiving(cache)
    return made


# Errors of botocore before a request has reached AWS.
_NEVER_SENT = {"ConnectTimeoutError", "CredentialRetrievalError", "EndpointConnectionError", "NoCredentialsError", "SSLError"}


def writes(model: Any, body: object) -> bool:
    """Return whether a call may change something; a DryRun does not.

    `model`: botocore's OperationModel; `body`: the request's, as botocore serialized it.
    """
    dry = isinstance(body, dict) and str(body.get("DryRun", "")).lower() == "true"
    return not dry and model.service_model.service_name != _LOCKING and not model.name.startswith(READING)


def _question(model: Any, params: Any) -> Any:
    """Return what identifies a call that only reads, or None for any other."""
    dry = isinstance(params.get("body"), dict) and str(params["body"].get("DryRun", "")).lower() == "true"
    if not dry and not model.name.startswith(READING):
        return None
    body, query = params.get("body"), params.get("query_string")
    if isinstance(body, dict):
        # botocore makes a new token for each call, which a dry run does not use.
        body = {name: value for name, value in body.items() if name != "ClientToken"}
    return model.service_model.service_name, model.name, params.get("url_path"), repr(query), repr(body)


def _is_answer(http_response: Any, parsed: Any) -> bool:
    return http_response.status_code < 500 and parsed.get("Error", {}).get("Code") not in THROTTLED


def throttled(error: Exception) -> bool:
    """Return whether AWS throttled a call."""
    return error_code(error) in THROTTLED


def error_code(error: Exception) -> str:
    """Return the code of botocore's ClientError, such as "Throttling", or an empty text."""
    response = getattr(error, "response", {})
    return str(response.get("Error", {}).get("Code", ""))
