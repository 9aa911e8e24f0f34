"""Whether a server sends the right bytes for a static file."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

# ManifestFilesMixin.file_hash of Django ("Static files" in its reference): the first 12 digits of the MD5 of the content.
_NAMED = re.compile(r"\.([0-9a-f]{12})(?:\.[^./]+)?$")


_MISNAMED = "its bytes are not those of its name"
_OTHER = "its bytes are not those of this release"


class Digest:
    """The checksums of a file, computed in chunks: files may be larger than the memory."""

    def __init__(self, body: bytes = b"") -> None:
        self._md5 = hashlib.md5(body, usedforsecurity=False)
        self._sha256 = hashlib.sha256(body)

    def update(self, piece: bytes) -> None:
        """Add the next chunk."""
        self._md5.update(piece)
        self._sha256.update(piece)

    def fits(self, named: str) -> bool:
        """Return whether the content has a hash, or one that begins so."""
        return self._md5.hexdigest().startswith(named) or self.sum.startswith(named)

    @property
    def sum(self) -> str:
        """The SHA256 of the content."""
        return self._sha256.hexdigest()


class Contents:
    """The content of static files, as the management instance sent it; other servers are compared with it.

    A site may hash in its own way: names count only where that of some file fits. `known`: by path the beginning of the MD5
    or SHA256 of files whose names need not tell it, "" where it is not known. Used from several threads.
    """

    def __init__(self, known: Mapping[str, str] | None = None) -> None:
        self._known = known or {}
        self._sums: dict[str, str] = {}
        self._fits: dict[str, bool] = {}

    def learn(self, path: str, digest: Digest) -> str:
        """Remember the content of a path; returns the fault of one that is known, else "", as none can be found yet."""
        self._sums[path] = digest.sum
        if path in self._known:
            return self._fault(path, digest)
        named = self._named(path)
        if named:
            self._fits[path] = digest.fits(named)
        return ""

    def _fault(self, path: str, digest: Digest) -> str:
        return "" if digest.fits(self._known[path]) else _OTHER

    def _named(self, path: str) -> str:
        found = _NAMED.search(path)
        return found[1] if found else ""

    @property
    def by_name(self) -> bool:
        """Return whether names on this site are hashes of the content."""
        return any(self._fits.values())

    def misnamed(self) -> dict[str, str]:
        """Return the learned paths whose bytes do not match their names, each with the fault."""
        return {path: _MISNAMED for path, fits in self._fits.items() if not fits and self.by_name}

    def check(self, path: str, digest: Digest) -> str:
        """Return the fault of the content that a server sent for a path, or ""."""
        if path in self._known:
            return self._fault(path, digest)
        named = self._named(path)
        if named and self.by_name:
            return "" if digest.fits(named) else _MISNAMED
        known = self._sums.get(path)
        return "" if known is None or known == digest.sum else "its bytes are not those that the management instance sends"
