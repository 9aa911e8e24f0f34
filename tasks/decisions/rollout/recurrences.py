"""When a recurring scheduled action is due: AWS names its next time alone, and more of them may fall into a rollout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from dateutil.rrule import DAILY, rrule, rruleset

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
# The least and the most of each field, and its names, of which the first means the least.
_FIELDS: tuple[tuple[int, int, tuple[str, ...]], ...] = (
    (0, 59, ()),
    (0, 23, ()),
    (1, 31, ()),
    (1, 12, _MONTHS),
    (0, 7, _WEEKDAYS),
)
_WEEK = 7
_DAY = timedelta(days=1)


@cache
def is_read(cron: str, zone: str) -> bool:
    """Return whether an expression and a time zone are known here."""
    try:
        _parsed(cron, zone)
    except ValueError:
        return False
    return True


def times(cron: str, zone: str, begin: float, end: float) -> list[float]:
    """Return the epoch seconds after `begin` and until `end` at which an action recurs.

    `cron`: "minute hour day month weekday" ("Recurring schedules" in the Auto Scaling guide); `zone`: whose clock that is. Raises
    ValueError where either is not known here.
    """
    fields, clock = _parsed(cron, zone)
    first, last = (datetime.fromtimestamp(at, UTC).replace(tzinfo=None) for at in (begin, end))
    walls = _days(cron.split(), fields, first - _DAY, last + _DAY)
    found = {wall.replace(tzinfo=clock).timestamp() for wall in walls}
    return sorted(at for at in found if begin < at <= end)


def _parsed(cron: str, zone: str) -> tuple[list[list[int]], ZoneInfo]:
    words = zip(cron.upper().split(), _FIELDS, strict=True)
    fields = [_values(_numbered(word, names, least), least, most) for word, (least, most, names) in words]
    try:
        return fields, ZoneInfo(zone)
    except (KeyError, OSError) as error:
        raise ValueError(f"time zone {zone} is not known") from error


def _days(words: list[str], fields: list[list[int]], first: datetime, last: datetime) -> rruleset:
    minutes, hours, days, months, weekdays = fields
    of_month: Mapping[str, object] = {"bymonthday": days}
    of_week: Mapping[str, object] = {"byweekday": [(number - 1) % 7 for number in weekdays]}
    # Cron: where both are given, either is enough.
    both = words[2].startswith("*") or words[4].startswith("*")
    found = rruleset()
    for which in [{**of_month, **of_week}] if both else [of_month, of_week]:
        found.rrule(rrule(DAILY, first, until=last, bymonth=months, byhour=hours, byminute=minutes, bysecond=0, **which))
    return found


def _numbered(word: str, names: Sequence[str], first: int) -> str:
    for number, name in enumerate(names, first):
        word = word.replace(name, str(number))
    return word


def _values(text: str, least: int, most: int) -> list[int]:
    """Return the numbers of a field: `*`, `1,3`, `1-5`, each with `/step`; weekdays may go on beyond Saturday."""
    found: list[int] = []
    for part in text.split(","):
        whole, _, step = part.partition("/")
        low, dash, high = (f"{least}-{most}" if whole == "*" else whole).partition("-")
        last = int(high) if dash else most if step else int(low)
        if not (least <= int(low) <= most and least <= last <= most):
            raise ValueError(f"{part!r} is not from {least} to {most}")
        # Sunday, which is 0 too, may end a range of weekdays.
        over = _WEEK if most == _WEEK and last < int(low) else 0
        numbers = range(int(low), last + over + 1, int(step or 1))
        if not numbers:
            raise ValueError(f"{part!r} is empty")
        found += numbers
    return found
