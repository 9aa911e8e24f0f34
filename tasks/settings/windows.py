"""Windows of time in the settings: days of the week, times of the day, or dates; in the time zone of the settings."""

import re
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .kinds import Text, Wrong

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIME = r"(?P<hour>[01][0-9]|2[0-4]):(?P<minute>[0-5][0-9])"
_DATED = re.compile(rf"(?P<date>[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})(?: {_TIME})?")
_WEEKLY = re.compile(rf"(?P<day>[A-Za-z]{{3}})[a-z]*(?: {_TIME})?")
_DAILY = re.compile(_TIME)
_MINUTES = 24 * 60  # of a day


@dataclass(frozen=True)
class Window:
    """A window of time: from `begin` to before `end`.

    Minutes of the week or of the day, which may lie behind each other around its end; or, with `cycle` 0, local dates as
    ISO 8601.
    """

    text: str
    begin: int | str
    end: int | str
    cycle: int

    def __str__(self) -> str:
        return self.text

    def holds(self, local: datetime) -> bool:
        """Return whether a local time lies in the window."""
        if isinstance(self.begin, str) or isinstance(self.end, str):
            return str(self.begin) <= local.strftime("%Y-%m-%d %H:%M") < str(self.end)
        now = (local.weekday() * _MINUTES + local.hour * 60 + local.minute) % self.cycle
        # A whole day or week begins where it ends.
        if self.begin < self.end:
            return self.begin <= now < self.end
        return now >= self.begin or now < self.end


@dataclass(frozen=True)
class WindowText(Text):
    """The text of one window, such as "Fri 16:00 - Mon 08:00"; it stays a text, as all settings are simple values."""

    allowed: str = 'a window such as "Fri 16:00 - Mon 08:00", "22:00 - 06:00" or "2026-12-20 - 2027-01-06"'

    def read(self, value: object) -> str:
        """Return the text; raises Wrong."""
        text = super().read(value)
        window_of(text)
        return text


@dataclass(frozen=True)
class ZoneText(Text):
    """The name of a time zone."""

    allowed: str = "a time zone such as Europe/Berlin, which this machine knows"

    def read(self, value: object) -> str:
        """Return the name; raises Wrong."""
        text = super().read(value)
        try:
            ZoneInfo(text)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise Wrong("unknown; a system without time zones needs the package tzdata") from error
        return text


def window_of(text: str) -> Window:
    """Return the window of a text; raises Wrong."""
    parts = re.split(r"\s+-\s+", text)
    if len(parts) != 2:
        raise Wrong("write begin - end, with blanks around the dash")
    for pattern, read in ((_DATED, _date), (_WEEKLY, _weekly), (_DAILY, _daily)):
        found = [pattern.fullmatch(part) for part in parts]
        if found[0] and found[1]:
            begin, end = read(found[0], False), read(found[1], True)
            cycle = 0 if isinstance(begin, str) else _MINUTES * (7 if pattern is _WEEKLY else 1)
            whole = isinstance(begin, int) and not found[1]["hour"]
            if (begin == end and not whole) or (isinstance(begin, str) and isinstance(end, str) and begin > end):
                raise Wrong("its end is not after its begin")
            return Window(text, begin, end % cycle if isinstance(end, int) else end, cycle)
    raise Wrong("write days of the week, times from 00:00 to 24:00, or dates, the same on both sides")


def _date(found: re.Match[str], is_end: bool) -> str:
    """Return a local time; a date alone is a whole day."""
    try:
        datetime.strptime(found["date"], "%Y-%m-%d")
    except ValueError as error:
        raise Wrong(f"{found['date']} is no date") from error
    return f"{found['date']} {_clock(found, '24:00' if is_end else '00:00')}"


def _weekly(found: re.Match[str], is_end: bool) -> int:
    """Return minutes of the week; a day alone is a whole day."""
    if found["day"].lower() not in _DAYS:
        raise Wrong(f"{found['day']} is no day of the week: Mon, Tue, Wed, Thu, Fri, Sat, Sun")
    hour, minute = map(int, _clock(found, "24:00" if is_end else "00:00").split(":"))
    return _DAYS.index(found["day"].lower()) * _MINUTES + hour * 60 + minute


def _daily(found: re.Match[str], is_end: bool) -> int:
    hour, minute = map(int, _clock(found, "00:00").split(":"))
    return hour * 60 + minute


def _clock(found: re.Match[str], default: str) -> str:
    text = f"{found['hour']}:{found['minute']}" if found["hour"] else default
    if text > "24:00":
        raise Wrong(f"{text} is no time of the day")
    return text


def open_window(windows: tuple[str, ...], zone: str, now: float) -> tuple[Window, str] | None:
    """Return the window in which a time lies, and that local time; None outside of all.

    `zone`: the name of a time zone; `now`: epoch seconds.
    """
    local = datetime.fromtimestamp(now, ZoneInfo(zone))
    found = next((window for text in windows if (window := window_of(text)).holds(local)), None)
    return (found, f"{local:%a %Y-%m-%d %H:%M %Z}") if found else None
