"""The order of a release: which part waits for which, and what of it takes longest."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

DEPLOY = "deploy"
BEGIN = "begin the image"
RESTART = "restart-all"
WARM = "warm-cdn"
IMAGE = "image"
VERSION = "template version"
ROLLOUT = "rollout"
INVALIDATE = "invalidate"
CONTRACT = "contract"
STOP = "stop the management instance"
LAST = (INVALIDATE, CONTRACT, STOP)  # when every instance is new


@dataclass(frozen=True)
class Part:
    """A part of a release; `after`: the parts that must have ended before it begins."""

    name: str
    after: tuple[str, ...]


@dataclass(frozen=True)
class Span:
    """A part in time: seconds since the release began; `critical`: the release takes as long as it does because of this part."""

    name: str
    begin: float
    end: float
    critical: bool


@dataclass(frozen=True)
class ForeseenPart:
    """A part of the next release; seconds, `takes` None where that is not known; `beside`: the parts that run meanwhile."""

    name: str
    begins_after: float
    takes: float | None
    beside: tuple[str, ...]
    critical: bool


@dataclass(frozen=True)
class Outlook:
    """The next release: its parts, the seconds of those that are known, and whether these are all."""

    parts: tuple[ForeseenPart, ...]
    seconds: float
    whole: bool

    @property
    def critical_path(self) -> tuple[str, ...]:
        """Return the parts because of which it takes that long."""
        return tuple(part.name for part in self.parts if part.critical)


# No template version before every old instance serves the new files: `rollout` would take it, and pages name these files.
_EARLY = (
    Part(DEPLOY, ()),
    Part(BEGIN, (DEPLOY,)),
    Part(RESTART, (BEGIN,)),
    Part(WARM, (RESTART,)),
    # EC2 makes it by itself: it is looked at again only when nothing else is left to do.
    Part(IMAGE, (BEGIN,)),
    Part(VERSION, (WARM, IMAGE)),
    Part(ROLLOUT, (VERSION,)),
    Part(INVALIDATE, (ROLLOUT,)),
    Part(CONTRACT, (INVALIDATE,)),
    Part(STOP, (CONTRACT,)),
)
_LATE = (DEPLOY, RESTART, WARM, BEGIN, IMAGE, VERSION, ROLLOUT, INVALIDATE, CONTRACT, STOP)


def parts(*, early: bool, without: Collection[str] = ()) -> list[Part]:
    """Return the parts of a release in the order in which they are run.

    `early`: EC2 makes the image while other parts run, else each part waits for that before it; `without`: parts that are left
    out.
    """
    chain = [Part(name, _LATE[max(0, place - 1) : place]) for place, name in enumerate(_LATE)]
    whole = {part.name: part for part in (_EARLY if early else chain)}
    return [Part(name, _instead(whole, part.after, without)) for name, part in whole.items() if name not in without]


def _instead(whole: Mapping[str, Part], after: Sequence[str], without: Collection[str]) -> tuple[str, ...]:
    """Return what to wait for where some of it is left out: what that would have waited for."""
    found: dict[str, None] = {}
    for name in after:
        found |= dict.fromkeys(_instead(whole, whole[name].after, without) if name in without else (name,))
    return tuple(found)


def beside(ordered: Sequence[Part], name: str) -> list[str]:
    """Return the parts that run beside a part: those that neither wait for it nor are waited for."""
    waits: dict[str, set[str]] = {}
    for part in ordered:
        waits[part.name] = set(part.after).union(*(waits[one] for one in part.after))
    return [one for one in waits if one != name and one not in waits[name] and name not in waits[one]]


def outlook(ordered: Sequence[Part], seconds: Mapping[str, float]) -> Outlook:
    """Return what is foreseen of a release whose parts take so many seconds; those that are missing are not known."""
    found = spans(ordered, seconds)
    shown = tuple(
        ForeseenPart(span.name, span.begin, seconds.get(span.name), tuple(beside(ordered, span.name)), span.critical)
        for span in found
    )
    return Outlook(shown, max((span.end for span in found), default=0.0), all(part.name in seconds for part in ordered))


def spans(ordered: Sequence[Part], seconds: Mapping[str, float]) -> list[Span]:
    """Return when each part begins and ends where each begins as soon as it may; parts of unknown length take no time."""
    ends: dict[str, float] = {}
    for part in ordered:
        ends[part.name] = max((ends[one] for one in part.after), default=0.0) + seconds.get(part.name, 0.0)
    critical = _critical(ordered, ends)
    return [
        Span(part.name, ends[part.name] - seconds.get(part.name, 0.0), ends[part.name], part.name in critical) for part in ordered
    ]


def _critical(ordered: Sequence[Part], ends: Mapping[str, float]) -> set[str]:
    after = {part.name: part.after for part in ordered}
    found: set[str] = set()
    last = ordered[-1].name if ordered else None
    while last is not None:
        found.add(last)
        last = max(after[last], key=lambda name: ends[name], default=None)
    return found
