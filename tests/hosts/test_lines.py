"""Lines out of pieces of bytes, wherever they are cut."""

from hypothesis import given
from hypothesis import strategies as st

from tasks.hosts.lines import LONGEST, Lines


def fed(pieces: list[tuple[bytes, bool]], mark: str = "mark") -> tuple[list[tuple[str, bool]], Lines]:
    seen: list[tuple[str, bool]] = []
    lines = Lines(lambda line, of_errors: seen.append((line, of_errors)), mark)
    for data, of_errors in pieces:
        lines.feed(data, of_errors)
    lines.end()
    return seen, lines


@given(st.lists(st.text(st.characters(exclude_characters="\n\r", codec="utf-8"), max_size=8), max_size=6), st.data())
def test_the_lines_are_the_same_however_the_bytes_are_cut(texts: list[str], data: st.DataObject) -> None:
    whole = "".join(f"{text}\n" for text in ["noise", "mark", *texts]).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    seen, lines = fed([(piece, False) for piece in pieces])
    assert [line for line, _ in seen] == texts
    assert lines.before == "noise\n"


def test_streams_are_apart_and_an_end_without_a_newline_is_a_line() -> None:
    seen, _ = fed([(b"mark\r\nout", False), (b"er", True), (b"r\n", True)])
    assert seen == [("err", True), ("out", False)]


def test_without_its_mark_nothing_is_handed_over() -> None:
    seen, lines = fed([(b"This account is not available.\n", False), (b"mark\n", True)])
    assert (seen, lines.marked) == ([], False)
    assert "not available" in lines.before


def test_a_line_without_end_comes_in_parts() -> None:
    seen, _ = fed([(b"mark\n", False), *[(b"x" * 50_000, False)] * 4])
    assert "".join(line for line, _ in seen) == "x" * 200_000
    assert max(len(line) for line, _ in seen) <= LONGEST + 50_000
