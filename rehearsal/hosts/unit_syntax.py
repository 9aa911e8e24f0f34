"""The syntax of systemd's unit files, as far as it is modelled: lines, specifiers, command lines, spans of time.

Source: systemd.syntax(7), systemd.unit(5) "Specifiers", systemd.service(5) "Command lines", systemd.time(7).
"""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass


class UnitError(ValueError):
    """Say what a unit file holds that the rehearsal's init does not model, and where."""


@dataclass(frozen=True)
class Entry:
    """One assignment of a unit file, with the line it stands on."""

    section: str
    key: str
    value: str
    line: int


@dataclass(frozen=True)
class Command:
    """A command line, its variables not yet replaced."""

    argv: tuple[str, ...]
    may_fail: bool = False


SECONDS = {"ms": 0.001, "s": 1, "sec": 1, "second": 1, "seconds": 1, "min": 60, "m": 60, "minute": 60, "minutes": 60, "h": 3600}


def read(name: str, text: str) -> list[Entry]:
    """Return the assignments of a unit file in order; raises UnitError for a line that is none."""
    entries: list[Entry] = []
    section, held, first = "", "", 0
    for number, raw in enumerate(text.splitlines(), 1):
        if not held and (not raw.strip() or raw.lstrip()[0] in "#;"):
            continue
        first = first if held else number
        if raw.endswith("\\"):
            held += raw[:-1] + " "
            continue
        line, held = (held + raw).strip(), ""
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
            continue
        key, equals, value = line.partition("=")
        if not equals or not section:
            raise UnitError(f"{name}:{first}: `{line}` is neither a section nor an assignment")
        entries.append(Entry(section, key.strip(), value.strip(), first))
    return entries


def expand(text: str, specifiers: Mapping[str, str]) -> str:
    """Replace %h, %t and so on; raises UnitError for a specifier that is not in the mapping."""

    def value(match: re.Match[str]) -> str:
        letter = match.group(1)
        if letter == "%":
            return "%"
        if letter not in specifiers:
            raise UnitError(f"%{letter} in `{text}` is not modelled; modelled: {', '.join('%' + s for s in sorted(specifiers))}")
        return specifiers[letter]

    return re.sub(r"%(.?)", value, text)


def command(text: str) -> Command:
    """Split a command line; raises UnitError for a prefix other than `-`, and for several commands in one line."""
    may_fail = text.startswith("-")
    argv = tuple(shlex.split(text[1:] if may_fail else text))
    if not argv or argv[0][0] in "@:+!-|" or ";" in argv:
        raise UnitError(f"`{text}`: an empty command, a prefix other than one `-`, and `;` are not modelled")
    return Command(argv, may_fail)


def replace_variables(argv: tuple[str, ...], environment: Mapping[str, str]) -> list[str]:
    """Replace `${X}` within words, and `$X` as a word, which is split, as systemd does; unset variables are empty."""
    words: list[str] = []
    for word in argv:
        alone = re.fullmatch(r"\$(\w+)", word)
        if alone:
            words.extend(environment.get(alone.group(1), "").split())
        else:
            words.append(re.sub(r"\$\{(\w+)\}|\$(\$)", lambda m: m.group(2) or environment.get(m.group(1), ""), word))
    return words


def seconds(text: str) -> float:
    """Return a span of time such as `90`, `1min 30s` or `infinity` in seconds; raises UnitError."""
    if text == "infinity":
        return float("inf")
    parts = re.findall(r"([\d.]+)\s*([a-z]*)\s*", text)
    if not parts or "".join(n + u for n, u in parts) != text.replace(" ", "") or any(u and u not in SECONDS for _, u in parts):
        raise UnitError(f"`{text}` is not a span of time")
    return sum(float(number) * SECONDS.get(unit, 1) for number, unit in parts)


def boolean(text: str) -> bool:
    """Return a boolean; raises UnitError."""
    if text.lower() in ("1", "yes", "y", "true", "t", "on"):
        return True
    if text.lower() in ("0", "no", "n", "false", "f", "off"):
        return False
    raise UnitError(f"`{text}` is not a boolean")
