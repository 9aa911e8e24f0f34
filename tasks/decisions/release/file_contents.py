"""Whether what a server sends for a hashed file are the bytes that its name promises."""

from __future__ import annotations

import hashlib
import re

# ManifestFilesMixin.file_hash of Django ("Static files" in its reference): the first 12 digits of the MD5 of the content.
_NAMED = re.compile(r"\.([0-9a-f]{12})(?:\.[^./]+)?$")


_MISNAMED = "its bytes are not those of its name"


class Contents:
    """The bytes of hashed files, as the management instance sent them; what others send is compared with that.

    A site may hash in its own way: names are believed where that of any file fits. Used from several threads.
    """

    def __init__(self) -> None:
        self._sums: dict[str, str] = {}
        self._fits: dict[str, bool] = {}

    def learn(self, path: str, body: bytes) -> str:
        """Remember the bytes of a path; finds no fault yet: returns ""."""
        self._sums[path] = hashlib.sha256(body).hexdigest()
        named = _NAMED.search(path)
        if named:
            self._fits[path] = _fits(named[1], body)
        return ""

    @property
    def by_name(self) -> bool:
        """Tell whether names tell of content on this site."""
        return any(self._fits.values())

    def misnamed(self) -> dict[str, str]:
        """Return the learned paths whose bytes are not those of their names, each with what is wrong."""
        return {path: _MISNAMED for path, fits in self._fits.items() if not fits and self.by_name}

    def judge(self, path: str, body: bytes) -> str:
        """Return what is wrong with the bytes that a server sent for a path, or ""."""
        named = _NAMED.search(path)
        if named and self.by_name:
            return "" if _fits(named[1], body) else _MISNAMED
        known = self._sums.get(path)
        if known is None or known == hashlib.sha256(body).hexdigest():
            return ""
        return "its bytes are not those that the management instance sends"


def _fits(named: str, body: bytes) -> bool:
    return hashlib.md5(body, usedforsecurity=False).hexdigest().startswith(named)
