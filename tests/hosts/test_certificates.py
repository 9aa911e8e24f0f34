"""Host certificates: a real sshd, certified by a CA of the test's own in every way that counts."""

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.decisions.access.host_certificates import authorities, judge
from tasks.errors import SettingsError
from tasks.hosts.certificates import certified
from tasks.hosts.connecting import connect
from tasks.hosts.keys import UnknownHostKey, WrongHostKey
from tasks.settings.model import Ssh
from tests.hosts import sshd

pytestmark = pytest.mark.skipif(sshd.SSHD is None, reason="no sshd here: apt-get install openssh-server")
NAMES = ("i-1", "127.0.0.1", "shop.example.com")


def sign(ca: Path, key: Path, *options: str) -> Path:
    """Certify a public key; return the certificate."""
    subprocess.run(["ssh-keygen", "-q", "-s", ca, "-I", "the host", *options, f"{key}.pub"], check=True)
    return key.with_name(f"{key.name}-cert.pub")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("ca")
    for name in ("ca", "other", "key"):
        sshd.make_key(made / name)
    return made


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[sshd.Sshd]:
    certificate = folder / "sshd/host_key-cert.pub"
    made = sshd.start(folder / "sshd", more=f"HostCertificate {certificate}")
    made.stop()
    sign(folder / "ca", folder / "sshd/host_key", "-h", "-n", "i-1")
    config = folder / "sshd/sshd_config"
    assert sshd.SSHD
    with subprocess.Popen([sshd.SSHD, "-D", "-e", "-f", str(config)]) as process:
        end = time.monotonic() + 60
        while not subprocess.run(["ssh-keyscan", "-c", "-p", str(made.port), made.address], capture_output=True).stdout:
            assert time.monotonic() < end
        yield replace(made, process=process)
        process.terminate()


def settings(server: sshd.Sshd, ca: Path) -> Ssh:
    return Ssh(user=server.user, key=str(server.client_key), port=server.port, host_ca=str(ca))


def test_a_certified_host_is_believed_and_must_have_the_key_that_its_certificate_names(
    folder: Path, server: sshd.Sshd, tmp_path: Path
) -> None:
    ssh = settings(server, folder / "ca.pub")
    trusted = certified("i-1", server.address, server.port, ssh, NAMES, time.time(), None)
    assert trusted.keys == (server.host_key,)
    with connect("i-1", server.address, ssh, trusted) as host:
        assert host.run("echo in").text == "in"
        # Through another host the certificate is asked from there.
        assert certified("i-2", server.address, server.port, ssh, NAMES, time.time(), host).keys == trusted.keys
    impostor = sshd.start(tmp_path / "impostor")
    try:
        with pytest.raises(WrongHostKey, match="its certificate, by "):
            connect("i-1", impostor.address, replace(ssh, port=impostor.port), trusted)
        with pytest.raises(UnknownHostKey, match="no host certificate .* it shows none"):
            certified("i-1", impostor.address, impostor.port, ssh, NAMES, time.time(), None)
    finally:
        impostor.stop()


def test_another_authority_or_another_name_is_not_believed(folder: Path, server: sshd.Sshd, tmp_path: Path) -> None:
    with pytest.raises(UnknownHostKey, match="'the host' is signed by somebody else"):
        certified("i-1", server.address, server.port, settings(server, folder / "other.pub"), NAMES, time.time(), None)
    with pytest.raises(UnknownHostKey, match="'the host' is for i-1"):
        certified("i-2", server.address, server.port, settings(server, folder / "ca.pub"), ("i-2",), time.time(), None)
    with pytest.raises(SettingsError, match="ssh.host_ca: .*No such file"):
        certified("i-1", server.address, server.port, settings(server, tmp_path / "nowhere"), NAMES, time.time(), None)
    (tmp_path / "empty").write_text("# nothing\n")
    with pytest.raises(SettingsError, match="holds no public key"):
        certified("i-1", server.address, server.port, settings(server, tmp_path / "empty"), NAMES, time.time(), None)


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        (["-h"], ""),
        (["-h", "-n", "shop.example.com,other"], ""),
        (["-n", "i-1"], "is a user's, not a host's"),
        (["-h", "-n", "i-1", "-V", "20200101:20200201"], "is not valid now"),
        (["-h", "-n", "i-1", "-V", "+1d:+2d"], "is not valid now"),
        (["-h", "-n", "i-1", "-O", "critical:odd@example.com=1"], "has critical options"),
    ],
)
def test_what_a_certificate_says_counts(folder: Path, tmp_path: Path, options: list[str], wrong: str) -> None:
    key = tmp_path / "host"
    public = sshd.make_key(key)
    line = f"[127.0.0.1]:22 {sign(folder / 'ca', key, *options).read_text()}"
    keys, why = judge(line, authorities((folder / "ca.pub").read_text()), NAMES, time.time())
    assert (keys == (public,)) == (not wrong) and wrong in why


def test_a_certificate_that_was_changed_proves_nothing(folder: Path, tmp_path: Path) -> None:
    sshd.make_key(tmp_path / "host")
    kind, text, *_ = sign(folder / "ca", tmp_path / "host", "-h").read_text().split()
    change: Callable[[int], str] = lambda at: text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]  # noqa: E731
    for at in range(60, len(text) - 4, 37):
        keys, _ = judge(f"h {kind} {change(at)}", authorities((folder / "ca.pub").read_text()), NAMES, time.time())
        assert keys == ()


def test_authorities_are_read_from_known_hosts_lines_too() -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
    assert authorities(f"# {key}\n@cert-authority *.example.com {key} a comment\n{key}\n") == (key, key)
