"""Our block in a file of the project: the rest of the file stays, letter by letter."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.decisions.setup import blocks
from tasks.decisions.setup.source import compiles, line_of, settings_modules

BLOCK = blocks.wrapped("A = 1")


@given(st.text(alphabet="ab=1 #\n\t'\"", max_size=60))
def test_what_was_there_stays(text: str) -> None:
    placed = blocks.placed(text, BLOCK)
    assert placed.startswith(text) and blocks.found(placed) == BLOCK
    assert blocks.placed(placed, BLOCK) == placed
    assert blocks.without(placed).rstrip() == text.rstrip()
    other = blocks.wrapped("B = 2")
    assert blocks.found(blocks.placed(placed, other)) == other


def test_what_follows_the_block_stays_behind_it() -> None:
    text = f"first = 1\n\n{BLOCK}\nlast = 3\n"
    changed = blocks.placed(text, blocks.wrapped("A = 2"))
    assert (
        changed.startswith("first = 1\n") and changed.endswith("\nlast = 3\n") and "A = 2" in changed and "A = 1" not in changed
    )


def test_the_line_ends_are_the_files_own() -> None:
    placed = blocks.placed("a = 1\r\nb = 2\r\n", BLOCK)
    assert placed.count("\n") == placed.count("\r\n") and blocks.found(placed) == BLOCK


def test_a_block_without_an_end_is_none() -> None:
    assert blocks.found(f"{blocks.BEGIN}\nA = 1\n") is None


@pytest.mark.parametrize(
    "text, line",
    [
        ("DEBUG = True\n", 1),
        ("import os\nif os.environ:\n    DEBUG = False\nelse:\n    DEBUG = True\n", 5),
        ("DEBUG: bool = True\n", 1),
        ('DEBUG = 1\nDEBUG["x"]["y"] = 2\n', 2),
        ("OTHER = True\nprint('DEBUG = True')\n", None),
        ("(", None),
        ("\ufeffDEBUG = True\n", 1),
    ],
)
def test_the_line_of_a_setting(text: str, line: int | None) -> None:
    assert line_of(text, "DEBUG") == line


def test_only_python_compiles() -> None:
    assert compiles("a = 1\n") is None and compiles("\ufeffa = 1\n") is None
    assert "line 1" in (compiles("a = (\n") or "") and compiles("\0") is not None
    with pytest.raises(SyntaxError):
        ast.parse("a = (\n")


def test_settings_modules_are_read_and_nothing_runs() -> None:
    text = 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "a.b")\nraise RuntimeError\n'
    assert settings_modules(text) == ["a.b"]
    assert settings_modules('setdefault()\nos.environ["OTHER"] = "x"\n') == []
