"""`ramped-settings`: SSM parameters and secrets of the stand-in cloud as an environment file, read back as systemd reads it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rehearsal.cloud.authorization.evaluate import authorize
from rehearsal.cloud.authorization.published import published
from tasks.hosts.shell.scripts.environment import parse
from tests.policies.recorder import FOLDER
from tests.rehearsal.standin import Cloud, stand_in
from tests.settings_snippets.project import SNIPPETS

PROGRAM = SNIPPETS / "systemd/ramped-settings"
# The AWS CLI as far as it is needed: its options, and the same call by the same library.
AWS = """#!{python}
import json, sys, boto3
words = sys.argv[1:]
client = boto3.client(words[0], region_name="eu-central-1", endpoint_url="{url}")
try:
    if words[:3] == ["secretsmanager", "get-secret-value", "--secret-id"]:
        print(json.dumps(client.get_secret_value(SecretId=words[3]), default=str))
        sys.exit()
    assert words[:3] == ["ssm", "get-parameters-by-path", "--path"] and "--with-decryption" in words, words
    pages = client.get_paginator("get_parameters_by_path").paginate(Path=words[3], Recursive=True, WithDecryption=True)
    print(json.dumps({{"Parameters": [p for page in pages for p in page["Parameters"]]}}, default=str))
except Exception as error:
    sys.exit(str(error))
