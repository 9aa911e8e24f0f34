"""The command line of `systemctl`, taken apart; an option that is not modelled is refused, never guessed."""

from dataclasses import dataclass, field

SILENT = ("--no-pager", "--no-ask-password", "--full", "-l", "--system", "--no-legend", "--plain")


@dataclass
class Asked:
    """A command line, taken apart."""

    words: list[str] = field(default_factory=list)
    wanted: list[str] = field(default_factory=list)
    bare: bool = False
    quiet: bool = False
    lines: int = 10


class Refused(Exception):
    """Say what is not modelled."""


def read(argv: list[str]) -> Asked:
    """Take a command line of systemctl apart; raises Refused for an option that is not modelled."""
    asked, rest = Asked(), list(argv)
    while rest:
        word = rest.pop(0)
        option, _, value = word.partition("=")
        if word.startswith("-p") and not word.startswith("--") and len(word) > 2:
            option, value = "-p", word[2:]
        if not word.startswith("-"):
            asked.words.append(word)
        elif option in ("-p", "--property"):
            asked.wanted += (value or rest.pop(0)).split(",")
        elif option in ("-P",):
            asked.wanted, asked.bare = [*asked.wanted, *(value or rest.pop(0)).split(",")], True
        elif option in ("-n", "--lines"):
            asked.lines = int(value or rest.pop(0))
        elif word == "--value":
            asked.bare = True
        elif word in ("-q", "--quiet"):
            asked.quiet = True
        elif word not in SILENT:
            raise Refused(f"systemctl: option {word} is not modelled by the rehearsal")
    return asked
