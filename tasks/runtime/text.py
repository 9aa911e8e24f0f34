"""Foreign text made safe to show: without secrets, and marked as foreign."""

from __future__ import annotations

import re

MARK = "   | "  # before every foreign line
_MOST = 400  # lines of one foreign text
_SIZE = 64 * 1024  # characters of it: a host may print without end

# Output of a host may contain escape codes: they garble a log, and a terminal executes them.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])?")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# Line ends that only some programs know, and marks that reverse the direction of text.
_INVISIBLE = re.compile(r"[\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")

# A runner finds them behind blanks, or anywhere.
_COMMANDS = re.compile(r"^[^\S\n]*::|##(?=\w*\[)", re.MULTILINE)

# A name begins where no part of one stands before, and has an end: a host may print millions of letters and dashes.
_BEGIN, _PART = r"(?<![\w.-])", r"[\w.-]{0,200}"
_WORDS = "pass(?:word|wd|phrase)?|pwd|secret|token|credentials?|api_?key|access_?key|private_?key|secret_?key"
_NAME = rf"{_PART}(?:{_WORDS}){_PART}"
# Secrets, and their replacements. A port and a path after it are no password: "http://10.0.0.5:8080/a@b".
_SECRETS = (
    (r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", "***"),
    (r"(://)[^\s/?#@:]+@", r"\1***@"),
    (r"(://)[^\s/?#@:]*:(?!\d{1,5}(?:[/?#\s]|$))(?:\S{0,300}@|[^\s@]{0,300}(?: [^\s@]{1,300}){1,4}@)", r"\1***@"),
    (rf"([?&;](?:{_NAME}|key|sig|[\w-]*signature|code|auth)=)[^&\s\"'#]+", r"\1***"),
    (r"((?:proxy-)?authorization\s*[:=]\s*[\"']?\w+\s+)[^\s\"']+", r"\1***"),
    (r"(\bbearer\s+)[\w.~+/=-]{8,}", r"\1***"),
    (rf"{_BEGIN}(--?{_NAME}[ =])(?:\"[^\"]*\"|'[^']*'|\S+)", r"\1***"),
    (rf"{_BEGIN}({_NAME}[\"']?\s*[=:]\s*)(?:\"[^\"]*\"|'[^']*'|[^\s,;\"']+)", r"\1***"),
    (r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b", "***"),
    (r"\b(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|sk_live_|rk_live_|pypi-|AIza)[\w-]{16,}", "***"),
    (r"\beyJ[\w-]{4,2000}\.[\w-]{8,2000}\.[\w-]*", "***"),  # a JSON Web Token
)
_PATTERNS = tuple((re.compile(pattern, re.I | re.S if "BEGIN" in pattern else re.I), shown) for pattern, shown in _SECRETS)


def stripped(text: str) -> str:
    """Return a text without escape codes, control characters and invisible marks; its lines end in newlines."""
    text = _ESCAPES.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return _INVISIBLE.sub("", _CONTROLS.sub("", text))


def redact(text: str) -> str:
    """Remove passwords, tokens and keys from a text, in the usual forms; colours may not stand between their parts."""
    text = stripped(text)
    for pattern, shown in _PATTERNS:
        text = pattern.sub(shown, text)
    return text


def inert(text: str) -> str:
    """Return a text of which no line is a command to a CI runner (GitHub Actions, Azure Pipelines: "Workflow commands")."""
    return _COMMANDS.sub(lambda found: f"{found[0][:-1]} {found[0][-1]}", text)


class Redactor:
    """Remove secrets from a text that comes line by line: a private key has several lines."""

    def __init__(self) -> None:
        self._in_key = False

    def line(self, text: str) -> str:
        """Return the next line as it may be shown."""
        text = stripped(text)
        begins, ends = text.rfind("-----BEGIN "), text.rfind("-----END ")
        inside, self._in_key = self._in_key, (begins > ends and "PRIVATE KEY" in text) or (self._in_key and ends < 0)
        return "***" if inside else redact(text)


def _end(text: str) -> list[str]:
    """Return the last lines of a foreign text, without secrets.

    As much again before them is masked too, so that no secret is cut where its beginning is not seen.
    """
    masked = redact(text.strip()[-2 * _SIZE :])
    if len(text) > _SIZE:
        masked = masked[-_SIZE:].partition("\n")[2] or masked[-_SIZE:]
    return masked.splitlines()


def gist(text: str) -> str:
    """Return the last three lines of a command's output on one line, without secrets.

    The end of a traceback names the error; the marks below its lines are left out, so that the place is named, too.
    """
    last = [line.strip() for line in _end(text) if line.strip(" \t^~")][-3:]
    return " | ".join(last)[-1000:]


def quoted(text: str) -> str:
    """Return foreign text as a block: every line marked, without secrets, only the end of a long text."""
    lines, whole = _end(text), text.strip().count("\n") + 1
    is_cut = len(lines) > _MOST or len(text) > _SIZE
    cut = [f"... {whole - min(len(lines), _MOST)} lines"] if is_cut else []
    return "\n".join(MARK + line for line in [*cut, *lines[-_MOST:]])


def hanging(text: str) -> str:
    """Return a text with its further lines indented, so that none looks like a separate line."""
    first, *rest = text.split("\n")
    return "\n".join([first, *(line if line[:1] in ("", " ", "\t") else f"  {line}" for line in rest)])
