"""What Invoke's arguments lack: positional ones that may be left out, letters chosen by hand, whole numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import signature
from typing import Any

from invoke import Exit, Task
from invoke.parser import Argument
from invoke.parser.parser import ParseMachine


class Omissible(Argument):
    """A positional argument that may be left out; its value is "" then."""


class WholeNumber(Argument):
    """An option that takes a whole number."""

    def set_value(self, value: Any, cast: bool = True) -> None:
        """Set it to what was typed. Raises Exit for what is no number."""
        try:
            super().set_value(value, cast)
        except ValueError:
            raise Exit(f"--{self.name}: found {value}; allowed: a whole number", code=2) from None


class CommandTask(Task[Any]):
    """A task with such arguments.

    `letters`: a letter by the name of an option; `omissible`: names of positional arguments that may be left out.
    """

    def __init__(
        self, *args: Any, letters: Mapping[str, str] | None = None, omissible: Sequence[str] = (), **options: Any
    ) -> None:
        self.letters = dict(letters or {})
        self.omissible = tuple(omissible)
        if omissible:
            options["positional"] = [*options.get("positional", ()), *omissible]
        super().__init__(*args, **options)

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        """Return the arguments as Invoke's parser wants them."""
        found, parameters = super().get_arguments(ignore_unknown_help), signature(self.body).parameters
        for argument in found:
            name = str(argument.attr_name or argument.name).replace("-", "_")
            # Invoke knows the type of an option by its default alone, and None is of none.
            if argument.kind is int or parameters[name].annotation == "int | None":
                argument.kind, argument.__class__ = int, WholeNumber
            if argument.name in self.letters:
                argument.names = (*argument.names, self.letters[argument.name])
            if argument.name in self.omissible:
                argument.__class__ = Omissible
        return found


_complete = ParseMachine.complete_context


def _complete_omitted(self: ParseMachine) -> None:
    """Set what was left out, at the end of a command, where Invoke would miss it."""
    for argument in self.context.positional_args if self.context else ():
        if isinstance(argument, Omissible) and argument.value is None:
            argument.set_value("", cast=False)
    _complete(self)


ParseMachine.complete_context = _complete_omitted  # type: ignore[method-assign]
