"""Host certificates: a real sshd, certified by a CA of the test's own in every way that counts."""

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.decisions.access.host_certificates import DamagedLine, authorities, vouched_for
from tasks.decisions.access.host_keys import to_pin
from tasks.errors import SettingsError
from tasks.hosts.certificates import certified
from tasks.hosts.connecting import connect
from tasks.hosts.keys import Trust, UnknownHostKey, WrongHostKey, trust_address
from tasks.settings.model import Ssh
from tests.hosts import sshd

pytestmark = pytest.mark.skipif(sshd.SSHD is None, reason="no sshd here: apt-get install openssh-server")
NAMES = ("i-1", "127.0.0.1")


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
        with pytest.raises(UnknownHostKey, match="no host certificate .* it presents none"):
            certified("i-1", impostor.address, impostor.port, ssh, NAMES, time.time(), None)
    finally:
        impostor.stop()


def test_another_authority_or_another_name_is_not_believed(folder: Path, server: sshd.Sshd, tmp_path: Path) -> None:
    with pytest.raises(UnknownHostKey, match="'the host' is signed by another CA"):
        certified("i-1", server.address, server.port, settings(server, folder / "other.pub"), NAMES, time.time(), None)
    with pytest.raises(UnknownHostKey, match="'the host' is for i-1"):
        certified("i-2", server.address, server.port, settings(server, folder / "ca.pub"), ("i-2",), time.time(), None)
    with pytest.raises(SettingsError, match="ssh.host_ca: .*No such file"):
        certified("i-1", server.address, server.port, settings(server, tmp_path / "nowhere"), NAMES, time.time(), None)
    (tmp_path / "empty").write_text("# nothing\n")
    with pytest.raises(SettingsError, match="names no CA for i-1"):
        certified("i-1", server.address, server.port, settings(server, tmp_path / "empty"), NAMES, time.time(), None)


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        (["-h", "-n", "i-1"], ""),
        (["-h", "-n", "other,127.0.*"], ""),
        (["-h"], "names no host"),
        (["-h", "-n", "shop.example.com,other"], "is for shop.example.com, other"),
        (["-n", "i-1"], "is a user's, not a host's"),
        (["-h", "-n", "i-1", "-V", "20200101:20200201"], "is not valid now"),
        (["-h", "-n", "i-1", "-V", "+1d:+2d"], "is not valid now"),
        (["-h", "-n", "i-1", "-O", "critical:odd@example.com=1"], "has unknown critical options"),
    ],
)
def test_what_a_certificate_says_counts(folder: Path, tmp_path: Path, options: list[str], wrong: str) -> None:
    key = tmp_path / "host"
    public = sshd.make_key(key)
    line = f"[127.0.0.1]:22 {sign(folder / 'ca', key, *options).read_text()}"
    keys, why = vouched_for(line, authorities((folder / "ca.pub").read_bytes(), NAMES), NAMES, time.time())
    assert (keys == (public,)) == (not wrong) and wrong in why


def test_a_certificate_that_was_changed_proves_nothing(folder: Path, tmp_path: Path) -> None:
    sshd.make_key(tmp_path / "host")
    kind, text, *_ = sign(folder / "ca", tmp_path / "host", "-h").read_text().split()
    change: Callable[[int], str] = lambda at: text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]  # noqa: E731
    for at in range(60, len(text) - 4, 37):
        trusted = authorities((folder / "ca.pub").read_bytes(), NAMES)
        keys, _ = vouched_for(f"h {kind} {change(at)}", trusted, NAMES, time.time())
        assert keys == ()


ED = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB1zIaXQ8x2ZyZl0wT1aZrXQ1v7gqB6vZ2v8m1m5G4wQ"


@pytest.mark.parametrize(
    ("text", "trusted"),
    [
        (f"# {ED}\n\n{ED} our CA\n", (ED,)),
        (f"@cert-authority i-* {ED}\n@cert-authority *.example.com {OTHER}\n", (ED,)),
        (f"@cert-authority *,!i-1 {ED}\n@cert-authority 127.0.0.1 {OTHER}\n", (OTHER, ED)),
        (f"@cert-authority i-9 {ED}", ()),
        (f"i-1 {ED}\n* {OTHER}\n", ()),  # keys of hosts
        (f"@revoked * {ED}\n@cert-authority * {ED}\n{ED}\n{OTHER}\n", (OTHER,)),
    ],
)
def test_what_makes_a_key_a_ca(text: str, trusted: tuple[str, ...]) -> None:
    assert set(authorities(text.encode(), NAMES)) == set(trusted)


@pytest.mark.parametrize(
    "line", ["nonsense", "@trusted * " + ED, "@cert-authority *", "@cert-authority * " + ED[:-4], ED[:-4], "sk-" + ED]
)
def test_any_other_line_is_an_error_with_its_number(line: str) -> None:
    with pytest.raises(DamagedLine, match="^line 2: "):
        authorities(f"{OTHER}\n{line}\n".encode(), NAMES)


@pytest.mark.parametrize("text", ["[{address}]:{port} {other}", "@cert-authority mail.example.com {ca}", "{ca}\n@revoked * {ca}"])
def test_an_impostor_with_a_certificate_that_openssh_would_refuse_gets_no_login(
    folder: Path, server: sshd.Sshd, tmp_path: Path, text: str
) -> None:
    """H1: what stands in the file is no CA for this host, though a certificate by its key is shown."""
    ca = (folder / "ca.pub").read_text().strip()
    (tmp_path / "known_hosts").write_text(text.format(address=server.address, port=server.port, other=ca, ca=ca) + "\n")
    with pytest.raises(SettingsError, match="names no CA for i-1"):
        certified("i-1", server.address, server.port, settings(server, tmp_path / "known_hosts"), NAMES, time.time(), None)


def test_a_revoked_host_key_is_refused_whatever_vouches_for_it(folder: Path, server: sshd.Sshd, tmp_path: Path) -> None:
    (tmp_path / "ca").write_text(f"{(folder / 'ca.pub').read_text()}@revoked * {server.host_key}\n")
    ssh = settings(server, tmp_path / "ca")
    revoked = trust_address(server.address, server.port, ssh).revoked
    for keys in ((server.host_key,), (to_pin(server.host_key),)):  # by its certificate, or a tag
        with pytest.raises(WrongHostKey, match="which a @revoked line"):
            connect("i-1", server.address, ssh, Trust(keys, "a test", revoked))
