"""The mutants that may survive, as survivors.txt tells them: a reason, the function, the lines that are changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_PACKAGE = "tasks.decisions.rollout."
SURVIVORS = Path(__file__).parent / "survivors.txt"


@dataclass(frozen=True)
class Mutant:
    """A change of a function; numbers of mutmut and of lines are left out, for they change with other code."""

    function: str
    lines: tuple[str, ...]

    @classmethod
    def of(cls, name: str, lines: Sequence[str]) -> "Mutant":
        """Make it of mutmut's name, tasks.decisions.rollout.view.xǁViewǁget_old__mutmut_3, and the lines of a diff."""
        function = name.removeprefix(_PACKAGE).partition("__mutmut_")[0]
        return cls(function, tuple(line[0] + " " + line[1:].strip() for line in lines))

    def __str__(self) -> str:
        """Return it as it stands in survivors.txt."""
        return "\n".join([self.function, *self.lines])


def explained() -> set[Mutant]:
    """Read survivors.txt: blocks that an empty line ends, of a reason (#), a function and its changed lines."""
    found = set()
    for block in SURVIVORS.read_text().split("\n\n"):
        lines = [line for line in block.splitlines() if line and not line.startswith("#")]
        if lines:
            found.add(Mutant(lines[0], tuple(lines[1:])))
    return found


def module_of(name: str) -> str:
    """Return the module of a mutant that mutmut names so."""
    return name.removeprefix(_PACKAGE).partition(".")[0]
