"""Patterns of policies: wildcards, ARNs, and variables such as ${aws:userid}."""

import functools
import re
from collections.abc import Mapping, Sequence

Context = Mapping[str, str | Sequence[str]]

_VARIABLE = re.compile(r"\$\{([^}']+?)(?:,\s*'([^']*)')?\}")


class Unresolved(Exception):
    """A variable has no value in this request: what contains it matches nothing."""


def like(pattern: str, text: str) -> bool:
    """Return whether a text matches a pattern with * and ?."""
    return _compiled(pattern).fullmatch(text) is not None


def arn_like(pattern: str, arn: str) -> bool:
    """Return whether an ARN matches a pattern; a wildcard does not reach across the first five colons."""
    if pattern == "*":
        return True
    wanted, found = pattern.split(":", 5), arn.split(":", 5)
    return len(wanted) == len(found) and all(map(like, wanted, found))


def resolve(text: str, context: Context) -> str:
    """Replace the variables of a text; what they stand for is literal, wildcards included.

    Raises Unresolved where a variable has neither a value nor a default.
    """
    known = {name.lower(): value for name, value in context.items()}

    def value(match: re.Match[str]) -> str:
        name, default = match[1], match[2]
        if name in ("*", "?", "$"):
            return _literal(name)
        found = known.get(name.lower(), default)
        if not isinstance(found, str):
            raise Unresolved(name)
        return _literal(found)

    return _VARIABLE.sub(value, text)


# A literal * or ? between two marks that no text of a policy contains.
_MARK = "\x00"


def _literal(text: str) -> str:
    return re.sub(r"[*?]", lambda match: f"{_MARK}{match[0]}", text)


def plain(text: str) -> str:
    """Return a resolved text for operators that know no wildcards."""
    return text.replace(_MARK, "")


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = re.findall(rf"{_MARK}.|.", pattern, re.DOTALL)
    meaning = {"*": ".*", "?": "."}
    return re.compile("".join(meaning.get(part, re.escape(part.removeprefix(_MARK))) for part in parts), re.DOTALL)
