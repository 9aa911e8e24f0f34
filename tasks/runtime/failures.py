"""Explain errors of AWS, SSH and the network in one line: the request, the answer, what to do."""

from __future__ import annotations

import errno
import socket
import sys
from types import ModuleType
from typing import Any

from ..errors import CloudError, DeployError, HostUnreachable, RemoteFailed, SettingsError
from .throttling import THROTTLED

_CREDENTIALS = {
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
    "UnrecognizedClientException",
}
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "UnauthorizedAccess"}
_NETWORK = {errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENETUNREACH}


def explain(error: BaseException, again: str) -> DeployError | None:
    """Translate an error of a library.

    `again`: the command that does the same again. Returns None for other errors, which are bugs of ours.
    """
    for module, translate in (("botocore.exceptions", _botocore), ("paramiko", _ssh), ("invoke.exceptions", _command)):
        # A library that was never imported cannot have raised; importing it here would cost time.
        library = sys.modules.get(module)
        explained = translate(error, library, again) if library is not None else None
        if explained is not None:
            return explained
    return _system(error, again) if isinstance(error, OSError) else None


def _botocore(error: BaseException, library: ModuleType, again: str) -> DeployError | None:
    if isinstance(error, library.ClientError):
        return _refused(error, again)
    if isinstance(error, library.ProfileNotFound):
        return SettingsError(f"aws.profile: {error}; allowed: a profile of ~/.aws/config, or null")
    if isinstance(
        error,
        library.NoCredentialsError
        | library.PartialCredentialsError
        | library.CredentialRetrievalError
        | library.TokenRetrievalError
        | library.SSOError,
    ):
        return CloudError(f"AWS credentials: {error}. Renew them (aws.profile says which), then run the same again: {again}")
    if isinstance(error, library.HTTPClientError | library.ConnectionError):
        return CloudError(f"AWS cannot be reached: {error}. Check the network, aws.region and aws.endpoint; then: {again}")
    if isinstance(error, library.BotoCoreError):
        return CloudError(f"AWS{_service(error)}: {error}")
    return None


def _refused(error: Any, again: str) -> CloudError:
    answer = error.response.get("Error", {})
    code = str(answer.get("Code", "unknown"))
    message = str(answer.get("Message", "")).split(" Encoded authorization failure message")[0].strip().rstrip(".")
    advice = ""
    if code in _CREDENTIALS:
        advice = f" Renew the credentials, then run the same again: {again}"
    elif code in _DENIED:
        advice = " Allow the action in the operator's IAM policy (settings_snippets/aws), then run the same again."
    elif code in THROTTLED:
        advice = f" AWS throttles calls: wait a minute, then run the same again: {again}"
    return CloudError(f"AWS{_service(error)} {error.operation_name}: {code}: {message or 'no reason given'}.{advice}")


def _service(error: BaseException) -> str:
    # botocore names the action but not the service; the client is found in the frame that made the call.
    trace = error.__traceback__
    while trace is not None:
        client: Any = trace.tb_frame.f_locals.get("self")
        if trace.tb_frame.f_code.co_name == "_make_api_call" and hasattr(client, "meta"):
            return f" {client.meta.service_model.service_name}"
        trace = trace.tb_next
    return ""


def _ssh(error: BaseException, library: ModuleType, again: str) -> DeployError | None:
    if isinstance(error, library.AuthenticationException):
        return HostUnreachable(f"SSH: authentication failed: {error}. Check ssh.user and ssh.key, then: {again}")
    if isinstance(error, library.SSHException | library.ssh_exception.NoValidConnectionsError):
        return HostUnreachable(f"SSH: {error}. Check the host and the network, then run the same again: {again}")
    return None


def _command(error: BaseException, library: ModuleType, again: str) -> DeployError | None:
    if isinstance(error, library.Failure):
        result = error.result
        host = getattr(getattr(result, "connection", None), "host", "here")
        return RemoteFailed(str(host), str(result.command), int(result.exited or 1), str(result.stderr or error.reason or ""))
    return None


def _system(error: OSError, again: str) -> DeployError:
    what = error.strerror or str(error) or type(error).__name__
    if error.filename is not None:
        return DeployError(f"{error.filename}: {what}")
    if isinstance(error, ConnectionError | TimeoutError | socket.gaierror) or error.errno in _NETWORK:
        return HostUnreachable(f"the network: {what}. Run the same again: {again}")
    return DeployError(f"this machine: {what}")
