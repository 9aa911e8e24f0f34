"""Another user of the machine, or a page in a browser there, gets into no rehearsal."""

import http.client
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from rehearsal.addresses import Octet
from rehearsal.cloud.options import Options
from rehearsal.cloud.standin import StandIn
from rehearsal.foreign import postgresql
from rehearsal.hosts.bare import BareHosts
from rehearsal.jobs import broker
from rehearsal.keys import KEY_HEADER, Keys
from rehearsal.world import World
from tests.rehearsal.standin import stand_in

OURS, NOBODY = "AKIAOURS0000000000000", 65534
# What somebody would try who sees processes and addresses.
TRIES = """
import json, os, pathlib, sys, urllib.error, urllib.request
api, top = sys.argv[1], sys.argv[2]
found = {"uid": os.getuid()}
for name, url, data in (("control", api + "/_rehearsal/calls", None), ("image", api + "/_rehearsal/image", b"{}")):
    try:
        found[name] = urllib.request.urlopen(url, data, timeout=20).status
    except urllib.error.HTTPError as error:
        found[name] = error.code
found["shown"] = ""
for path in pathlib.Path("/proc").glob("[0-9]*"):
    for file in ("cmdline", "environ"):
        try:
            found["shown"] += (path / file).read_bytes().decode(errors="replace")
        except OSError:
            pass
try:
    found["files"] = os.listdir(top)
except OSError as error:
    found["files"] = type(error).__name__
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def locked() -> Iterator[StandIn]:
    with Octet() as octet:
        standin = StandIn(Options(), BareHosts(), f"127.{octet.number}.0.2", keys=Keys(frozenset([OURS]), "the key"))
        standin.start()
        yield standin
        standin.close()


def ec2(standin: StandIn, key: str) -> object:
    return boto3.Session(key, "secret", region_name="eu-central-1").client("ec2", endpoint_url=standin.url)


def status(standin: StandIn, path: str = "/_rehearsal/calls", **headers: str) -> int:
    host = standin.url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=20)
    try:
        connection.request("GET", path, headers={"Host": host, **headers})
        return connection.getresponse().status
    finally:
        connection.close()


def test_the_api_wants_an_access_key_of_the_rehearsal(locked: StandIn) -> None:
    assert ec2(locked, OURS).describe_vpcs()["Vpcs"] is not None  # type: ignore[attr-defined]
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        ec2(locked, "AKIASOMEBODYELSE00000").describe_vpcs()  # type: ignore[attr-defined]


@pytest.mark.parametrize("body", ["<" * 50, "[" * 100_000, '{"a":'])
@pytest.mark.parametrize("service", ["ec2", "ssm", "cloudfront", "iam"])
def test_what_a_stranger_sends_is_not_even_read(locked: StandIn, service: str, body: str) -> None:
    host = locked.url.removeprefix("http://")
    scope = f"AWS4-HMAC-SHA256 Credential=AKIASOMEBODYELSE00000/20260101/eu-central-1/{service}/aws4_request"
    connection = http.client.HTTPConnection(host, timeout=20)
    try:
        connection.request("POST", "/", body, {"Host": host, "Authorization": scope, "X-Amz-Target": "AmazonSSM.GetParameter"})
        answer = connection.getresponse()
        assert answer.status == 403 and b"InvalidClientTokenId" in answer.read()
    finally:
        connection.close()


def test_the_control_endpoint_wants_its_key(locked: StandIn) -> None:
    assert status(locked, **{KEY_HEADER: "the key"}) == 200
    assert status(locked) == 403 and status(locked, **{KEY_HEADER: "another"}) == 403
    assert status(locked, **{KEY_HEADER: "\xff"}) == 403


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Host": "localhost:8000"}, {"Origin": "http://evil.example"}])
@pytest.mark.parametrize("path", ["/", "/_rehearsal/calls"])
def test_a_page_in_a_browser_is_answered_by_neither(locked: StandIn, headers: dict[str, str], path: str) -> None:
    assert status(locked, path, **{KEY_HEADER: "the key", **headers}) == 403


def test_nothing_listens_outside_of_loopback() -> None:
    with stand_in() as cloud:
        client = cloud.client("ec2")
        vpc = client.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
        subnet = client.create_subnet(VpcId=vpc, CidrBlock="10.1.1.0/24")["Subnet"]["SubnetId"]
        image = cloud.build_image("base", "v1")
        with pytest.raises(ClientError, match=r"the stand-in launches in 127\.0\.0\.0/8 alone"):
            client.run_instances(ImageId=image, InstanceType="t3.small", SubnetId=subnet, MinCount=1, MaxCount=1)


# Of the system: that of the tests may lie where others may not look.
PYTHON = shutil.which("python3", path="/usr/bin:/bin")


@pytest.mark.skipif(os.getuid() != 0 or PYTHON is None, reason="only root can be another user, who needs a python3 in /usr/bin")
def test_another_user_of_the_machine_finds_nothing(tmp_path: Path) -> None:
    top = tmp_path / "world"
    tmp_path.chmod(0o755)
    with World(top) as world:
        top.chmod(0o700)  # as tempfile.mkdtemp makes it
        done = subprocess.run(
            [str(PYTHON), "-c", TRIES, world.endpoints["api"], str(top)],
            user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True, text=True, check=True, cwd="/",
        )  # fmt: skip
        found = json.loads(done.stdout)
        secrets = (world.key, world._builder, world._control_key, world.places.key.read_text())
        assert (found["uid"], found["control"], found["image"], found["files"]) == (NOBODY, 403, 403, "PermissionError")
        assert "rehearsal.server" in found["shown"] and not any(secret in found["shown"] for secret in secrets)
        assert world.control("calls") is not None
    assert not top.exists()


REACHES = """
import socket, sys
path, address = sys.argv[1:]
kind = socket.socket(socket.AF_UNIX) if path else socket.create_connection((address, 6379), 5)
try:
    if path:
        kind.connect(path)
    kind.sendall(b"LPUSH celery task\\r\\n")
    print(kind.recv(64).decode())
