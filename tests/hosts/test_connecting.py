"""What can go wrong when SSH is opened: each case one line that says what, where and what to do."""

import logging
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.decisions.access.host_keys import fingerprint
from tasks.errors import HostUnreachable, SettingsError
from tasks.hosts.connecting import connect
from tasks.hosts.keys import Trust, UnknownHostKey, WrongHostKey, trust_address
from tasks.settings.model import Ssh
from tests.hosts import sshd

NOBODY = Trust((), "")


@pytest.fixture(scope="module")
def impostor(server: sshd.Sshd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Sshd]:
    """Another machine that lets the same client in."""
    folder = tmp_path_factory.mktemp("sshd") / "impostor"
    running = sshd.start(folder)
    (folder / "authorized_keys").write_text(" ".join(server.client_key.with_suffix(".pub").read_text().split()[:2]) + "\n")
    yield running
    running.stop()


def say(ssh: Ssh, trusted: Trust, address: str = "127.0.0.1") -> str:
    with pytest.raises(HostUnreachable) as caught:
        connect("i-1", address, ssh, trusted).close()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_trusted_key_opens(ssh: Ssh, server: sshd.Sshd, tmp_path: Path) -> None:
    settings = replace(ssh, known_hosts=str(server.known_hosts(tmp_path)))
    with connect("i-1", server.address, ssh, trust_address(server.address, server.port, settings)) as host:
        assert host.run("echo in").text == "in"


def test_an_impostor_behind_the_address_is_refused_naming_both_keys(ssh: Ssh, server: sshd.Sshd, impostor: sshd.Sshd) -> None:
    with pytest.raises(WrongHostKey) as caught:
        connect("i-1", impostor.address, replace(ssh, port=impostor.port), Trust((server.host_key,), "its tag ramped:host-key"))
    text = str(caught.value)
    assert fingerprint(server.host_key) in text and fingerprint(impostor.host_key) in text
    assert "its tag ramped:host-key says" in text


def test_an_impostor_with_another_kind_of_key_is_named_as_well(ssh: Ssh, server: sshd.Sshd, tmp_path: Path) -> None:
    other = sshd.start(tmp_path / "other", kind="rsa")
    try:
        text = say(replace(ssh, port=other.port), Trust((server.host_key,), "its console output"))
        assert fingerprint(server.host_key) in text and fingerprint(other.host_key) in text
    finally:
        other.stop()


def test_a_known_rsa_key_is_accepted(tmp_path: Path) -> None:
    other = sshd.start(tmp_path / "rsa", kind="rsa")
    try:
        settings = Ssh(user=other.user, key=str(other.client_key), port=other.port)
        with connect("i-1", other.address, settings, Trust((other.host_key,), "a test")) as host:
            assert host.run("echo in").text == "in"
    finally:
        other.stop()


def test_the_known_key_is_asked_for_where_a_server_has_several(ssh: Ssh, tmp_path: Path) -> None:
    rsa = sshd.make_key(tmp_path / "second", "rsa")
    both = sshd.start(tmp_path / "both", more=f"HostKey {tmp_path / 'second'}")
    try:
        settings = Ssh(user=both.user, key=str(both.client_key), port=both.port)
        with connect("i-1", both.address, settings, Trust((rsa,), "known_hosts of old")) as host:
            assert host.run("echo in").text == "in"
    finally:
        both.stop()


def test_an_unknown_key_is_refused_with_its_fingerprint(ssh: Ssh, server: sshd.Sshd) -> None:
    with pytest.raises(UnknownHostKey, match="nothing vouches for it") as caught:
        connect("i-1", server.address, ssh, NOBODY)
    assert fingerprint(server.host_key) in str(caught.value)


def test_no_key_is_offered_to_a_host_that_is_not_trusted(ssh: Ssh, impostor: sshd.Sshd, server: sshd.Sshd) -> None:
    # Without a key to let us in the answer would be "authentication failed": the host's key must be judged before.
    stranger = replace(ssh, key=None, user="nobody-there", port=impostor.port)
    assert "shows the host key" in say(stranger, Trust((server.host_key,), "a test"))


def test_a_user_who_is_not_let_in(ssh: Ssh, server: sshd.Sshd, tmp_path: Path) -> None:
    sshd.make_key(tmp_path / "stranger")
    text = say(replace(ssh, key=str(tmp_path / "stranger")), Trust((server.host_key,), "a test"))
    assert "authentication failed" in text and "ssh.user and ssh.key" in text


def test_a_locked_key(ssh: Ssh, server: sshd.Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    sshd.make_key(tmp_path / "locked", passphrase="open sesame")
    text = say(replace(ssh, key=str(tmp_path / "locked")), Trust((server.host_key,), "a test"))
    assert "protected by a passphrase" in text


def test_a_key_that_is_not_there_is_a_setting_that_is_wrong(ssh: Ssh, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"ssh\.key: found .*/none, where there is no file"):
        connect("i-1", "127.0.0.1", replace(ssh, key=str(tmp_path / "none")), NOBODY)


def test_a_known_hosts_file_that_is_not_there_is_a_setting_that_is_wrong(ssh: Ssh, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"ssh\.known_hosts: .*/none: No such file"):
        trust_address("127.0.0.1", 22, replace(ssh, known_hosts=str(tmp_path / "none")))


def test_nothing_listens(ssh: Ssh) -> None:
    text = say(replace(ssh, port=sshd.free_port("127.0.0.1")), NOBODY)
    assert "refuses the connection" in text and "ssh.port" in text


def test_a_server_that_never_speaks(ssh: Ssh) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        text = say(replace(ssh, port=silent.getsockname()[1], timeout=1), NOBODY)
    assert "no SSH session" in text or "does not answer" in text


def test_the_libraries_print_nothing_of_their_own(ssh: Ssh, capfd: pytest.CaptureFixture[str]) -> None:
    # Paramiko logs a traceback for a server that hangs up; without any handler logging would print it.
    root = logging.getLogger()
    handlers, root.handlers = root.handlers, []
    try:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            say(replace(ssh, port=silent.getsockname()[1], timeout=1), NOBODY)
    finally:
        root.handlers = handlers
    assert capfd.readouterr().err == ""


def test_the_operators_own_ssh_config_sends_us_nowhere_else(
    ssh: Ssh, server: sshd.Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text("Host *\n  HostName 192.0.2.1\n  ProxyCommand false\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    with connect("i-1", server.address, ssh, Trust((server.host_key,), "a test")) as host:
        assert host.run("echo in").text == "in"
