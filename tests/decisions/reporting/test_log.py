from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tasks.decisions.reporting.log import CRASHED, Entry, began, crashed, ended, latest, read, write
from tests.decisions.reporting.sample import event

HERE = "boot pid"
ENTRY = Entry("r1", "ship", "fab ship", "ann@desk", HERE, 7, began=1000.0, facts={"revision": "c0ffee"})
TEXT = st.text(max_size=900)


def test_an_entry_holds_what_the_events_of_a_run_say() -> None:
    first = began(event("run-began"), HERE, 7)
    assert (first.run, first.by, first.facts, first.ended) == ("r1", "ann@desk", {"groups": "web"}, 0)
    last = ended(first, event("run-ended", outcome="half-way", code=3, text="why", seconds=1.0))
    assert (last.began, last.outcome, last.code, last.text) == (first.began, "half-way", 3, "why")
    assert last.ended == event("run-ended").at


@given(line=TEXT, text=TEXT, revision=TEXT)
def test_whatever_was_said_fits_into_a_parameter_and_comes_back(line: str, text: str, revision: str) -> None:
    entry = replace(ENTRY, line=line, text=text, facts={"revision": revision, "unknown": "x"})
    written = write(entry)
    assert len(written.encode()) < 4096 * 4 and len(written) < 4096 and "{{" not in written and "}}" not in written
    found = read(written, "arn:x")
    assert found is not None and (found.run, found.began, found.identity) == ("r1", 1000.0, "arn:x")
    assert set(found.facts) == {"revision"}


def test_what_is_no_entry_is_none() -> None:
    good = write(ENTRY)
    assert read(good) == ENTRY
    for text in ("", "[]", "{}", good.replace('"pid": 7', '"pid": "7"'), good.replace('"run": "r1", ', ""), good[:-1]):
        assert read(text) is None


def test_each_run_is_there_once_in_its_last_state_newest_first() -> None:
    done = replace(ENTRY, ended=1010.0, outcome="ok", identity="arn:end")
    later = replace(ENTRY, run="r2", began=2000.0)
    first = replace(ENTRY, identity="arn:begin")
    assert latest([first, later, done]) == [later, replace(done, identity="arn:begin")]


def found(*entries: Entry, now: float = 1100.0, machine: str = HERE, alive: bool = False) -> list[str]:
    return [entry.run for entry in crashed(entries, machine, lambda pid: alive, now, 500)]


def test_a_run_whose_process_is_gone_has_crashed() -> None:
    assert found(ENTRY) == ["r1"]
    assert found(ENTRY, alive=True) == []
    assert found(ENTRY, machine="another") == found(replace(ENTRY, machine=""), machine="") == []
    assert found(ENTRY, replace(ENTRY, ended=1010.0, outcome="ok")) == []


def test_elsewhere_it_has_crashed_when_no_run_may_be_that_old() -> None:
    assert found(ENTRY, machine="another", now=1501.0, alive=True) == ["r1"]
    assert found(ENTRY, machine="another", now=1500.0, alive=True) == []


def test_a_crash_is_found_once() -> None:
    (entry,) = crashed([ENTRY], HERE, lambda pid: False, 1100.0, 500)
    assert (entry.outcome, entry.ended) == (CRASHED, 1100.0)
    assert found(ENTRY, entry) == []


def test_any_number_of_braces_is_written_without_double_ones_and_impossible_times_are_no_entry() -> None:
    written = write(replace(ENTRY, line="run 'x {{{a}}} {{{{'"))
    assert "{{" not in written and "}}" not in written and read(written)
    for time in ("1e18", "NaN", "-1", "1764000000000"):
        assert read(write(ENTRY).replace('"began": 1000.0', f'"began": {time}')) is None
