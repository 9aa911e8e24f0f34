"""SSH to a process host: real paramiko and Fabric against the server."""

import hashlib
import os
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from io import BytesIO
from pathlib import Path

import paramiko
import pytest
from fabric import Connection

from tests.rehearsal.hosts.support import Fleet, Instance, Key, TcpServer, alive, until

MEGABYTES = 3_000_000


def client(instance: Instance) -> paramiko.SSHClient:
    ssh = paramiko.SSHClient()
    ssh.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    ssh.connect(
        instance.address, 2222, "admin", key_filename=str(instance.fleet.key.path), look_for_keys=False, allow_agent=False
    )
    return ssh


@pytest.mark.parametrize(("command", "code"), [("true", 0), ("false", 1), ("exit 7", 7), ("no-such-command-here", 127)])
def test_exit_codes_come_back(instance: Instance, command: str, code: int) -> None:
    assert instance.run(command)[0] == code


def test_the_two_outputs_are_kept_apart(instance: Instance) -> None:
    assert instance.run("echo out; echo err >&2") == (0, "out\n", "err\n")


def test_a_command_killed_by_a_signal_has_no_exit_code(instance: Instance) -> None:
    with client(instance) as ssh:
        _, out, _ = ssh.exec_command("kill -KILL $$")
        assert out.channel.recv_exit_status() == -1


def test_megabytes_of_both_outputs_arrive_whole(instance: Instance) -> None:
    code, out, err = instance.run(f"head -c {MEGABYTES} /dev/zero | tr '\\0' o; head -c {MEGABYTES} /dev/zero | tr '\\0' e >&2")
    assert (code, len(out), len(err)) == (0, MEGABYTES, MEGABYTES)


def test_output_written_just_before_the_end_arrives_whole(instance: Instance) -> None:
    code, out, _ = instance.run(f"{{ sleep 0.1; head -c {MEGABYTES} /dev/zero | tr '\\0' x; }} & wait; exit 3")
    assert (code, len(out)) == (3, MEGABYTES)


def test_megabytes_of_input_arrive_whole_and_end(instance: Instance) -> None:
    data = os.urandom(MEGABYTES)
    with client(instance) as ssh:
        stdin, out, _ = ssh.exec_command("sha256sum")
        stdin.write(data)
        stdin.channel.shutdown_write()
        assert out.read().decode().split()[0] == hashlib.sha256(data).hexdigest()
        stdin.close()


def test_a_command_that_does_not_read_its_input_ends_all_the_same(instance: Instance) -> None:
    with client(instance) as ssh:
        stdin, out, _ = ssh.exec_command("exit 5")
        sent = threading.Thread(target=lambda: _ignoring_errors(lambda: stdin.write(b"x" * MEGABYTES)))
        sent.start()
        assert out.channel.recv_exit_status() == 5
        sent.join(60)
        assert not sent.is_alive()


def _ignoring_errors(work: Callable[[], object]) -> None:
    try:
        work()
    except OSError:
        return  # the channel closed under way


