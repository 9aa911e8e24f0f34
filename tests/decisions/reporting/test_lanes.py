"""Lanes: every instance at every moment in one state, in the order of its life."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.decisions.reporting.lanes import STATES, Frame, Seen, Span, drawn, floor, frame, lanes, least
from tasks.decisions.reporting.page import Note, Report, StepRow, lasting, page
from tasks.decisions.rollout.snapshot import Fleet, FleetInstance

frames = st.lists(
    st.tuples(st.floats(0.1, 100), st.dictionaries(st.sampled_from("abcd"), st.sampled_from(list(STATES)[:5]), max_size=4)),
    min_size=1,
    max_size=8,
)


def film(steps: list[tuple[float, dict[str, str]]]) -> list[Frame]:
    at, found = 0.0, []
    for wait, states in steps:
        at += wait
        found.append(Frame(at, len(states), tuple(Seen(id, "z", "1", state) for id, state in sorted(states.items()))))
    return found


@given(frames, st.floats(0.1, 50))
def test_the_spans_of_a_lane_are_what_was_seen_without_a_gap(steps: list[tuple[float, dict[str, str]]], more: float) -> None:
    shown = film(steps)
    end = shown[-1].at + more
    found = {lane.id: lane for lane in lanes(shown, end)}
    assert set(found) == {seen.id for one in shown for seen in one.instances}
    for lane in found.values():
        assert all(a.end == b.begin and a.state != b.state for a, b in zip(lane.spans, lane.spans[1:], strict=False))
        assert lane.spans[-1].end == end
        for one in shown:
            (span,) = [s for s in lane.spans if s.begin <= one.at < s.end] or [None]
            states = {seen.id: seen.state for seen in one.instances}
            if span is None:
                assert lane.id not in states
            else:
                assert span.state == states.get(lane.id, "gone")
    assert least(shown) <= shown[0].healthy


@pytest.mark.parametrize(
    ("instance", "state"),
    [
        (FleetInstance("i", "z", "Pending", "1"), "launched"),
        (FleetInstance("i", "z", "Pending:Wait", "1"), "launched"),
        (FleetInstance("i", "z", "InService", "1", targets=("healthy", "initial")), "booting"),
        (FleetInstance("i", "z", "InService", "1", targets=("healthy",)), "healthy"),
        (FleetInstance("i", "z", "InService", "1", targets=("draining",)), "draining"),
        (FleetInstance("i", "z", "Terminating:Wait", "1"), "draining"),
        (FleetInstance("i", "z", "Standby", "1"), "standby"),
    ],
)
def test_states_are_those_of_the_group_and_its_targets(instance: FleetInstance, state: str) -> None:
    assert frame(Fleet("web", 1, 3, 1, "1", (instance,)), 5.0).instances == (Seen("i", "z", "1", state),)


def test_the_floor_is_what_served_at_first() -> None:
    shown = film([(1, {"a": "healthy", "b": "booting"}), (5, {"a": "draining", "b": "healthy"}), (5, {"b": "healthy"})])
    assert (floor(shown), least(shown)) == (1, 1)
    (first, _) = lanes(shown, 12.0)
    assert first.spans == (Span("healthy", 1.0, 6.0), Span("draining", 6.0, 11.0), Span("gone", 11.0, 12.0))


class Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_what_is_foreign_is_text_and_nothing_else() -> None:
    evil = "<script>alert(1)</script>\"'><img src=//x>$total"
    report = Report(
        evil, evil, 0.0, 30.0, "failed", evil, {"revision": evil},
        {evil: film([(1, {evil: "healthy"})])}, [StepRow(evil, 1.0, 2.0, evil)], [Note(1.0, evil, evil)], {evil: 3},
    )  # fmt: skip
    parser = Text()
    parser.feed(
        page(report, "", "<title>$title</title>$command$outcome$kind$text$facts$groups$legend$steps$notes$calls$total$traffic")
    )
    assert not {"script", "img"} & {tag for tag, _ in parser.tags}
    assert not [attrs for _, attrs in parser.tags if set(attrs) & {"src", "href", "onerror"}]


def test_durations() -> None:
    shown = [lasting(s).replace("\u00a0", " ") for s in (0, 9.9, 42, 59.6, 185, 3727)]
    assert shown == ["0.0 s", "9.9 s", "42 s", "1:00", "3:05", "1:02:07"]


@given(frames, st.integers(70, 200), st.integers(2, 6))
def test_lanes_on_a_terminal_fit_it_and_count_everybody(
    steps: list[tuple[float, dict[str, str]]], columns: int, rows: int
) -> None:
    shown = film(steps)
    end = shown[-1].at + 1
    lines, found = drawn(shown, end, columns, rows), lanes(shown, end)
    assert len(lines) <= max(rows, 1)
    assert all(len(line) <= columns for line in lines)
    counted = sum(int(number) for line in lines if line.startswith("and ") for number in re.findall(r"\d+", line))
    assert sum(not line.startswith("and ") for line in lines) + counted == len(found)


def test_a_lane_on_a_terminal_is_drawn_in_letters() -> None:
    shown = film([(0, {"a": "healthy"}), (5, {"a": "draining", "b": "launched"}), (5, {"b": "healthy"})])
    assert drawn(shown, 20.0, 25, 9) == ["a 1  =====~~~~~", "b 1       .....=========="]
