"""Host keys as text: fingerprints, the keys on an instance's console, the pin in its tag.

A key is written as OpenSSH writes it, without the comment: "ssh-ed25519 AAAA..."; a pin is its kind and fingerprint:
"ssh-ed25519 SHA256:...".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Collection

CONSOLE_WAIT = 1260.0  # seconds after its launch within which EC2 posts an instance's console (reports: 5 to 20 minutes)
CONSOLE_SIZE = 64 * 1024  # bytes that EC2 keeps of it

_BEGIN, _END = "-----BEGIN SSH HOST KEY KEYS-----", "-----END SSH HOST KEY KEYS-----"
_BLOCK = re.compile(f"{_BEGIN}((?:(?!{_BEGIN}).)*?){_END}", re.S)
# On a console a time or a unit's name precedes the line and the host's name follows it.
_KEY = re.compile(r"\b((?:ssh|ecdsa)-[a-z0-9-]+) (AAAA[A-Za-z0-9+/=]+)")
_PIN = re.compile(r"((?:ssh|ecdsa)-[a-z0-9-]+) (SHA256:[A-Za-z0-9+/]{43})")

# The kind in a line -> the kind inside the key (RFC 8332: signatures of the same RSA key).
_KINDS = {"ssh-ed25519": "ssh-ed25519", **dict.fromkeys(("ssh-rsa", "rsa-sha2-256", "rsa-sha2-512"), "ssh-rsa")}
_CURVES = {"nistp256": 256, "nistp384": 384, "nistp521": 521}
_KINDS |= {f"ecdsa-sha2-{curve}": f"ecdsa-sha2-{curve}" for curve in _CURVES}
_SHORTEST_RSA = 1024  # bits; OpenSSH rejects shorter keys
_BLANKS = "\r\v\f"  # skipped by OpenSSH inside of base64, besides the blanks that end it


class ConflictingKeys(ValueError):
    """A console shows different host keys for one instance."""


def fingerprint(key: str) -> str:
    """Return the fingerprint of a key or a pin as `ssh-keygen -l` shows it, "SHA256:..."."""
    data = key.split()[1]
    if data.startswith("SHA256:"):
        return data
    digest = hashlib.sha256(base64.b64decode(data)).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def canonical(kind: str, data: str) -> str | None:
    """Return the key in two fields of a line, or None when OpenSSH would read none.

    Every length inside the key is checked: a truncated key is none.
    """
    blob = _decoded(data)
    own = _KINDS.get(kind)
    if blob is None or own is None:
        return None
    parts = _parts(blob)
    if parts is None or parts[0] != own.encode() or not _whole(own, parts[1:]):
        return None
    return f"{own} {base64.b64encode(blob).decode()}"


def from_console(console: str) -> tuple[str, ...]:
    """Return the host keys that cloud-init printed, those in every block.

    `console`: the text of GetConsoleOutput. Raises ConflictingKeys where two blocks differ in a key of one kind: another
    program may have printed one of them. Source: cloud-init's module "Keys to Console".
    """
    blocks = []
    for block in _BLOCK.findall(console):
        found = [canonical(kind, data) for kind, data in _KEY.findall(block)]
        blocks.append({key.split()[0]: key for key in found if key is not None})
    blocks = [block for block in blocks if block]
    kinds = {kind for block in blocks for kind in block}
    for kind in sorted(kinds):
        shown = sorted({fingerprint(block[kind]) for block in blocks if kind in block})
        if len(shown) > 1:
            raise ConflictingKeys(f"{kind} {' and '.join(shown)}")
    return tuple(key for kind, key in (blocks[0] if blocks else {}).items() if all(kind in block for block in blocks))


def from_tag(value: str) -> tuple[str, ...]:
    """Return the pin or key in a tag; empty when there is neither."""
    text = value.strip()
    if _PIN.fullmatch(text):
        return (text,)
    found = _KEY.fullmatch(text)
    key = canonical(found[1], found[2]) if found else None
    return (key,) if key else ()


def to_pin(key: str) -> str:
    """Return the tag value that pins a key: kind and fingerprint, short enough for every kind."""
    return f"{key.split()[0]} {fingerprint(key)}"


def is_one_of(key: str, known: Collection[str]) -> bool:
    """Return whether a key is among keys and pins."""
    return key in known or to_pin(key) in known


def _decoded(data: str) -> bytes | None:
    text = data.translate({ord(blank): None for blank in _BLANKS})
    try:
        blob = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return blob if base64.b64encode(blob).decode() == text else None


def _parts(blob: bytes) -> list[bytes] | None:
    """Return the strings that a key consists of (RFC 4251, section 5), or None where a length is wrong."""
    found, at = [], 0
    while at < len(blob):
        length = int.from_bytes(blob[at : at + 4], "big")
        part = blob[at + 4 : at + 4 + length]
        if len(blob) < at + 4 or len(part) < length:
            return None
        found.append(part)
        at += 4 + length
    return found or None


def _whole(kind: str, parts: list[bytes]) -> bool:
    if kind == "ssh-ed25519":
        return len(parts) == 1 and len(parts[0]) == 32
    if len(parts) != 2:
        return False
    if kind == "ssh-rsa":
        exponent, modulus = parts
        return all(_positive(number) for number in parts) and int.from_bytes(modulus, "big").bit_length() >= _SHORTEST_RSA
    curve, point = parts
    return curve.decode(errors="replace") == kind.rpartition("-")[2] and _on_curve(_CURVES[kind.rpartition("-")[2]], point)


def _positive(number: bytes) -> bool:
    """Return whether a number is a positive `mpint` of RFC 4251: no needless zeros, no sign."""
    if not number or number[0] & 0x80 or len(number) > 16384 // 8 + 1:
        return False
    return not (number[0] == 0 and (len(number) == 1 or not number[1] & 0x80))


def _on_curve(bits: int, point: bytes) -> bool:
    from cryptography.hazmat.primitives.asymmetric import ec

    curves: dict[int, ec.EllipticCurve] = {256: ec.SECP256R1(), 384: ec.SECP384R1(), 521: ec.SECP521R1()}
    if len(point) != 1 + 2 * ((bits + 7) // 8) or point[0] != 4:
        return False
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(curves[bits], point)
    except ValueError:
        return False
    return True
