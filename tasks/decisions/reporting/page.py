"""The report of a run as one page of HTML: no script, nothing from the network, light and dark, for print and screen readers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from string import Template

from .lanes import STATES, Frame, Lane, floor, lanes, least

# Replaced by a rehearsal, which knows what visitors met.
TRAFFIC = "<!-- requests -->"
_TICKS = 5
_WIDTH, _HEIGHT = 1000, 120  # of the chart, in its own units


@dataclass(frozen=True)
class StepRow:
    """A step of the run: its title, when it began in epoch seconds, how long it took, and how it ended."""

    title: str
    began: float
    seconds: float
    outcome: str


@dataclass(frozen=True)
class Note:
    """A change or a warning; `at` in epoch seconds."""

    at: float
    about: str
    text: str


@dataclass(frozen=True)
class Report:
    """Everything that a page shows; times in epoch seconds. `outcome`: "" while the run goes on."""

    command: str
    by: str
    began: float
    ended: float
    outcome: str = ""
    text: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    frames: Mapping[str, Sequence[Frame]] = field(default_factory=dict)
    steps: Sequence[StepRow] = ()
    notes: Sequence[Note] = ()
    calls: Mapping[str, int] = field(default_factory=dict)


def page(report: Report, style: str, shape: str) -> str:
    """Return the page; `style`: its style sheet, `shape`: its skeleton with $-names."""
    ended = report.outcome or "still running"
    values = {
        "title": escape(f"{report.command}: {ended}"),
        "style": style,
        "command": escape(report.command),
        "outcome": escape(ended),
        "kind": "good" if report.outcome == "ok" else "open" if not report.outcome else "bad",
        "text": f"<pre>{escape(report.text)}</pre>" if report.text else "",
        "facts": "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in _facts(report)),
        "groups": "".join(_group(name, frames, report) for name, frames in report.frames.items())
        or "<p>No rollout was seen.</p>",
        "legend": "".join(f'<li><span class="key {s}"></span><b>{s}</b> {escape(text)}</li>' for s, text in STATES.items()),
        "steps": _table(("step", "began", "took", "ended"), _steps(report)),
        "notes": _table(("at", "about", "what"), [(_after(report, n.at), n.about, n.text) for n in report.notes]),
        "calls": _table(("call", "number"), [(name, str(number)) for name, number in sorted(report.calls.items())]),
        "total": str(sum(report.calls.values())),
        "traffic": TRAFFIC,
    }
    return Template(shape).substitute(values)


def _facts(report: Report) -> Iterator[tuple[str, str]]:
    yield "by", report.by
    yield "began", f"{datetime.fromtimestamp(report.began, UTC):%Y-%m-%d %H:%M:%S} UTC"
    yield "took", lasting(report.ended - report.began)
    yield from ((name.replace("_", " "), value) for name, value in report.facts.items() if value)


def _steps(report: Report) -> list[tuple[str, str, str, str]]:
    return [(s.title, _after(report, s.began), lasting(s.seconds), s.outcome) for s in report.steps]


def _group(name: str, frames: Sequence[Frame], report: Report) -> str:
    begin, end = frames[0].at, max(report.ended, frames[-1].at + 1.0)
    found = lanes(frames, end)
    kept, fewest = floor(frames), least(frames)
    verdict = (
        f"never fewer than {fewest} served; the floor is {kept}"
        if fewest >= kept
        else f"only {fewest} served; the floor is {kept}"
    )
    rows = "".join(_lane(lane, begin, end) for lane in found)
    return (
        f'<section><h2>{escape(name)}</h2><p class="{"good" if fewest >= kept else "bad"}">{verdict}.</p>'
        f"{_chart(name, frames, begin, end, kept)}"
        f'<table class="lanes"><caption>{len(found)} instances, {lasting(end - begin)}</caption>'
        f'<thead><tr><th scope="col">instance</th><th scope="col">version</th><th scope="col">zone</th>'
        f'<th scope="col"><span class="axis">{_axis(end - begin)}</span></th></tr></thead><tbody>{rows}</tbody></table></section>'
    )


def _axis(seconds: float) -> str:
    return "".join(f"<span>{lasting(seconds * n / (_TICKS - 1))}</span>" for n in range(_TICKS))


def _lane(lane: Lane, begin: float, end: float) -> str:
    whole = end - begin
    life = "; ".join(f"{s.state} for {lasting(s.end - s.begin)}" for s in lane.spans)
    bars = "".join(
        f'<i class="{s.state}" style="left:{_percent(s.begin - begin, whole)};width:{_percent(s.end - s.begin, whole)}"></i>'
        for s in lane.spans
    )
    return (
        f'<tr><th scope="row">{escape(lane.id)}</th><td>{escape(lane.version)}</td><td>{escape(lane.zone)}</td>'
        f'<td><div class="bar" role="img" tabindex="0" aria-label="{escape(lane.id)}: {escape(life)}">{bars}'
        f'<span class="tip" aria-hidden="true">{escape(life)}</span></div></td></tr>'
    )


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.3f}%"


def _chart(name: str, frames: Sequence[Frame], begin: float, end: float, kept: int) -> str:
    most = max(1, kept, *(max(len(shown.instances), shown.desired) for shown in frames))

    def x(at: float) -> float:
        return _WIDTH * (at - begin) / (end - begin)

    def y(number: float) -> float:
        return _HEIGHT * (1 - number / (most + 1))

    points = []
    for number, shown in enumerate(frames):
        until = frames[number + 1].at if number + 1 < len(frames) else end
        points += [f"{x(shown.at):.1f},{y(shown.healthy):.1f}", f"{x(until):.1f},{y(shown.healthy):.1f}"]
    line = " ".join(points)
    return (
        f'<figure><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" role="img" aria-label="Instances of'
        f' {escape(name)} that served over time; the floor is {kept}">'
        f'<polygon class="served" points="0,{_HEIGHT} {line} {_WIDTH},{_HEIGHT}"/><polyline class="line" points="{line}"/>'
        f'<line class="floor" x1="0" x2="{_WIDTH}" y1="{y(kept):.1f}" y2="{y(kept):.1f}"/></svg>'
        f"<figcaption>Instances that served (area), and the floor of {kept} (dashed line); the top is {most + 1}.</figcaption>"
        "</figure>"
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return "<p>None.</p>"
    titles = "".join(f'<th scope="col">{escape(title)}</th>' for title in head)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table></div>'


def _after(report: Report, at: float) -> str:
    return f"+{lasting(max(0.0, at - report.began))}"


def lasting(seconds: float) -> str:
    """Return a duration for people, which no line breaks: "0.8 s", "42 s", "3:05" or "1:02:07"."""
    if seconds < 9.95:
        return f"{seconds:.1f}\u00a0s"
    whole = math.floor(seconds + 0.5)
    if whole < 60:
        return f"{whole}\u00a0s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes}:{rest:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
