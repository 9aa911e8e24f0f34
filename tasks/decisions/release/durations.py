"""How long the parts of a release took: a tag of its image, for those who plan the next."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

TAG = "ramped:took"
_LONGEST = 256  # characters of a tag's value


def value(seconds: Mapping[str, float]) -> str:
    """Return the tag's value; `seconds` by the names of the parts."""
    pairs = [f"{name.replace(' ', '-')}={round(took)}" for name, took in seconds.items()]
    while len(" ".join(pairs)) > _LONGEST:
        pairs.pop()
    return " ".join(pairs)


def latest(texts: Sequence[str], names: Collection[str]) -> dict[str, float]:
    """Return the seconds of each part as the newest tag has them in which it is: not every release has every part.

    `texts`: the tags, newest first; `names`: of the parts.
    """
    found: dict[str, float] = {}
    for text in reversed(texts):
        found |= read(text, names)
    return found


def read(text: str, names: Collection[str]) -> dict[str, float]:
    """Return the seconds that a tag holds, of the parts of these names; what others wrote into it is passed over."""
    known = {name.replace(" ", "-"): name for name in names}
    pairs = [part.split("=", 1) for part in text.split() if re.fullmatch(r"[a-z-]+=[0-9]{1,6}", part)]
    return {known[key]: float(took) for key, took in pairs if key in known}
