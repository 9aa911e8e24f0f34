"""What a CDN may keep and for how long: CloudFront's rules, without any I/O.

Source: CloudFront developer guide, "Manage how long content stays in the cache", "How CloudFront processes and caches
HTTP 4xx and 5xx status codes from your origin", "Invalidate files".
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

Headers = Sequence[tuple[bytes, bytes]]
Key = tuple[str, str]  # path with query, accepted encoding

ERRORS_BY_HEADER = {404, 410, 414, 501}  # no-store is honoured on these
ERRORS_ALWAYS = {500, 502, 503, 504}  # kept whatever Cache-Control says
ERRORS_ON_REQUEST = {400, 403, 405, 412, 415}  # kept only if max-age says so


@dataclass(frozen=True)
class Entry:
    """An answer that is kept; times are seconds of the cache's clock."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    stored: float
    expires: float


def header(headers: Headers, name: bytes) -> str:
    """Return a header's value, or an empty text."""
    return b", ".join(value for key, value in headers if key.lower() == name).decode("latin-1")


def directives(value: str) -> dict[str, str]:
    """Take a Cache-Control value apart."""
    pairs = (part.strip().partition("=") for part in value.lower().split(",") if part.strip())
    return {name: argument.strip('"') for name, _, argument in pairs}


def lifetime(status: int, headers: Headers, default_ttl: float, error_ttl: float) -> float:
    """Return for how many seconds an answer may be kept; 0 means not at all.

    Errors are kept for `error_ttl`, or longer if max-age says so.
    """
    control = directives(header(headers, b"cache-control"))
    said = _said(control)
    if status in ERRORS_ALWAYS:
        return max(error_ttl, said or 0)
    if control.keys() & {"no-store", "no-cache", "private"}:
        return 0
    if status in ERRORS_BY_HEADER or (status in ERRORS_ON_REQUEST and said is not None):
        return max(error_ttl, said or 0)
    if status != 200:
        return 0
    return default_ttl if said is None else said


def _said(control: dict[str, str]) -> float | None:
    for name in ("s-maxage", "max-age"):
        if control.get(name, "").isdecimal():
            return float(control[name])
    return None


def encoding(accepted: str) -> str:
    """Reduce Accept-Encoding to what distinguishes answers: br and gzip, as CloudFront does."""
    offered = {
        part.partition(";")[0].strip() for part in accepted.lower().split(",") if not part.replace(" ", "").endswith(";q=0")
    }
    return ",".join(name for name in ("br", "gzip") if name in offered)


def matches(pattern: str, target: str) -> bool:
    """Say whether an invalidation path covers a path with query: literally, or by a `*` at its end."""
    if not pattern.startswith("/"):
        pattern = f"/{pattern}"
    return target.startswith(pattern[:-1]) if pattern.endswith("*") else target == pattern


class Cache:
    """Answers by key until they expire or are invalidated."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self._entries: dict[Key, Entry] = {}

    def get(self, key: Key) -> Entry | None:
        """Return what is kept and fresh."""
        entry = self._entries.get(key)
        if entry and entry.expires <= self.now():
            del self._entries[key]
            return None
        return entry

    def put(self, key: Key, status: int, headers: Headers, body: bytes, seconds: float) -> None:
        """Keep an answer for that long."""
        now = self.now()
        self._entries[key] = Entry(status, tuple(headers), body, now, now + seconds)

    def invalidate(self, patterns: Sequence[str]) -> int:
        """Forget what any of the paths covers, in every encoding; return how many answers that were."""
        doomed = [key for key in self._entries if any(matches(pattern, key[0]) for pattern in patterns)]
        for key in doomed:
            del self._entries[key]
        return len(doomed)
