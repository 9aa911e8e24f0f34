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
        option, equals, value = word.partition("=")
        if word[:2] in ("-p", "-P", "-n") and len(word) > 2:
            option, equals, value = word[:2], "=", word[2:]
        if not word.startswith("-"):
            asked.words.append(word)
        elif option in ("-p", "--property", "-P", "-n", "--lines"):
            _take(asked, option, value if equals else _next(option, rest))
        elif word == "--value":
            asked.bare = True
        elif word in ("-q", "--quiet"):
            asked.quiet = True
        elif word not in SILENT:
            raise Refused(f"systemctl: option {word} is not modelled by the rehearsal")
    return asked


def _next(option: str, rest: list[str]) -> str:
    if not rest:
        raise Refused(f"systemctl: option {option} lacks its value")
    return rest.pop(0)


def _take(asked: Asked, option: str, value: str) -> None:
    if option in ("-n", "--lines"):
        if not value.isdecimal():
            raise Refused(f"systemctl: option {option} wants a number")
        asked.lines = int(value)
        return
    asked.wanted += value.split(",")
    asked.bare = asked.bare or option == "-P"
