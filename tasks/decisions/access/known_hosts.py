"""The lines of a known_hosts file, read as OpenSSH reads them.

Source: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"; a test compares the rest with `ssh-keygen -F`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from .host_keys import canonical

Marker = Literal["", "@cert-authority", "@revoked"]
_BLANK = re.compile(rb"[ \t]+")
_LONGEST_PATTERN = 1023  # bytes
_LONGEST_MARKER = 31
_SALT = 20  # bytes


@dataclass(frozen=True)
class Line:
    """A line about a host or, without `hosts`, a bare public key."""

    number: int
    marker: Marker
    hosts: bytes
    key: str  # "ssh-ed25519 AAAA..."

    def names(self, names: Sequence[str]) -> bool:
        """Return whether the line is about a host of one of these names."""
        return any(matches(self.hosts, name) for name in names)


@dataclass(frozen=True)
class Damaged:
    """A line that OpenSSH ignores."""

    number: int
    why: str


def name_of(address: str, port: int) -> str:
    """Return an address as a known_hosts file names it."""
    return address if port == 22 else f"[{address}]:{port}"


def read(data: bytes, *, bare: bool = False) -> Iterator[Line | Damaged]:
    """Read a file line by line; comments and empty lines are left out.

    `bare`: a line may also be a public key alone, as in a `.pub` file.
    """
    for number, raw in enumerate(data.split(b"\n"), 1):
        line = raw.partition(b"\0")[0].lstrip(b" \t")
        if line and not line.startswith(b"#") and line != b"\r":
            yield _bare(number, line) if bare and _is_bare(line) else _read(number, line)


def keys_of(lines: Sequence[Line | Damaged], names: Sequence[str], marker: Marker) -> tuple[str, ...]:
    """Return the keys of the lines with a marker that are about a host of one of these names, each once, in order."""
    found = (line.key for line in lines if isinstance(line, Line) and line.marker == marker and line.names(names))
    return tuple(dict.fromkeys(found))


def matches(patterns: bytes, name: str) -> bool:
    """Return whether a list of patterns, or a hashed name, matches a host."""
    if patterns.startswith(b"|"):
        return _is_hash_of(patterns, name.encode())
    wanted, chosen = name.encode().lower(), False
    for pattern in patterns.split(b","):
        negated = pattern.startswith(b"!")
        plain = pattern[1:] if negated else pattern
        if len(plain) >= _LONGEST_PATTERN:
            return False
        if _fits(plain.lower(), wanted):
            if negated:
                return False
            chosen = True
    return chosen


def wildcard(pattern: str, name: str) -> bool:
    """Return whether a name fits a pattern of `*` and `?`, as the principal of a certificate is compared."""
    return _fits(pattern.encode(), name.encode())


def _fits(pattern: bytes, name: bytes) -> bool:
    """Return whether a name fits a pattern of `*` and `?`; backtracks to the last star alone, so it is fast."""
    at, position, star, resume = 0, 0, -1, 0
    while position < len(name):
        if at < len(pattern) and pattern[at : at + 1] == b"*":
            star, resume, at = at, position, at + 1
        elif at < len(pattern) and pattern[at : at + 1] in (b"?", name[position : position + 1]):
            at, position = at + 1, position + 1
        elif star >= 0:
            resume += 1
            at, position = star + 1, resume
        else:
            return False
    return not pattern[at:].strip(b"*")


def _read(number: int, line: bytes) -> Line | Damaged:
    marker, rest = _marker(line)
    if marker is None:
        return Damaged(number, "a marker other than @cert-authority and @revoked, or no blank after it")
    hosts, blank, fields = _cut(rest)
    if not blank:
        return Damaged(number, "nothing after the host names")
    if hosts.startswith(b"|") and _salt_of(hosts) is None:
        return Damaged(number, "a hashed host name that cannot be read")
    key = _key(fields)
    return Line(number, marker, hosts, key) if key else Damaged(number, "no public key of a known kind")


def _bare(number: int, line: bytes) -> Line | Damaged:
    key = _key(line)
    return Line(number, "", b"", key) if key else Damaged(number, "a public key that cannot be read")


def _is_bare(line: bytes) -> bool:
    """Return whether a line begins with the kind of a key instead of host names."""
    return re.match(rb"(?:ssh-|ecdsa-sha2-|rsa-sha2-|sk-)[a-z0-9@.-]+[ \t]+AAAA", line) is not None


def _marker(line: bytes) -> tuple[Marker | None, bytes]:
    if not line.startswith(b"@"):
        return "", line
    # A tab ends a marker only where no blank follows on the whole line, as in OpenSSH.
    end = line.find(b" ") if b" " in line else line.find(b"\t")
    word, rest = line[: max(end, 0)], line[max(end, 0) :].lstrip(b" \t")
    if len(word) > _LONGEST_MARKER or rest.startswith(b"@"):
        return None, line
    if word == b"@cert-authority":
        return "@cert-authority", rest
    return ("@revoked", rest) if word == b"@revoked" else (None, line)


def _key(text: bytes) -> str | None:
    fields = _BLANK.split(text.strip(b" \t"), maxsplit=2)
    if len(fields) < 2:
        return None
    return canonical(fields[0].decode("latin-1"), fields[1].decode("latin-1"))


def _cut(text: bytes) -> tuple[bytes, bytes, bytes]:
    found = re.search(rb"[ \t]", text)
    return (text[: found.start()], found[0], text[found.end() :]) if found else (text, b"", b"")


def _is_hash_of(hashed: bytes, name: bytes) -> bool:
    salt = _salt_of(hashed)
    if salt is None:
        return False
    digest = hmac.new(salt, name, hashlib.sha1).digest()
    return hmac.compare_digest(b"|1|" + base64.b64encode(salt) + b"|" + base64.b64encode(digest), hashed)


def _salt_of(hashed: bytes) -> bytes | None:
    parts = hashed.split(b"|")
    if len(parts) < 4 or parts[1] != b"1":
        return None
    try:
        salt = base64.b64decode(parts[2], validate=True)
    except (binascii.Error, ValueError):
        return None
    return salt if len(salt) == _SALT else None
