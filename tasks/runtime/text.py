"""Foreign text made safe to show: without secrets, and marked as foreign."""

from __future__ import annotations

import re

MARK = "   | "  # before every foreign line
_MOST = 400  # lines of one foreign text

_NAME = r"[\w.-]*(?:pass(?:word|wd|phrase)?|pwd|secret|token|credentials?|api_?key|access_?key|private_?key|secret_?key)[\w.-]*"
# Secrets, and their replacements. A port and a path after it are no password: "http://10.0.0.5:8080/a@b".
_SECRETS = (
    (r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", "***"),
    (r"(://)[^\s/?#@:]+@", r"\1***@"),
    (r"(://)[^\s/?#@:]*:(?!\d{1,5}(?:[/?#\s]|$))(?:\S*@|[^\s@]*(?: [^\s@]+){1,4}@)", r"\1***@"),
    (rf"([?&;](?:{_NAME}|key|sig|[\w-]*signature|code|auth)=)[^&\s\"'#]+", r"\1***"),
    (r"((?:proxy-)?authorization\s*[:=]\s*[\"']?\w+\s+)[^\s\"']+", r"\1***"),
    (r"(\bbearer\s+)[\w.~+/=-]{8,}", r"\1***"),
    (rf"(--?{_NAME}[ =])(?:\"[^\"]*\"|'[^']*'|\S+)", r"\1***"),
    (rf"(\b{_NAME}[\"']?\s*[=:]\s*)(?:\"[^\"]*\"|'[^']*'|[^\s,;\"']+)", r"\1***"),
    (r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b", "***"),
    (r"\b(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|sk_live_|rk_live_|pypi-|AIza)[\w-]{16,}", "***"),
    (r"\beyJ[\w-]{4,}\.[\w-]{8,}\.[\w-]*", "***"),  # a JSON Web Token
)
_PATTERNS = tuple((re.compile(pattern, re.I | re.S if "BEGIN" in pattern else re.I), shown) for pattern, shown in _SECRETS)


def redact(text: str) -> str:
    """Remove passwords, tokens and keys from a text, in the usual forms."""
    for pattern, shown in _PATTERNS:
        text = pattern.sub(shown, text)
    return text


def gist(text: str) -> str:
    """Return the last three lines of a command's output on one line, without secrets.

    The end of a traceback names the error.
    """
    last = [line.strip() for line in redact(text).splitlines() if line.strip()][-3:]
    return " | ".join(last)[-1000:]


def quoted(text: str) -> str:
    """Return foreign text as a block: every line marked, without secrets, only the end of a long text."""
    lines = redact(text.strip()).splitlines()
    cut = [f"... {len(lines) - _MOST} lines"] if len(lines) > _MOST else []
    return "\n".join(MARK + line for line in [*cut, *lines[-_MOST:]])


def hanging(text: str) -> str:
    """Return a text with its further lines indented, so that none looks like a separate line."""
    first, *rest = text.split("\n")
    return "\n".join([first, *(line if line[:1] in ("", " ", "\t") else f"  {line}" for line in rest)])