def test_the_environment_is_the_instance_s_own(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of the parent")
    monkeypatch.setenv("VIRTUAL_ENV", "/of/the/parent")
    monkeypatch.setenv("PYTHONPATH", "/of/the/parent")
    _, out, _ = instance.run("env; pwd")
    assert "of/the/parent" not in out and "of the parent" not in out
    values = dict(line.split("=", 1) for line in out.splitlines() if "=" in line)
    assert values["HOME"] == str(instance.disk) == out.splitlines()[-1]
    assert values["PATH"].split(":")[0].endswith(f"{instance.id}/bin")
    assert values["SSH_CONNECTION"].endswith(f"{instance.address} 2222")


def test_bash_runs_the_command(instance: Instance) -> None:
    assert instance.run("[[ a == a ]] && echo $BASH_VERSION")[1].strip()


def test_many_at_once_over_one_connection_and_over_several(instance: Instance) -> None:
    with client(instance) as ssh, ThreadPoolExecutor(20) as pool:

        def same(number: int) -> str:
            return ssh.exec_command(f"sleep 0.2; echo {number}")[1].read().decode().strip()

        one = pool.map(same, range(8))
        several = pool.map(lambda number: instance.run(f"echo {number}")[1].strip(), range(8))
        assert list(one) == list(several) == [str(number) for number in range(8)]


def test_a_terminal_is_refused(instance: Instance) -> None:
    with client(instance) as ssh, pytest.raises(paramiko.SSHException):
        ssh.exec_command("true", get_pty=True)


def test_a_wrong_key_and_a_password_are_refused(instance: Instance, tmp_path: Path) -> None:
    stranger = Key(tmp_path)
    for secret in ({"key_filename": str(stranger.path)}, {"key_filename": [], "password": "secret"}):
        with instance.connect(**secret) as connection, pytest.raises(paramiko.SSHException):
            connection.open()


def test_the_host_key_is_the_one_on_the_console(instance: Instance) -> None:
    with client(instance) as ssh:
        transport = ssh.get_transport()
        assert transport
        offered = f"ssh-ed25519 {transport.get_remote_server_key().get_base64()}"
    lines = instance.fleet.hosts.console(instance.id).splitlines()
    begin, end = lines.index("-----BEGIN SSH HOST KEY KEYS-----"), lines.index("-----END SSH HOST KEY KEYS-----")
    assert [line.rsplit(" ", 1)[0] for line in lines[begin + 1 : end]] == [offered]


def test_every_instance_has_a_host_key_of_its_own(shared_fleet: Fleet, instance: Instance) -> None:
    other = shared_fleet.launch()
    consoles = [shared_fleet.hosts.console(i.id) for i in (instance, other)]
    keys = [next(line for line in console.splitlines() if line.startswith("ssh-ed25519")).split()[1] for console in consoles]
    assert keys[0] != keys[1]


def test_files_go_both_ways_with_relative_paths_at_home(instance: Instance) -> None:
    data = os.urandom(MEGABYTES)
    with instance.connect() as connection:
        connection.put(BytesIO(data), "app/uploaded.bin")
        back = BytesIO()
        connection.get("app/uploaded.bin", back)
        assert connection.sftp().normalize(".") == str(instance.disk.resolve())
    assert back.getvalue() == data == (instance.disk / "app/uploaded.bin").read_bytes()


def test_forwarding_reaches_the_instance_s_own_front_by_localhost(instance: Instance) -> None:
    with client(instance) as ssh:
        transport = ssh.get_transport()
        assert transport
        with transport.open_channel("direct-tcpip", ("127.0.0.1", 8080), ("", 0)) as channel:
            channel.sendall(b"GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: channel.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"v1")


def test_forwarding_comes_from_the_instance_s_address_and_closes_each_half_by_itself(
    instance: Instance, closing_all: ExitStack
) -> None:
    def talk(connection: socket.socket, peer: str) -> None:
        received = b"".join(iter(lambda: connection.recv(65536), b""))
        connection.sendall(f"{peer} {len(received)} ".encode() + b"y" * MEGABYTES)

    server = TcpServer(talk)
    closing_all.callback(server.close)
    with client(instance) as ssh:
        transport = ssh.get_transport()
        assert transport
        with transport.open_channel("direct-tcpip", (server.host, server.port), ("", 0)) as channel:
            channel.sendall(b"x" * MEGABYTES)
            channel.shutdown_write()
            answer = b"".join(iter(lambda: channel.recv(65536), b""))
    assert answer.startswith(f"{instance.address} {MEGABYTES} ".encode())
    assert answer.count(b"y") == MEGABYTES


def test_forwarding_to_a_closed_port_is_refused(instance: Instance) -> None:
    with client(instance) as ssh:
        transport = ssh.get_transport()
        assert transport
        with pytest.raises(paramiko.ChannelException):
            transport.open_channel("direct-tcpip", (instance.address, 9), ("", 0))


def test_a_jump_through_one_instance_to_another(shared_fleet: Fleet, instance: Instance) -> None:
    inner = shared_fleet.launch()
    gateway = instance.connect()
    with (
        gateway,
        Connection(
            inner.address, user="admin", port=2222, gateway=gateway, connect_kwargs=inner.connect().connect_kwargs
        ) as connection,
    ):
        connecting = connection.run("echo $SSH_CONNECTION", hide=True, in_stream=False).stdout.split()
    assert connecting[0] == instance.address
    assert connecting[2] == inner.address


def test_a_command_dies_with_its_client(instance: Instance) -> None:
    ssh = client(instance)
    _, out, _ = ssh.exec_command("trap '' HUP; sleep 1000 & echo $$ $!; wait; sleep 1000")
    pids = [int(word) for word in out.readline().split()]
    assert len(pids) == 2 and all(alive(pid) for pid in pids)
    ssh.close()
    until(lambda: not any(alive(pid) for pid in pids))


def test_a_command_that_has_ended_leaves_its_background_work_alone(instance: Instance) -> None:
    code, out, _ = instance.run("nohup sleep 1000 >/dev/null 2>&1 & echo $!")
    assert code == 0
    time.sleep(0.2)
    assert alive(int(out))
    os.kill(int(out), 9)


def test_an_open_connection_ends_at_power_off(shared_fleet: Fleet) -> None:
    instance = shared_fleet.launch()
    with client(instance) as ssh:
        _, out, _ = ssh.exec_command("echo here; sleep 1000")
        assert out.readline() == "here\n"
        shared_fleet.hosts.stop(instance.id)
        assert out.read() == b""
        transport = ssh.get_transport()
        assert transport
        until(lambda: not transport.is_active())
    with pytest.raises(ConnectionError), socket.create_connection((instance.address, 2222)):
        pass


@pytest.mark.parametrize("algorithm", ["ssh-rsa", "ecdsa-sha2-nistp384"])
def test_a_host_may_have_no_other_key_than_this(tmp_path: Path, key: Key, disk: Path, algorithm: str) -> None:
    fleet = Fleet(tmp_path / "hosts", key, key_algorithm=algorithm)
    try:
        fleet.image(disk)
        instance = fleet.launch()
        printed = [line for line in fleet.hosts.console(instance.id).splitlines() if line.startswith(("ssh-", "ecdsa-"))]
        assert [line.split()[0] for line in printed] == [algorithm]
        with closing(paramiko.Transport((instance.address, 2222))) as transport:
            transport.start_client()
            assert transport.get_remote_server_key().get_base64() == printed[0].split()[1]
    finally:
        fleet.hosts.close()
