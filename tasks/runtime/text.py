"""Text of others, made fit for one line of ours."""

from __future__ import annotations

import re


def redact(text: str) -> str:
    """Remove user names and passwords from the addresses in a text."""
    return re.sub(r"(://)[^/\s@]+@", r"\1***@", text)


def gist(text: str) -> str:
    """Return the last three lines of what a command printed on one line, without passwords.

    The end of a traceback says what it was.
    """
    last = [line.strip() for line in text.splitlines() if line.strip()][-3:]
    return redact(" | ".join(last))[-1000:]
