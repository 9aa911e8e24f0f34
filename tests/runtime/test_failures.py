import socket
from typing import Any

import boto3
import botocore.exceptions
import invoke
import paramiko
import pytest
from botocore.config import Config

from tasks.errors import CloudError, DeployError, HostUnreachable, RemoteFailed, SettingsError
from tasks.runtime.failures import explain


def client_error(code: str, message: str = "Told so.") -> botocore.exceptions.ClientError:
    return botocore.exceptions.ClientError({"Error": {"Code": code, "Message": message}}, "DescribeInstances")


def told(error: BaseException) -> str:
    answer = explain(error, "fab ship")
    assert answer is not None
    assert "\n" not in str(answer)
    return str(answer)


@pytest.mark.parametrize("code", ["ExpiredToken", "RequestExpired", "AuthFailure", "UnrecognizedClientException"])
def test_old_credentials_are_to_be_renewed(code: str) -> None:
    assert (
        told(client_error(code))
        == f"AWS DescribeInstances: {code}: Told so. Renew the credentials, then run the same again: fab ship"
    )


@pytest.mark.parametrize(
    ("code", "message", "end"),
    [
        (
            "UnauthorizedOperation",
            "Not you. Encoded authorization failure message: " + "x" * 900,
            "Not you. Allow the action in the operator's",
        ),
        (
            "Throttling",
            "Rate exceeded",
            "Rate exceeded. AWS throttles calls: wait a minute, then run the same again: fab ship",
        ),
        ("InvalidAMIID.NotFound", "", "no reason given."),
    ],
)
def test_a_refused_call_names_action_code_message_and_what_to_do(code: str, message: str, end: str) -> None:
    line = told(client_error(code, message))
    assert line.startswith(f"AWS DescribeInstances: {code}: {end}")
    assert len(line) < 250


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (botocore.exceptions.NoCredentialsError(), CloudError, "AWS credentials: Unable to locate credentials. Renew them"),
        (botocore.exceptions.PartialCredentialsError(provider="env", cred_var="x"), CloudError, "AWS credentials: Partial"),
        (botocore.exceptions.UnauthorizedSSOTokenError(), CloudError, "AWS credentials: "),
        (botocore.exceptions.TokenRetrievalError(provider="sso", error_msg="old"), CloudError, "AWS credentials: "),
        (
            botocore.exceptions.ProfileNotFound(profile="mine"),
            SettingsError,
            "aws.profile: The config profile (mine) could not be found",
        ),
        (botocore.exceptions.EndpointConnectionError(endpoint_url="http://x"), CloudError, "AWS cannot be reached: "),
        (botocore.exceptions.ReadTimeoutError(endpoint_url="http://x"), CloudError, "AWS cannot be reached: "),
        (botocore.exceptions.WaiterError("image_available", "ended", {}), CloudError, "AWS: Waiter image_available failed"),
        (paramiko.AuthenticationException("no"), HostUnreachable, "SSH: authentication failed: no. Check ssh.user"),
        (paramiko.SSHException("banner"), HostUnreachable, "SSH: banner. Check the host"),
        (paramiko.ssh_exception.NoValidConnectionsError({("127.0.0.1", 22): OSError("x")}), HostUnreachable, "SSH: "),
        (
            ConnectionRefusedError(111, "Connection refused"),
            HostUnreachable,
            "the network: Connection refused. Run the same again: fab ship",
        ),
        (socket.gaierror(-2, "Name or service not known"), HostUnreachable, "the network: Name or service not known"),
        (TimeoutError(), HostUnreachable, "the network: TimeoutError"),
        (OSError(113, "No route to host"), HostUnreachable, "the network: No route to host"),
        (OSError(28, "No space left on device"), DeployError, "this machine: No space left on device"),
        (FileNotFoundError(2, "No such file", "/x/key"), DeployError, "/x/key: No such file"),
    ],
)
def test_the_errors_of_libraries_are_told(error: BaseException, kind: type[DeployError], words: str) -> None:
    assert told(error).startswith(words)
    assert type(explain(error, "fab ship")) is kind


def test_a_failed_command_is_told() -> None:
    result = invoke.Result(command="systemctl restart x", exited=5, stderr="no such unit\n")
    error = explain(invoke.UnexpectedExit(result), "fab ship")
    assert isinstance(error, RemoteFailed)
    assert str(error) == "here: `systemctl restart x` exited 5: no such unit"


@pytest.mark.parametrize("error", [ValueError("x"), KeyError("x"), AssertionError()])
def test_a_fault_of_ours_is_not_explained_away(error: BaseException) -> None:
    assert explain(error, "fab ship") is None


def test_the_service_is_named_where_botocore_made_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    client: Any = boto3.client(
        "autoscaling",
        region_name="eu-central-1",
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=5),
    )
    with pytest.raises(botocore.exceptions.EndpointConnectionError):
        client.describe_auto_scaling_groups()
    monkeypatch.setattr(client, "_make_request", lambda *_: (_Refusal(), {"Error": {"Code": "AccessDenied", "Message": "No"}}))
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        client.describe_auto_scaling_groups()
    assert told(caught.value).startswith("AWS autoscaling DescribeAutoScalingGroups: AccessDenied: No. Allow the action")


class _Refusal:
    status_code = 403
