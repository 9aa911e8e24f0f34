import subprocess
from pathlib import Path

import pytest

from tasks.decisions.access.host_keys import fingerprint, from_console, from_known_hosts, from_tag, to_pin

ED = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB1zIaXQ8x2ZyZl0wT1aZrXQ1v7gqB6vZ2v8m1m5G4wQ"


def made(folder: Path, kind: str) -> str:
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(folder / kind)], check=True)
    return " ".join((folder / f"{kind}.pub").read_text().split()[:2])


def block(*lines: str) -> str:
    return "\n".join(["-----BEGIN SSH HOST KEY KEYS-----", *lines, "-----END SSH HOST KEY KEYS-----"])


def test_the_fingerprint_is_that_of_openssh(tmp_path: Path) -> None:
    key = made(tmp_path, "ecdsa")
    told = subprocess.run(["ssh-keygen", "-lf", str(tmp_path / "ecdsa.pub")], check=True, capture_output=True, text=True)
    assert fingerprint(key) == told.stdout.split()[1]


def test_keys_are_found_on_a_console() -> None:
    console = f"Booting\n{block(f'{ED} root@ip-10-0-0-1')}\nlogin:"
    assert from_console(console) == (ED,)


def test_keys_are_found_behind_the_marks_that_a_console_adds() -> None:
    assert from_console(block(f"[   12.345678] cloud-init[612]: {ED} root@ip\r")) == (ED,)


def test_a_later_boot_with_new_keys_counts() -> None:
    assert from_console(f"{block(ED)}\nreboot\n{block(OTHER)}") == (OTHER,)


@pytest.mark.parametrize(
    "console",
    [
        "",
        ED,  # outside of the block anybody may have printed it
        f"-----BEGIN SSH HOST KEY KEYS-----\n{ED}",  # cut off: a key may be cut off too
        block("ssh-ed25519 AAAA"),
        block("ssh-rsa " + ED.split()[1]),  # says another type than it is
        f"-----END SSH HOST KEY KEYS-----\n{ED}\n-----BEGIN SSH HOST KEY KEYS-----",
    ],
)
def test_what_is_no_key_of_a_console(console: str) -> None:
    assert from_console(console) == ()


def test_the_pin_is_the_shortest_kind(tmp_path: Path) -> None:
    rsa, ecdsa = made(tmp_path, "rsa"), made(tmp_path, "ecdsa")
    assert to_pin([rsa, ecdsa, ED]) == ED
    assert to_pin([rsa, ecdsa]) == ecdsa
    assert to_pin([rsa]) is None
    assert to_pin([]) is None
    assert max(len(ED), len(ecdsa)) <= 256 < len(rsa)


def test_a_pin_is_read_back() -> None:
    assert from_tag(ED) == (ED,)
    assert from_tag("") == from_tag("yes") == from_tag(f"{ED} and more") == ()


def test_known_hosts_by_address_and_port() -> None:
    text = f"# mine\n\n10.0.0.1 {ED} a comment\n[10.0.0.1]:2222 {OTHER}\nbroken\n10.0.0.1 ssh-ed25519 notbase64!"
    assert from_known_hosts(text, "10.0.0.1", 22) == (ED,)
    assert from_known_hosts(text, "10.0.0.1", 2222) == (OTHER,)
    assert from_known_hosts(text, "10.0.0.2", 22) == ()


def test_known_hosts_by_list_and_pattern() -> None:
    text = f"web,10.0.0.* {ED}\n10.1.*,!10.1.0.9 {OTHER}\n[10.2.0.?]:2222 {ED}"
    assert from_known_hosts(text, "10.0.0.77", 22) == from_known_hosts(text, "web", 22) == (ED,)
    assert from_known_hosts(text, "10.1.0.8", 22) == (OTHER,)
    assert from_known_hosts(text, "10.1.0.9", 22) == ()
    assert from_known_hosts(text, "10.2.0.5", 2222) == (ED,)


def test_known_hosts_with_several_keys_for_one_address() -> None:
    assert from_known_hosts(f"web {ED}\nweb {OTHER}", "web", 22) == (ED, OTHER)


def test_a_revoked_key_is_not_trusted_and_an_authority_is_no_host() -> None:
    text = f"web {ED}\nweb {OTHER}\n@revoked * {ED}\n@cert-authority mail {ED}"
    assert from_known_hosts(text, "web", 22) == (OTHER,)
    assert from_known_hosts(text, "mail", 22) == ()


@pytest.mark.parametrize("port", [22, 2222])
def test_hashed_names_as_openssh_writes_them(tmp_path: Path, port: int) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(f"{'10.0.0.1' if port == 22 else '[10.0.0.1]:2222'} {ED}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(path)], check=True, capture_output=True)
    assert "10.0.0.1" not in path.read_text()
    assert from_known_hosts(path.read_text(), "10.0.0.1", port) == (ED,)
    assert from_known_hosts(path.read_text(), "10.0.0.2", port) == ()
