import subprocess
from pathlib import Path

import pytest

from tasks.decisions.access.host_keys import ConflictingKeys, fingerprint, from_console, from_tag, is_one_of, to_pin

ED = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB1zIaXQ8x2ZyZl0wT1aZrXQ1v7gqB6vZ2v8m1m5G4wQ"


def made(folder: Path, kind: str, *options: str) -> str:
    subprocess.run(["ssh-keygen", "-q", "-t", kind, *options, "-N", "", "-f", str(folder / kind)], check=True)
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


def test_blocks_that_agree_are_believed_as_far_as_they_agree(tmp_path: Path) -> None:
    rsa = made(tmp_path, "rsa")
    assert from_console(f"{block(ED, rsa)}\nreboot\n{block(ED)}") == (ED,)
    assert from_console(f"{block(ED)}\n{block(ED)}") == (ED,)


def test_blocks_that_differ_are_told() -> None:
    with pytest.raises(ConflictingKeys, match="ssh-ed25519 SHA256:.* and SHA256:"):
        from_console(f"{block(ED)}\na service prints\n{block(OTHER)}")


def test_a_line_of_the_kernel_in_the_middle_of_a_key_makes_no_key_of_its_half(tmp_path: Path) -> None:
    rsa = made(tmp_path, "rsa")
    for at in range(20, len(ED)):
        assert from_console(block(f"{ED[:at]}[   12.345678] random: crng init done\r\n{ED[at:]}", rsa)) == (rsa,)
    # Where the console begins in the middle of a block, or ends there.
    whole = f"boot\n{block(ED, rsa)}\n{block(ED, rsa)}"
    assert from_console(whole[whole.index(ED) + 9 :]) == (ED, rsa)
    assert from_console(whole[: whole.rindex(rsa) + 9]) == (ED, rsa)


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


@pytest.mark.parametrize(("kind", "bits"), [("ed25519", 256), ("rsa", 3072), ("ecdsa", 256), ("ecdsa", 384), ("ecdsa", 521)])
def test_a_pin_fits_into_a_tag_whatever_its_kind(tmp_path: Path, kind: str, bits: int) -> None:
    key = made(tmp_path, kind, "-b", str(bits))
    pin = to_pin(key)
    assert len(pin) <= 256 and from_tag(pin) == (pin,)
    assert is_one_of(key, [pin]) and is_one_of(key, [key]) and not is_one_of(key, [to_pin(ED), OTHER])
    assert fingerprint(pin) == fingerprint(key) and pin.split()[0] == key.split()[0]


def test_what_a_tag_holds() -> None:
    assert from_tag(ED) == (ED,)  # as earlier versions wrote it
    assert from_tag("") == from_tag("yes") == from_tag(f"{ED} and more") == from_tag("ssh-ed25519 SHA256:short") == ()
    assert from_tag(ED[:-8]) == ()
