"""Our lines in files of the project: a block between two marks at the end; everything before it stays as it is."""

from __future__ import annotations

BEGIN, END = "# ---- ramped: begin", "# ---- ramped: end"
NOTE = "# Written by `ramped init`, which updates it and keeps what you change here."


def wrapped(body: str) -> str:
    """Return a block with its marks."""
    return f"{BEGIN}\n{NOTE}\n{body.strip()}\n{END}\n"


def found(text: str) -> str | None:
    """Return the block of a file, with plain line ends, or None."""
    lines = text.splitlines(keepends=True)
    span = _span(lines)
    return "".join(lines[span[0] : span[1]]).replace("\r\n", "\n") if span else None


def without(text: str) -> str:
    """Return a file as it is without its block."""
    lines = text.splitlines(keepends=True)
    begin, end = _span(lines) or (0, 0)
    return "".join([*lines[:begin], *lines[end:]])


def placed(text: str, block: str) -> str:
    """Return a file with a block: in the place of its old one, or at the end."""
    line_end = "\r\n" if "\r\n" in text else "\n"
    own = block.replace("\n", line_end)
    lines = text.splitlines(keepends=True)
    span = _span(lines)
    if span:
        return "".join([*lines[: span[0]], own, *lines[span[1] :]])
    ended = text if not text or text.endswith("\n") else f"{text}{line_end}"
    return f"{ended}{line_end}{own}" if ended else own


def _span(lines: list[str]) -> tuple[int, int] | None:
    begin = next((number for number, line in enumerate(lines) if line.startswith(BEGIN)), None)
    if begin is None:
        return None
    end = next((number for number in range(begin, len(lines)) if lines[number].startswith(END)), None)
    return None if end is None else (begin, end + 1)