except PermissionError:
    print("PermissionError")
"""


def reaches(path: str, address: str = "") -> str:
    """Return what another user gets at a socket."""
    command = [str(PYTHON), "-c", REACHES, path, address]
    done = subprocess.run(
        command, user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True, text=True, check=True, cwd="/"
    )  # fmt: skip
    return done.stdout.strip()


@pytest.mark.skipif(os.getuid() != 0 or PYTHON is None, reason="only root can be another user, who needs a python3 in /usr/bin")
@pytest.mark.skipif(postgresql.installed() is None, reason="no PostgreSQL here: apt-get install postgresql")
def test_another_user_reaches_no_database() -> None:
    """It asks for no password: another user could run programs through it, and write what the site reads."""
    # As the rehearsal has it: in the folder for temporary files of all.
    with tempfile.TemporaryDirectory() as top, postgresql.server(Path(top) / "postgresql", ["shop"]) as reached:
        (socket,) = Path(reached["host"]).glob(".s.PGSQL.*[0-9]")
        assert reaches(str(socket)) == "PermissionError"
        assert socket.is_socket() and Path(top).stat().st_mode & 0o011, "only its own folder keeps others out"


@pytest.mark.skipif(os.getuid() != 0 or PYTHON is None, reason="only root can be another user, who needs a python3 in /usr/bin")
@pytest.mark.skipif(shutil.which(broker.SERVER) is None, reason="no Redis here: apt-get install redis-server")
def test_another_user_sends_no_task(tmp_path: Path) -> None:
    with Octet() as octet, broker._redis(tmp_path / "broker", f"127.{octet.number}.0.5") as url:
        address = url.rpartition("@")[2].partition(":")[0]
        assert reaches("", address).startswith("-NOAUTH")
        password = url.removeprefix("redis://:").partition("@")[0]
        shown = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline")]
        assert len(password) == 32 and not any(password.encode() in line for line in shown)
        assert password not in broker.description(url)
