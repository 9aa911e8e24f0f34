"""Host keys as text: which ones a known_hosts file or a machine's console vouches for, and their fingerprints.

A key is written as OpenSSH writes it, without the comment: "ssh-ed25519 AAAA...".
"""

import base64
import binascii
import fnmatch
import hashlib
import hmac
import re
from collections.abc import Sequence

_BEGIN, _END = "-----BEGIN SSH HOST KEY KEYS-----", "-----END SSH HOST KEY KEYS-----"
# A console puts a time or a unit's name before a line and the host's name after it.
_KEY = re.compile(r"\b((?:ssh|ecdsa)-[a-z0-9-]+) (AAAA[A-Za-z0-9+/=]+)")
# The value of an EC2 tag holds 256 characters; an RSA key is longer.
_PINNED = ("ssh-ed25519", "ecdsa-sha2-nistp256")


def fingerprint(key: str) -> str:
    """Return the fingerprint as `ssh-keygen -l` shows it, "SHA256:..."."""
    digest = hashlib.sha256(base64.b64decode(key.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def from_console(console: str) -> tuple[str, ...]:
    """Return the host keys that cloud-init printed at the last boot that made some.

    `console`: the text of GetConsoleOutput. Source: cloud-init's module "Keys to Console".
    """
    start, end = console.rfind(_BEGIN), console.rfind(_END)
    if start < 0 or end < start:
        return ()
    return tuple(f"{kind} {data}" for kind, data in _KEY.findall(console[start:end]) if _is_key(kind, data))


def from_tag(value: str) -> tuple[str, ...]:
    """Return the key that a tag holds, or nothing when it holds none."""
    found = _KEY.fullmatch(value.strip())
    return (value.strip(),) if found and _is_key(found[1], found[2]) else ()


def to_pin(keys: Sequence[str]) -> str | None:
    """Choose the key that is written into the machine's tag, or None when none of them fits there."""
    return next((key for kind in _PINNED for key in keys if key.startswith(f"{kind} ")), None)


def from_known_hosts(text: str, address: str, port: int) -> tuple[str, ...]:
    """Return the keys that a known_hosts file trusts for an address.

    `text`: the file, hashed names and patterns included. Source: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT".
    """
    name = address if port == 22 else f"[{address}]:{port}"
    found, revoked = [], set()
    for line in text.splitlines():
        fields = line.split()
        marker = fields.pop(0) if fields and fields[0].startswith("@") else ""
        if len(fields) < 3 or fields[0].startswith("#") or not _is_key(fields[1], fields[2]) or not _names(fields[0], name):
            continue
        if marker == "@revoked":
            revoked.add(f"{fields[1]} {fields[2]}")
        elif not marker:  # a @cert-authority signs keys, it is none
            found.append(f"{fields[1]} {fields[2]}")
    return tuple(key for key in found if key not in revoked)


def _names(patterns: str, name: str) -> bool:
    if patterns.startswith("|1|"):
        salt, digest = (base64.b64decode(part) for part in patterns.split("|")[2:4])
        return hmac.compare_digest(hmac.new(salt, name.encode(), hashlib.sha1).digest(), digest)
    chosen = False
    for pattern in patterns.split(","):
        negated = pattern.startswith("!")
        # Brackets hold a port here; to fnmatch they would be a set of characters.
        if fnmatch.fnmatchcase(name, pattern.lstrip("!").replace("[", "[[]")):
            if negated:
                return False
            chosen = True
    return chosen


def _is_key(kind: str, data: str) -> bool:
    try:
        blob = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return False
    # The blob begins with the length and the text of its own type: a line that lies about it is no key.
    return blob[4 : 4 + int.from_bytes(blob[:4], "big")] == kind.encode() and len(blob) > 4 + len(kind)
