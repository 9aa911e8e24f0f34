"""When a recurring scheduled action is due: five fields of cron, in a time zone.

"Scheduled scaling for Amazon EC2 Auto Scaling", "Recurring schedules": by the clock of the zone, so that it follows daylight
saving time.
"""

import calendar
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ..errors import invalid

_FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
_DAYS = {name.upper(): (number + 1) % 7 for number, name in enumerate(calendar.day_abbr)}
_NAMES: tuple[dict[str, int], ...] = ({}, {}, {}, _MONTHS, _DAYS)
_LONGEST = 4 * 366 + 1  # days until any day of a year has come


class Recurrence:
    """The times of a recurring action."""

    def __init__(self, text: str, zone: str) -> None:
        """Read an expression; raises ValidationError where it, or the zone, is none."""
        words = text.upper().split()
        try:
            if len(words) != len(_FIELDS):
                raise ValueError(text)
            self._minutes, self._hours, self._days, self._months, weekdays = map(_values, words, _FIELDS, _NAMES)
            self._zone = ZoneInfo(zone)
        except (ValueError, ZoneInfoNotFoundError):
            raise invalid(f"Given recurrence string or time zone is invalid: {text} {zone}") from None
        self._weekdays = {day % 7 for day in weekdays}
        # Either of them is enough where both are given ("Crontab").
        self._both: Callable[[list[bool]], bool] = all if "*" in (words[2][0], words[4][0]) else any

    def after(self, at: float) -> datetime | None:
        """Return the first time after a moment, or None where there is no such day."""
        wall = datetime.fromtimestamp(at, self._zone).replace(tzinfo=None)
        for days in range(_LONGEST):
            day = wall.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=days)
            if not self._is_due(day):
                continue
            times = (day.replace(hour=hour, minute=minute) for hour in sorted(self._hours) for minute in sorted(self._minutes))
            due = (time.replace(tzinfo=self._zone).astimezone(UTC) for time in times)
            if found := min((time for time in due if time.timestamp() > at), default=None):
                return found
        return None

    def _is_due(self, day: datetime) -> bool:
        return day.month in self._months and self._both([day.day in self._days, day.isoweekday() % 7 in self._weekdays])


def _values(text: str, bounds: tuple[int, int], names: dict[str, int]) -> set[int]:
    found: set[int] = set()
    for term in text.split(","):
        whole, _, step = term.partition("/")
        first, _, last = whole.partition("-")
        low = bounds[0] if first == "*" else names[first] if first in names else int(first)
        end = names[last] if last in names else int(last or low)
        high = bounds[1] if first == "*" or (step and not last) else end
        if not (bounds[0] <= low <= bounds[1] and bounds[0] <= high <= bounds[1]):
            raise ValueError(text)
        if high < low and names is not _DAYS:
            raise ValueError(text)
        high += 7 if high < low else 0  # FRI-SUN
        found |= set(range(low, high + 1, int(step or 1)))
    return found