"""


def program() -> Any:
    loader = SourceFileLoader("ramped_settings", str(PROGRAM))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=30)


@given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_systemd_reads_back_every_value(found: dict[str, str]) -> None:
    assert parse(program().rendered(found)) == found


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with stand_in() as running:
        put = running.client("ssm").put_parameter
        put(Name="/shop/production/SECRET_KEY", Value='p"a\\ss$`\nword', Type="SecureString")
        put(Name="/shop/production/mail/HOST", Value="mail.example", Type="String")
        put(Name="/shop/staging/SECRET_KEY", Value="other", Type="SecureString")
        for number in range(12):  # a page has ten
            put(Name=f"/shop/many/NAME_{number}", Value=str(number), Type="String")
        put(Name="/shop/wrong/NOT-A-NAME", Value="x", Type="String")
        put(Name="/shop/twice/a/b", Value="x", Type="String")
        put(Name="/shop/twice/a_b", Value="x", Type="String")
        secret = running.client("secretsmanager").create_secret
        secret(Name="shop/production/database", SecretString='{"username": "shop", "password": "p\'\\"$", "port": 5432}')
        secret(Name="shop/production/text", SecretString="as it is")
        secret(Name="shop/production/nested", SecretString='{"a": {}}')
        secret(Name="shop/production/empty", SecretString="{}")
        yield running


def run(cloud: Cloud, folder: Path, *sources: str, aws: bool = True) -> "subprocess.CompletedProcess[str]":
    (folder / "bin").mkdir(exist_ok=True)
    cli = folder / "bin/aws"
    cli.unlink(missing_ok=True)
    if aws:
        cli.write_text(AWS.format(python=sys.executable, url=cloud.url))
        cli.chmod(0o755)
    env = {
        "PATH": f"{folder}/bin",
        "RUNTIME_DIRECTORY": str(folder),
        "RAMPED_PATIENCE": "0",
        "AWS_ACCESS_KEY_ID": "rehearsal",
        "AWS_SECRET_ACCESS_KEY": "rehearsal",
        "HOME": os.environ["HOME"],
    }
    return subprocess.run([sys.executable, PROGRAM, *sources], env=env, capture_output=True, text=True, timeout=60)


def test_the_parameters_of_the_path_are_the_settings_and_no_value_is_shown(cloud: Cloud, tmp_path: Path) -> None:
    ran = run(cloud, tmp_path, "/shop/production")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == "2 settings from /shop/production: SECRET_KEY, mail_HOST\n"
    file = tmp_path / "site.env"
    assert parse(file.read_text()) == {"SECRET_KEY": 'p"a\\ss$`\nword', "mail_HOST": "mail.example"}
    assert file.stat().st_mode & 0o777 == 0o640
    assert run(cloud, tmp_path, "/shop/many").returncode == 0
    assert len(parse(file.read_text())) == 12


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/shop/none", "/shop/none: there is no parameter below it"),
        ("/shop/wrong", "/shop/wrong/NOT-A-NAME: NOT-A-NAME cannot be a variable"),
        ("/shop/twice", "there is another value for a_b"),
        ("secret:shop/production/text", "name a variable for it, as in NAME=secret:shop/production/text"),
        ("secret:shop/production/nested", "a is neither a text nor a number"),
        ("secret:shop/production/empty", "there is no key in it"),
        ("A-B=secret:shop/production/text", "A-B cannot be a variable"),
        ("secret:shop/none", "ResourceNotFoundException"),
    ],
)
def test_what_cannot_be_settings_changes_nothing(cloud: Cloud, tmp_path: Path, path: str, why: str) -> None:
    (tmp_path / "site.env").write_text("KEPT=1\n")
    ran = run(cloud, tmp_path, path)
    assert ran.returncode == 1 and why in ran.stderr and "Nothing was changed" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert (tmp_path / "site.env").read_text() == "KEPT=1\n"


def test_secrets_stand_beside_parameters_and_a_rotation_is_found(cloud: Cloud, tmp_path: Path) -> None:
    sources = ("/shop/production", "DATABASE=secret:shop/production/database", "TEXT=secret:shop/production/text")
    ran = run(cloud, tmp_path, *sources)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "DATABASE_password, DATABASE_port, DATABASE_username, SECRET_KEY, TEXT, mail_HOST" in ran.stdout
    file = tmp_path / "site.env"
    read = parse(file.read_text())
    assert (read["DATABASE_password"], read["DATABASE_port"], read["TEXT"]) == ("p'\"$", "5432", "as it is")
    assert run(cloud, tmp_path, "--check", *sources).returncode == 0
    rotated = '{"username": "shop", "password": "rotated", "port": 5432}'
    cloud.client("secretsmanager").put_secret_value(SecretId="shop/production/database", SecretString=rotated)
    check = run(cloud, tmp_path, "--check", *sources)
    assert check.returncode == 3 and "rotated" not in check.stdout + check.stderr and parse(file.read_text()) == read
    assert run(cloud, tmp_path, *sources).returncode == 0
    assert parse(file.read_text())["DATABASE_password"] == "rotated"


@pytest.mark.parametrize("option", [(), ("--check",)])
def test_a_file_that_cannot_be_written_or_read_is_a_line(cloud: Cloud, tmp_path: Path, option: tuple[str, ...]) -> None:
    (tmp_path / "site.env").mkdir()
    ran = run(cloud, tmp_path, *option, "/shop/production")
    assert ran.returncode == 1
    assert ran.stderr == f"ramped-settings: {tmp_path}/site.env: Is a directory. Nothing was changed.\n"
    assert not (tmp_path / ".site.env").exists(), "secrets in a file that nobody reads"


def test_a_refusal_of_aws_is_said_as_aws_says_it(cloud: Cloud, tmp_path: Path) -> None:
    cloud.control("faults", {"denied": ["GetParametersByPath"]})
    try:
        ran = run(cloud, tmp_path, "/shop/production")
    finally:
        cloud.control("faults", {"denied": []})
    assert ran.returncode == 1
    assert "ramped-settings: /shop/production: An error occurred (" in ran.stderr and "Denied" in ran.stderr
    assert not (tmp_path / "site.env").exists()


def test_without_the_aws_cli_it_says_so(cloud: Cloud, tmp_path: Path) -> None:
    assert "there is no aws here: install the AWS CLI" in run(cloud, tmp_path, "/shop/production", aws=False).stderr


def test_the_role_reads_the_settings_of_the_site_and_no_others() -> None:
    policy, arn = [published(FOLDER, "settings")], "arn:aws:ssm:eu-central-1:111122223333:parameter/shop/{}"
    assert authorize(policy, "ssm:GetParametersByPath", [arn.format("production")])
    for path in ("staging", "production2"):
        assert not authorize(policy, "ssm:GetParametersByPath", [arn.format(path)])
    assert not authorize(policy, "ssm:PutParameter", [arn.format("production/SECRET_KEY")])
    secret = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:shop/{}-AbCdEf"
    assert authorize(policy, "secretsmanager:GetSecretValue", [secret.format("production/database")])
    assert not authorize(policy, "secretsmanager:GetSecretValue", [secret.format("staging/database")])
    assert not authorize(policy, "secretsmanager:PutSecretValue", [secret.format("production/database")])
    key = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    assert authorize(policy, "kms:Decrypt", [key], {"kms:ViaService": "ssm.eu-central-1.amazonaws.com"})
    assert not authorize(policy, "kms:Decrypt", [key], {"kms:ViaService": "s3.eu-central-1.amazonaws.com"})
    assert not authorize(policy, "kms:Decrypt", [key])
