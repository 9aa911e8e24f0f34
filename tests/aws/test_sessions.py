"""One session a run, and the credentials of a role from the cache that the AWS CLI has too."""

import getpass
from pathlib import Path

import pytest
from botocore.credentials import AssumeRoleProvider
from botocore.exceptions import CredentialRetrievalError

from tasks.runtime.cloud import Cloud as Api
from tasks.runtime.failures import explain
from tasks.settings.model import Aws
from tests.policies.recorder import RECORDER
from tests.worlds.aws_world import world

CONFIG = """\
[profile base]
aws_access_key_id = rehearsal
aws_secret_access_key = rehearsal
[profile releases]
role_arn = arn:aws:iam::111122223333:role/releases
source_profile = base
mfa_serial = arn:aws:iam::111122223333:mfa/operator
region = eu-central-1
"""


def test_the_mfa_code_of_a_role_is_asked_for_once_in_an_hour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RECORDER, "looks", False)  # the policies are for those who have a role already
    (tmp_path / "config").write_text(CONFIG)
    asked: list[str] = []

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return "123456"

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    with world() as (cloud, _):
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", cloud.url)
        begin = AssumeRoleProvider.__init__
        asks = tuple(ask if value is getpass.getpass else value for value in begin.__defaults__)
        monkeypatch.setattr(begin, "__defaults__", asks)
        for _ in range(2):  # two commands, one after the other
            api = Api(Aws(region="eu-central-1", profile="releases", endpoint=cloud.url))
            for service in ("ec2", "autoscaling"):
                assert api.client(service).meta.region_name == "eu-central-1"
            api.client("ec2").describe_instances()
            api.client("autoscaling").describe_auto_scaling_groups()
        assert len(asked) == 1 and "mfa/operator" in asked[0]
        (kept,) = (Path.home() / ".aws/cli/cache").iterdir()
        assert kept.stat().st_mode & 0o077 == 0, "nobody else reads it"
        for torn in ("", "{", "{}", "[]", '{"Credentials": {"Expiration": "soon"}}'):
            kept.write_text(torn)
            Api(Aws(region="eu-central-1", profile="releases", endpoint=cloud.url)).client("ec2").describe_instances()
        assert len(asked) == 6, "what cannot be read is not there"


def test_without_a_terminal_nobody_is_asked_and_the_reason_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").write_text(CONFIG)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("sys.stdin", None)
    api = Api(Aws(region="eu-central-1", profile="releases", endpoint="http://127.0.0.1:9"))
    with pytest.raises(CredentialRetrievalError, match="no terminal to ask for: Enter MFA code for arn:.*mfa/operator") as caught:
        api.client("ec2").describe_instances()
    explained = explain(caught.value, "fab ship")
    assert explained is not None and str(explained).startswith("AWS credentials: ")
