"""Hosts found by their instances: whose key is believed, through whom they are reached, how long one waits for them."""

import io
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.credentials import Credentials
from paramiko import PKey

from rehearsal.cloud import connect_api
from tasks.aws import instance_connect, instances
from tasks.aws.instances import Ec2Instance
from tasks.decisions.access.host_keys import fingerprint, to_pin
from tasks.errors import HostUnreachable, Refused, SettingsError, TimedOut
from tasks.hosts import pool
from tasks.hosts.connecting import connect
from tasks.hosts.keys import Trust, UnknownHostKey, WrongHostKey, trust
from tasks.hosts.management import open_management, release_on
from tasks.hosts.pool import Hosts, Login, read_login
from tasks.hosts.site import ask_health, ask_revision
from tasks.runtime.cloud import Cloud
from tasks.runtime.output import Output
from tasks.runtime.run import Run
from tasks.runtime.waiting import SystemClock
from tasks.settings.model import Ssh
from tests.hosts import sshd
from tests.settings.site import site
from tests.worlds.shop_world import ShopWorld, credentials, golden_of

OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopWorld]:
    folder = tmp_path_factory.mktemp("pool")
    with ShopWorld(golden_of(tmp_path_factory), folder / "world", web=1) as running:
        yield running


@pytest.fixture
def cloud(world: ShopWorld, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    credentials(monkeypatch)
    return Cloud(world.settings().aws)


def machine(cloud: Cloud, id: str) -> Ec2Instance:
    return instances.with_ids(cloud, [id])[0]


@pytest.fixture
def web(world: ShopWorld, cloud: Cloud) -> Iterator[Ec2Instance]:
    """The web instance, of which nobody has seen the key yet."""
    id = world.cloud.members()[0]
    yield machine(cloud, id)
    world.cloud.client("ec2").delete_tags(Resources=[id], Tags=[{"Key": "ramped:host-key"}])


def console_key(cloud: Cloud, id: str) -> str:
    return " ".join(instances.console(cloud, id).split("KEYS-----\n")[1].split()[:2])


def test_the_console_vouches_at_first_and_the_tag_afterwards(world: ShopWorld, cloud: Cloud, web: Ec2Instance) -> None:
    key = console_key(cloud, web.id)
    assert trust(cloud, web, world.settings().ssh) == Trust((key,), "its console output")
    with Hosts(world.run()) as hosts:
        assert hosts.open(web).run("echo in").text == "in"
    pin = to_pin(key)
    assert machine(cloud, web.id).tags["ramped:host-key"] == pin
    assert trust(cloud, machine(cloud, web.id), world.settings().ssh) == Trust((pin,), "its tag ramped:host-key")


def test_a_dry_run_pins_nothing(world: ShopWorld, cloud: Cloud, web: Ec2Instance) -> None:
    with Hosts(world.run(dry=True)) as hosts:
        hosts.open(web)
    assert "ramped:host-key" not in machine(cloud, web.id).tags


def test_known_hosts_comes_before_what_aws_says(world: ShopWorld, cloud: Cloud, web: Ec2Instance, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    known.write_text(f"[{web.address}]:2222 {OTHER}\n")
    with Hosts(world.run(ssh={"known_hosts": str(known)})) as hosts, pytest.raises(WrongHostKey) as caught:
        hosts.open(web)
    assert f"{known} says ssh-ed25519 {fingerprint(OTHER)}" in str(caught.value)
    # A file that says nothing of this host leaves it to AWS.
    known.write_text(f"[127.0.0.9]:2222 {OTHER}\n")
    with Hosts(world.run(ssh={"known_hosts": str(known)})) as hosts:
        assert hosts.open(web).run("echo in").text == "in"


def test_a_host_whose_key_changed_is_refused_at_once(world: ShopWorld, cloud: Cloud, web: Ec2Instance) -> None:
    pinned = replace(web, tags={"ramped:host-key": OTHER})
    with Hosts(world.run()) as hosts, pytest.raises(WrongHostKey, match="its tag ramped:host-key says"):
        hosts.wait(pinned, 600)


def test_a_host_is_connected_to_once_however_many_ask(world: ShopWorld, cloud: Cloud, web: Ec2Instance) -> None:
    with Hosts(world.run()) as hosts, ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(lambda _: hosts.open(web), range(8)))
        assert len({id(host) for host in opened}) == 1
        assert len(set(pool.map(lambda host: host.run("echo $SSH_CONNECTION").text, opened))) == 1


def test_waiting_for_a_host_says_what_it_saw(world: ShopWorld, cloud: Cloud, web: Ec2Instance) -> None:
    late = rf"SSH on {web.id}: not within 1 s; last seen: .* refuses the connection"
    run = world.run(ssh={"port": sshd.free_port(web.address)})
    with Hosts(run) as hosts, pytest.raises(TimedOut, match=late):
        hosts.wait(web, 1)


def test_waiting_outlasts_a_boot_whose_key_nobody_knows_yet(world: ShopWorld, cloud: Cloud) -> None:
    where = {"LaunchTemplate": world.template, "SubnetId": world.subnets[2]}
    ran = world.cloud.client("ec2").run_instances(MinCount=1, MaxCount=1, **where)
    id = ran["Instances"][0]["InstanceId"]
    try:
        with Hosts(world.run()) as hosts:
            assert hosts.wait(machine(cloud, id), 60).run("echo in").text == "in"
    finally:
        world.cloud.client("ec2").terminate_instances(InstanceIds=[id])


def test_a_web_instance_is_reached_through_the_management_instance(world: ShopWorld, cloud: Cloud, web: Ec2Instance) -> None:
    with Hosts(world.run(ssh={"gateway": "management"})) as hosts:
        assert hosts.open(web).run("echo $SSH_CONNECTION").text.split()[0] == world.address()
        # The management instance itself is not behind anything.
        assert hosts.open(machine(cloud, world.management)).run("echo in").text == "in"


class Starting:
    """The lock of a gateway while another thread starts it."""

    def locked(self) -> bool:
        return True

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None


def test_a_gateway_that_another_thread_starts_is_waited_for_though_ec2_calls_it_running(monkeypatch: pytest.MonkeyPatch) -> None:
    settings, screen = site(), io.StringIO()
    run = Run(
        replace(settings, ssh=replace(settings.ssh, gateway="management")),
        Output(screen, screen),
        SystemClock(),
        False,
        "fab logs",
    )
    gateway = Ec2Instance(id="i-1", state="running", address="10.0.0.1", zone="a", image="", tags={}, launched=0.0)
    for name in ("find", "running_management"):
        monkeypatch.setattr(pool, name, lambda run: gateway)
    monkeypatch.setattr(Hosts, "open", lambda self, instance: "opened at once")
    monkeypatch.setattr(Hosts, "wait", lambda self, instance, timeout: "waited for")
    with Hosts(run) as hosts:
        assert hosts._gateway(replace(gateway, id="i-2")) == "opened at once"
        monkeypatch.setattr(hosts, "_alone", lambda name: Starting())
        assert hosts._gateway(replace(gateway, id="i-2")) == "waited for"
        assert hosts._gateway(gateway) is None


AWS = """#!{python}
# The AWS CLI with its plugin, as far as an SSH session needs them: bytes between us and the host's port.
import os, selectors, socket, sys
told = sys.argv[1:]
if "{fails}":
    sys.exit("An error occurred (TargetNotConnected) when calling the StartSession operation: {fails} is not connected.")
assert told[:3] == ["ssm", "start-session", "--target"] and "AWS-StartSSHSession" in told and "--region" in told, told
with open("{log}", "w") as log:
    log.write(" ".join(told) + "\\n" + str(sorted(k + "=" + v for k, v in os.environ.items() if k.startswith("AWS_"))))
port = next(one for one in told if one.startswith("portNumber=")).partition("=")[2]
host = socket.create_connection(("{address}", int(port)))
both = selectors.DefaultSelector()
both.register(0, selectors.EVENT_READ)
both.register(host, selectors.EVENT_READ)
while True:
    for key, _ in both.select():
        data = os.read(0, 65536) if key.fd == 0 else host.recv(65536)
        if not data:
            sys.exit()
        host.sendall(data) if key.fd == 0 else os.write(1, data)
"""


def programs(folder: Path, monkeypatch: pytest.MonkeyPatch, address: str, fails: str = "") -> None:
    folder.mkdir()
    for name in ("aws", "session-manager-plugin"):
        text = AWS.format(python=sys.executable, address=address, log=folder / "log", fails=fails)
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_without_an_inbound_port_a_host_is_reached_through_session_manager(
    world: ShopWorld, cloud: Cloud, web: Ec2Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs(tmp_path / "bin", monkeypatch, web.address)
    # What the run has, and nothing that the profile would ask for again.
    run = world.run(ssh={"gateway": "ssm"}, aws={"profile": "production"})
    temporary = Credentials("ASIAREHEARSAL0000000", "a secret", "a token")
    monkeypatch.setattr(run.cloud.session._session, "_credentials", temporary)
    with Hosts(run) as hosts:
        assert hosts.open(web).run("echo in").text == "in"
        assert hosts.open(web).http(None, 8080, "/health_check/shop.example.com").status == 200
    told = (tmp_path / "bin/log").read_text()
    assert "AWS_SESSION_TOKEN=a token" in told and "a secret" in told and "production" not in told
    assert f"--target {web.id} " in told and "portNumber=2222" in told and "--endpoint-url http://127." in told
    # Who stands at the other end must still show the key that is known: the management instance is not this one.
    programs(tmp_path / "other", monkeypatch, world.address())
    with Hosts(world.run(ssh={"gateway": "ssm"})) as hosts, pytest.raises(WrongHostKey, match=web.id):
        hosts.open(web)


def test_what_session_manager_needs_and_says_is_told(
    world: ShopWorld, cloud: Cloud, web: Ec2Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs(tmp_path / "bin", monkeypatch, web.address, fails=web.id)
    with (
        Hosts(world.run(ssh={"gateway": "ssm"})) as hosts,
        pytest.raises(HostUnreachable, match="Session Manager says: .*TargetNotConnected"),
    ):
        hosts.open(web)
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        Hosts(world.run(ssh={"gateway": "ssm"})) as hosts,
        pytest.raises(SettingsError, match="ssh.gateway: ssm needs the program aws here"),
    ):
        hosts.open(web)


@pytest.fixture
def an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute of AWS is about a second here: a busy machine needs longer to connect."""
    monkeypatch.setattr(connect_api, "ACCEPTED", 3600.0)


@pytest.mark.usefixtures("an_hour")
def test_a_key_of_the_run_alone_is_pushed_for_a_minute(
    world: ShopWorld, cloud: Cloud, web: Ec2Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sshd.make_key(tmp_path / "nobody")
    strange = {"key": str(tmp_path / "nobody")}
    with Hosts(world.run(ssh=strange)) as hosts, pytest.raises(HostUnreachable, match="authentication failed"):
        hosts.open(web)
    with Hosts(world.run(ssh={**strange, "instance_connect": True})) as hosts:
        assert hosts.open(web).run("echo in").text == "in"
    # Through the management instance both are pushed to.
    with Hosts(world.run(ssh={**strange, "instance_connect": True, "gateway": "management"})) as hosts:
        assert hosts.open(web).run("echo $SSH_CONNECTION").text.split()[0] == world.address()
    # What was pushed lets in no longer when its time is over.
    monkeypatch.setattr(connect_api, "ACCEPTED", 60.0)
    key, public = instance_connect.fresh_key()
    instance_connect.send(cloud, web.id, "admin", public)
    trusted = trust(cloud, web, world.settings().ssh)
    world.cloud.wait(lambda: _refused(world, web, trusted, key), 60)
    assert world.calls("ec2-instance-connect:SendSSHPublicKey", "SendSSHPublicKey") >= 4


@pytest.mark.usefixtures("an_hour")
def test_an_instance_that_cannot_take_a_key_yet_is_waited_for(
    world: ShopWorld, cloud: Cloud, web: Ec2Instance, tmp_path: Path
) -> None:
    codes = ["EC2InstanceUnavailableException", "EC2InstanceStateInvalidException"]

    def refuse(request: AWSPreparedRequest, **_: object) -> AWSResponse | None:
        if not codes:
            return None
        answer = AWSResponse(request.url, 400, {}, None)
        answer._content = f'{{"__type": "{codes.pop(0)}", "Message": "Wait a few minutes and try again."}}'.encode()
        return answer

    run = world.run(ssh={"instance_connect": True})
    run.cloud.client("ec2-instance-connect").meta.events.register("before-send", refuse)
    with Hosts(run) as hosts:
        assert hosts.open(web).run("echo in").text == "in"
    assert "EC2InstanceUnavailableException: Wait a few minutes" in world.printed and not codes


def _refused(world: ShopWorld, web: Ec2Instance, trusted: Trust, key: PKey) -> bool:
    try:
        connect(web.id, web.address, world.settings().ssh, trusted, key=key).close()
    except HostUnreachable as error:
        return "authentication failed" in str(error)
    return False


def test_two_instances_with_one_host_key_are_told(world: ShopWorld, cloud: Cloud, web: Ec2Instance) -> None:
    twin = replace(web, id="i-0123456789abcdef0")
    with Hosts(world.run()) as hosts:
        hosts.open(web)
        hosts.open(machine(cloud, world.management))
        assert "same SSH host key" not in world.err.getvalue()
        hosts.open(replace(twin, tags={"ramped:host-key": console_key(cloud, web.id)}))
    assert f"{web.id} and {twin.id} show the same SSH host key" in world.err.getvalue()


def test_the_management_instance_is_the_gateway_unless_it_is_said_otherwise() -> None:
    assert Ssh(user="deploy").gateway == "management"


@pytest.mark.skipif(sshd.SSHD is None, reason="no sshd here: apt-get install openssh-server")
def test_a_gateway_of_its_own_is_known_by_known_hosts_alone(
    world: ShopWorld, cloud: Cloud, web: Ec2Instance, tmp_path: Path
) -> None:
    bastion = sshd.start(tmp_path / "bastion")
    try:
        keys = tmp_path / "bastion/authorized_keys"
        keys.write_text(" ".join(world.key.with_suffix(".pub").read_text().split()[:2]) + "\n")
        ssh = {"gateway": f"{bastion.user}@{bastion.address}:{bastion.port}"}
        with Hosts(world.run(ssh=ssh)) as hosts, pytest.raises(UnknownHostKey, match=r"the gateway 127\.0\.0\.1 "):
            hosts.open(web)
        ssh["known_hosts"] = str(bastion.known_hosts(tmp_path))
        with Hosts(world.run(ssh=ssh)) as hosts:
            assert hosts.open(web).run("echo in").text == "in"
    finally:
        bastion.stop()


@pytest.mark.parametrize(
    ("text", "login"),
    [
        ("bastion", ("", "bastion", 0)),
        ("me@bastion", ("me", "bastion", 0)),
        ("me@bastion:2222", ("me", "bastion", 2222)),
        ("bastion:2222", ("", "bastion", 2222)),
        ("me@[fd00::1]:2222", ("me", "fd00::1", 2222)),
        ("[fd00::1]", ("", "fd00::1", 0)),
    ],
)
def test_logins(text: str, login: tuple[str, str, int]) -> None:
    assert read_login(text) == Login(*login)


def test_the_management_instance_is_opened_and_closed_with_its_host(world: ShopWorld, cloud: Cloud) -> None:
    found, host = open_management(world.run())
    with host:
        assert (found.id, found.state, host.address) == (world.management, "running", world.address())
        release = release_on(host, world.run())
        # Nothing was deployed by us yet, so nobody knows what was there before: all of it counts as new.
        assert release.revision == world.v1 and release.instance_id == world.management and len(release.added) >= 4
    assert not host.connection.is_connected


def test_revisions_are_asked_from_a_host_near_the_instance(world: ShopWorld, cloud: Cloud, web: Ec2Instance) -> None:
    _, host = open_management(world.run())
    app = world.settings().app
    with host:
        assert ask_revision(host, app, web.address) == ask_revision(host, app) == world.v1
        assert ask_revision(host, replace(app, health_path="/nowhere/"), web.address) is None
        assert ask_health(host, replace(app, health_path="/nowhere/"), web.address) == (
            None,
            f"http://{web.address}:8080/nowhere/ answered 400 Bad Request, revision unknown",
        )
        revision, seen = ask_health(host, replace(app, port=sshd.free_port(web.address)), web.address)
        assert revision is None and "refused" in seen


def test_what_was_never_deployed_cannot_be_told(world: ShopWorld, cloud: Cloud) -> None:
    _, host = open_management(world.run())
    with host, pytest.raises(Refused, match="no REVISION in elsewhere, so nothing was deployed there: run deploy first"):
        release_on(host, world.run(app={"directory": "elsewhere"}))


def test_instances_are_found_by_id_and_unknown_ones_are_left_out(world: ShopWorld, cloud: Cloud, web: Ec2Instance) -> None:
    assert instances.with_ids(cloud, []) == []
    assert [one.id for one in instances.with_ids(cloud, [web.id, "i-0123456789abcdef0"])] == [web.id]
    assert web.zone == "eu-central-1a" and web.image == world.image and web.launched > 0
    found = instances.find_management(cloud, world.settings(management={"instance_id": web.id}).management)
    assert found is not None and found.id == web.id


def test_a_key_that_does_not_fit_is_told_with_the_instance(
    world: ShopWorld, cloud: Cloud, web: Ec2Instance, tmp_path: Path
) -> None:
    sshd.make_key(tmp_path / "stranger")
    refusal = rf"{web.id} \(admin@{web.address}:2222\): authentication failed"
    run = world.run(ssh={"key": str(tmp_path / "stranger")})
    with Hosts(run) as hosts, pytest.raises(HostUnreachable, match=refusal):
        hosts.open(web)
