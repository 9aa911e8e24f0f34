import io
import os
import pty
import re
import threading
from collections.abc import Iterator

import pytest

from tasks.runtime.output import Output
from tasks.runtime.plain import Plain, columns, duration, write
from tasks.runtime.steps import Steps

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Time:
    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def piped() -> tuple[Output, io.StringIO, io.StringIO, Time]:
    out, err, now = io.StringIO(), io.StringIO(), Time()
    return Output(out, err, now), out, err, now


def steps_of(out: Output) -> Steps:
    """Return steps that this output shows, on its clock."""
    return Steps(out, now=out._now)


class Screen:
    """A terminal of which everything written to it can be read."""

    def __init__(self) -> None:
        self._ours, theirs = pty.openpty()
        self.stream = os.fdopen(theirs, "w", buffering=1)
        self._seen = b""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        try:
            while part := os.read(self._ours, 65536):
                self._seen += part
        except OSError:
            return

    def close(self) -> str:
        if not self.stream.closed:
            self.stream.close()
            self._reader.join()
            os.close(self._ours)
        return self._seen.decode()

    def left(self) -> list[str]:
        """Return the lines that stay on the screen in the end, by the few codes that a live line needs."""
        lines, row = [""], 0
        for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\n|\r|[^\x1b\n\r]+", self.close()):
            if part == "\n":
                row += 1
                lines += [""] * (row + 1 - len(lines))
            elif part == "\x1b[2K":
                lines[row] = ""
            elif up := re.fullmatch(r"\x1b\[(\d+)A", part):
                row -= int(up[1])
            elif not part.startswith("\x1b") and part != "\r":
                lines[row] += part
        return [line.rstrip() for line in lines if line.strip()]


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    one = Screen()
    yield one
    one.close()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (3.24, "3.2 s"),
        (59.9, "59.9 s"),
        (59.96, "1 min 00 s"),
        (125, "2 min 05 s"),
        (3599.6, "1 h 00 min"),
        (7325, "2 h 02 min"),
    ],
)
def test_a_duration_reads_as_a_person_says_it(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_step_says_that_it_begins_and_how_it_ended(piped: tuple[Output, io.StringIO, io.StringIO, Time]) -> None:
    out, stdout, _, now = piped
    steps = steps_of(out)
    with steps.step("migrate", "4"):
        now.at += 3.2
    with pytest.raises(ValueError, match="odd"), steps.step("collectstatic", "5"):
        now.at += 61
        raise ValueError("odd")
    assert stdout.getvalue().splitlines() == [
        "-> 4  migrate",
        "ok 4  migrate (3.2 s)",
        "-> 5  collectstatic",
        "failed 5  collectstatic (1 min 01 s)",
    ]
    assert [(step.title, round(step.seconds, 1), step.ok) for step in steps.ended] == [
        ("4  migrate", 3.2, True),
        ("5  collectstatic", 61.0, False),
    ]


def test_progress_in_a_pipe_is_a_line_when_it_changed(piped: tuple[Output, io.StringIO, io.StringIO, Time]) -> None:
    out, stdout, _, _ = piped
    with steps_of(out).step("image", "8"):
        for text in ("pending", "pending", "12 %", "12 %", "12 %", "pending"):
            out.progress(text)
    with steps_of(out).step("again", "9"):
        out.progress("pending")
    assert stdout.getvalue().splitlines() == [
        *("-> 8  image", "   pending", "   12 %", "   pending", "ok 8  image (0.0 s)"),
        *("-> 9  again", "   pending", "ok 9  again (0.0 s)"),
    ]


def test_progress_needs_no_step(piped: tuple[Output, io.StringIO, io.StringIO, Time]) -> None:
    out, stdout, _, _ = piped
    out.progress("starting")
    out.progress("started")
    out.close()
    out.progress("started")
    assert stdout.getvalue().splitlines() == ["   starting", "   started", "   started"]


def test_a_warning_goes_to_stderr(piped: tuple[Output, io.StringIO, io.StringIO, Time]) -> None:
    out, stdout, stderr, _ = piped
    out.warn("the disk is full")
    assert (stdout.getvalue(), stderr.getvalue()) == ("", "warning: the disk is full\n")


def test_tables_and_reports_are_aligned(piped: tuple[Output, io.StringIO, io.StringIO, Time]) -> None:
    out, stdout, _, now = piped
    steps = steps_of(out)
    with steps.step("one", "1"):
        now.at += 2
    out.report("Steps", steps.ended)
    out.table("Fleet", ["id", "zone"], [["i-1", "a"], ["i-100", ""]])
    assert stdout.getvalue().splitlines()[2:] == [
        *("Steps", "step    took   result", "1  one  2.0 s  ok"),
        *("Fleet", "id     zone", "i-1    a", "i-100"),
    ]
    assert columns(["a"], []) == ["a"]


def test_secrets_and_escape_codes_are_never_shown(piped: tuple[Output, io.StringIO, io.StringIO, Time]) -> None:
    out, stdout, stderr, _ = piped
    out.hide("hunter22")
    out.hide("-----BEGIN KEY\nQUJDREVG\n-----END KEY")
    out.hide("hunter22-longer")
    out.hide("")
    out.hide(None)
    out.hide("ab")
    out.say("password hunter22-longer, hunter22, about \x1b[31mred\x1b[0m\x1b]0;title\x07\x07 end")
    out.warn("hunter22 QUJDREVG")
    steps = steps_of(out)
    with steps.step("log in as hunter22"):
        out.progress("hunter22?")
    out.table("hunter22", ["hunter"], [["hunter22"]])
    out.report("with hunter22", steps.ended)
    shown = stdout.getvalue() + stderr.getvalue()
    assert "hunter22" not in shown
    assert "QUJD" not in shown
    assert "\x1b" not in shown
    assert "password ***, ***, about red end" in shown


def test_a_reader_that_goes_away_does_not_stop_the_work() -> None:
    reading, writing = os.pipe()
    stream = os.fdopen(writing, "w")
    out = Output(stream, stream)
    out.say("one")
    os.close(reading)
    for _ in range(3):
        out.say("two")
    stream.close()


def test_letters_that_the_stream_lacks_are_replaced() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    write(stream, "naïve")
    stream.seek(0)
    assert stream.read() == "na?ve\n"


def test_each_line_is_flushed_at_once() -> None:
    class Counting(io.StringIO):
        flushed = 0

        def flush(self) -> None:
            self.flushed += 1

    stream = Counting()
    face = Plain(stream, stream)
    face.line("a")
    face.live("t", "b", 0)
    face.table("t", ["x"], [["y"]])
    assert stream.flushed == 5


def test_threads_do_not_garble_lines(piped: tuple[Output, io.StringIO, io.StringIO, Time]) -> None:
    out, stdout, _, _ = piped
    steps = steps_of(out)

    def work(name: str) -> None:
        for number in range(50):
            with steps.step(f"{name}{number}"):
                out.say(f"line of {name}")

    workers = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    lines = stdout.getvalue().splitlines()
    assert len(lines) == 4 * 50 * 3
    assert all(re.fullmatch(r"-> [a-d]\d+|line of [a-d]|ok [a-d]\d+ \(0\.0 s\)", line) for line in lines)
    assert len(steps.ended) == 200


def test_a_terminal_keeps_the_lines_and_not_the_live_line(screen: Screen) -> None:
    now = Time()
    out = Output(screen.stream, screen.stream, now)
    out.say("begin")
    with steps_of(out).step("image", "8"):
        out.progress("pending")
        now.at += 65
        out.progress("37 %")
        out.say("a line meanwhile\nand its second line")
        out.warn("careful")
        with steps_of(out).step("inner"):
            now.at += 1
        out.progress("99 %")
    out.close()
    left = screen.left()
    assert left == [
        *("begin", "-> 8  image", "a line meanwhile", "  and its second line", "warning: careful"),
        *("-> inner", "ok inner (1.0 s)", "ok 8  image (1 min 06 s)"),
    ]
    raw = screen.close()
    assert "8  image: 37 %  1 min 05 s" in raw
    assert raw.rindex("\x1b[?25h") > raw.rindex("\x1b[?25l")  # the cursor is shown again


def test_a_long_live_line_stays_one_line(screen: Screen) -> None:
    out = Output(screen.stream, screen.stream, Time())
    out.progress("x" * 500)
    out.progress("two\nlines")
    out.close()
    assert screen.left() == []
    assert max(len(line) for line in ESCAPE.sub("\r", screen.close()).split("\r")) <= 61


def test_a_terminal_without_colours_has_none(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    out = Output(screen.stream, screen.stream, Time())
    steps = steps_of(out)
    with steps.step("one"):
        out.warn("careful")
    out.report("Steps", steps.ended)
    out.close()
    codes = {code for part in re.findall(r"\x1b\[([0-9;]*)m", screen.close()) for code in part.split(";")}
    assert not {code for code in codes if re.fullmatch(r"[349]\d|10[0-7]", code)}


def test_a_dumb_terminal_is_plain(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    out = Output(screen.stream, screen.stream, Time())
    with steps_of(out).step("one"):
        out.progress("two")
    out.close()
    assert "\x1b" not in screen.close()
    assert screen.left() == ["-> one", "   two", "ok one (0.0 s)"]


def test_threads_do_not_garble_a_terminal(screen: Screen) -> None:
    out = Output(screen.stream, screen.stream, Time())

    def work(name: str) -> None:
        for number in range(20):
            out.progress(f"{name} at {number}")
            out.say(f"line {number} of {name}")

    with steps_of(out).step("restart"):
        workers = [threading.Thread(target=work, args=(name,)) for name in "abc"]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    out.close()
    left = screen.left()
    assert (left[0], left[-1]) == ("-> restart", "ok restart (0.0 s)")
    assert sorted(left[1:-1]) == sorted(f"line {number} of {name}" for name in "abc" for number in range(20))


def test_a_terminal_draws_the_table(screen: Screen) -> None:
    out = Output(screen.stream, screen.stream, Time())
    out.table("Fleet", ["id", "zone"], [["i-1", "[b]a[/b]"]])
    out.close()
    assert [line.split() for line in screen.left() if "─" not in line] == [["Fleet"], ["id", "zone"], ["i-1", "[b]a[/b]"]]


def test_no_line_of_others_can_pass_for_ours(piped: tuple[Output, io.StringIO, io.StringIO, Time]) -> None:
    out, shown, err, _ = piped
    evil = "name\nok rollout (1.0 s)\r-> done\u2028ok again\x85ok \u202egnp.exe"
    out.say(evil)
    out.warn(evil)
    out.quote(f"{evil}\npassword=hunter2")
    lines = [*shown.getvalue().splitlines(), *err.getvalue().splitlines()]
    assert len(lines) == 10 and not [line for line in lines if line.startswith(("ok", "->"))]
    assert "\u202e" not in shown.getvalue() and "hunter2" not in shown.getvalue()


def test_lanes_stand_above_the_live_line_and_do_not_stay(screen: Screen) -> None:
    out = Output(screen.stream, screen.stream, Time())
    assert out.is_live
    out.lanes(["without a live line there is nothing"])
    with steps_of(out).step("rollout"):
        out.progress("waiting")
        out.lanes(["i-1 1 ====~~", "i-2 2   --=="])
        out.say("a step")
        out.lanes(["i-2 2   --====\x1b[2J"])
    out.close()
    assert screen.left() == ["-> rollout", "a step", "ok rollout (0.0 s)"]
    raw = screen.close()
    assert "i-1 1 ====~~" in raw and "i-2 2   --====" in raw and "nothing" not in raw


def test_the_elapsed_time_stays_where_the_text_is_too_long(screen: Screen) -> None:
    out = Output(screen.stream, screen.stream, Time())
    with steps_of(out).step("rollout", "10"):
        out.progress("3 of 3 serve; 1 new, 3 old; i-00000000000000004 InService, unhealthy")
    lines = re.findall(r"   10 rollout: 3 of 3[^\x1b]*", screen.close())
    assert lines and all(len(line) <= 60 and line.endswith("…  0.0 s") for line in lines)


def test_lanes_are_not_for_pipes(piped: tuple[Output, io.StringIO, io.StringIO, Time]) -> None:
    out, shown, errors, _ = piped
    out.lanes(["i-1 1 ===="])
    assert (out.is_live, shown.getvalue(), errors.getvalue()) == (False, "", "")


IMITATION = "fix\rok   ship (3.0 s)\nwarning: all is well"


def test_foreign_text_in_a_cell_a_title_or_a_wait_begins_no_line_of_ours(
    piped: tuple[Output, io.StringIO, io.StringIO, Time],
) -> None:
    out, stdout, _, _ = piped
    out.table(f"of {IMITATION}", ["commit", "what"], [["1234", IMITATION]])
    with steps_of(out).step(f"migrate {IMITATION}"):
        out.progress(f"seen {IMITATION}")
    lines = stdout.getvalue().splitlines()
    assert len(lines) == 6
    assert not [line for line in lines if line.startswith(("ok   ship", "warning"))]


COMMANDS = [
    "::set-output name=x::y",
    "  ::add-mask::a",
    "a ##[add-matcher]x",
    "##vso[task.setvariable variable=x]y",
    "a\n\t::error::z",
]


@pytest.mark.parametrize("variable", ["GITHUB_ACTIONS", "TF_BUILD"])
@pytest.mark.parametrize("text", COMMANDS)
def test_a_runner_of_ci_obeys_no_text_of_others(monkeypatch: pytest.MonkeyPatch, variable: str, text: str) -> None:
    monkeypatch.setenv(variable, "true")
    stdout, stderr = io.StringIO(), io.StringIO()
    out = Output(stdout, stderr)
    for show in (out.say, out.quote, out.relay, out.warn, out.progress):
        show(text)
    out.table(text, [], [])
    shown = f"{stdout.getvalue()}{stderr.getvalue()}\n{out.clean(text)}"
    assert not [line for line in shown.split("\n") if line.lstrip().startswith("::") or "##[" in line or "##vso[" in line]
    monkeypatch.delenv(variable)
    assert Output(stdout, stderr).clean("::x:: ##[y]") == "::x:: ##[y]"
