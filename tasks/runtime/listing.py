"""`--list` by groups: daily commands first.

Invoke sorts by name, and drops any order when it copies a namespace; only its program's display of the pairs can be changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from invoke.program import Program

Pair = tuple[str, str | None]
OTHERS = "others"


def grouped(pairs: Iterable[Pair], groups: Mapping[str, Sequence[str]]) -> list[Pair]:
    """Return the pairs of name and help under the headings of their groups; pairs without a group last."""
    texts = dict(pairs)
    listed: list[Pair] = []
    rest = [name for name in texts if not any(name in names for names in groups.values())]
    for heading, names in (*groups.items(), (OTHERS, rest)):
        here = [name for name in names if name in texts]
        if here:
            listed += [(heading, None), *((f"  {name}", texts[name]) for name in here)]
    return listed


def list_by(groups: Mapping[str, Sequence[str]]) -> None:
    """Make `--list` show these groups wherever it lists all of their commands."""
    display = Program.display_with_columns

    def display_grouped(self: Program, pairs: Sequence[Pair], extra: str = "") -> None:
        names = {name for name, _ in pairs}
        if all(name in names for members in groups.values() for name in members):
            pairs = grouped(pairs, groups)
        display(self, pairs, extra)

    Program.display_with_columns = display_grouped  # type: ignore[method-assign]
