"""What a rehearsal prints: the commands with the time, and at the end what the visitors saw."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .traffic import Request

BAR = 40
SHOWN = 12


@dataclass
class Report:
    """Print as things happen; remember which step was under way when."""

    began: float = field(default_factory=time.monotonic)
    came: float = 0.0  # when the visitors came
    steps: list[tuple[float, str]] = field(default_factory=list)

    def say(self, text: str = "") -> None:
        """Print a line."""
        print(text, flush=True)

    def act(self, title: str) -> None:
        """Print where an act begins."""
        self.say(f"\n== {title}")

    def command(self, *words: str) -> None:
        """Print a command that is run now."""
        self.say(f"{self._now()} $ {' '.join(words)}")

    def output(self, line: str) -> None:
        """Print a line of a command, and remember a step that begins."""
        if line.startswith("-> "):
            self.steps.append((time.monotonic(), line.removeprefix("-> ")))
        self.say(f"{self._now()} | {line}")

    def visitors_came(self) -> None:
        """Set the beginning of the visitors' time."""
        self.came = time.monotonic()

    def _now(self) -> str:
        return f"{time.monotonic() - self.began:6.1f} s"

    def _step_at(self, at: float) -> str:
        begun = [title for moment, title in self.steps if self.came <= moment <= self.came + at]
        return begun[-1] if begun else "before the release"

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Print a table; numbers stand at the right."""
        cells = [[str(cell) for cell in row] for row in rows]
        widths = [max(len(c[i]) for c in [list(columns), *cells]) for i in range(len(columns))]
        right = [bool(rows) and all(isinstance(row[i], int | float) for row in rows) for i in range(len(columns))]
        self.say(f"\n{title}")
        for line in [list(columns), *cells]:
            aligned = [c.rjust(w) if r else c.ljust(w) for c, w, r in zip(line, widths, right, strict=True)]
            self.say("  " + "  ".join(aligned).rstrip())

    def fleets(self, before: str, after: str) -> None:
        """Show the fleet before and after."""
        self.say("\nThe fleet before\n" + _indented(before))
        self.say("\nThe fleet after\n" + _indented(after))

    def calls(self, counted: Mapping[str, Any]) -> None:
        """Show the API calls of the release by action."""
        ordered = sorted(
            ((action["count"], action["rejected"], name) for name, action in counted["actions"].items()),
            key=lambda c: (-c[0], c[2]),
        )
        rows = [(name, count, rejected) for count, rejected, name in ordered]
        self.table(f"API calls of the release: {counted['total']}", ("action", "calls", "rejected"), rows)

    def requests(self, requests: Sequence[Request]) -> None:
        """Show requests by kind and status, and the versions that were seen over time."""
        kinds = Counter((r.kind, r.status or "no answer", r.version or "-") for r in requests)
        rows = [(kind, status, version, count) for (kind, status, version), count in sorted(kinds.items(), key=str)]
        self.table(f"Visitors' requests: {len(requests)}", ("kind", "status", "release", "requests"), rows)
        self._versions([r for r in requests if r.kind == "page" and r.version])

    def _versions(self, pages: Sequence[Request]) -> None:
        if not pages:
            return
        first, last = min(r.at for r in pages), max(r.at for r in pages)
        width = max((last - first) / 16, 1.0)
        rows = []
        for slot in range(int((last - first) / width) + 1):
            start = first + slot * width
            here = Counter(r.version for r in pages if start <= r.at < start + width)
            total = sum(here.values())
            new = round(BAR * here["v2"] / total) if total else 0
            bar = "." * (BAR - new) + "#" * new if total else ""
            rows.append((f"{start:.0f} s", here["v1"], here["v2"], bar, self._step_at(start)))
        self.table("Pages by release over time (. v1, # v2)", ("from", "v1", "v2", "share", "step under way"), rows)

    def failures(self, failed: Sequence[Request]) -> None:
        """Show what failed: from when to when, how often, and during which step it began."""
        alike: dict[tuple[str, str, str], list[float]] = {}
        for r in failed:
            alike.setdefault((r.kind, r.problem, r.url), []).append(r.at)
        ordered = sorted(alike.items(), key=lambda item: item[1][0])
        rows = [(f"{a[0]:.1f} s", f"{a[-1]:.1f} s", len(a), self._step_at(a[0]), *what) for what, a in ordered[:SHOWN]]
        more = f", the first {SHOWN} kinds of {len(alike)}" if len(alike) > SHOWN else ""
        self.table(f"Failed requests: {len(failed)}{more}", ("from", "to", "requests", "step", "kind", "problem", "url"), rows)

    def verdict(self, problems: Sequence[str], total: int) -> None:
        """Print the last line."""
        took = time.monotonic() - self.began
        if problems:
            self.say(f"\nFAILED after {took:.0f} s: " + "; ".join(problems))
        else:
            self.say(f"\n0 of {total} requests failed; version 2 replaced version 1; {took:.0f} s")


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
