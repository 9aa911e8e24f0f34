"""Write the references from what they describe: commands from their help, settings from schema and example, events from the code.

`python -m docs.generate` after a command, an option or a setting has changed; tests/docs compares.
"""

import inspect
import json
import re
from collections.abc import Container, Iterator, Sequence
from pathlib import Path
from typing import Any, get_type_hints

from invoke import Task
from invoke.parser import Argument, ParserContext

from tasks.commands import GROUPS, ns
from tasks.decisions.reporting.events import FACTS, FIELDS, KINDS, VERSION
from tasks.decisions.reporting.events import schema as event_schema
from tasks.decisions.reporting.outcomes import OUTCOMES
from tasks.runtime.arguments import Omissible
from tasks.settings.environment import variable_of
from tasks.settings.hooks import COMMANDS, STEPS
from tasks.settings.model import Settings
from tasks.settings.renamed import RENAMED
from tasks.settings.schema import Field, schema

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "settings_snippets/fabric.yaml"
NOTE = "<!-- Written by `python -m docs.generate`: do not edit. -->"


def commands() -> str:
    """Return the reference of the commands: what `fab --help COMMAND` shows, by group."""
    parts = [
        f"# Commands\n\n{NOTE}",
        "`fab`, `invoke` and `ramped` take the same commands and options. `fab --dry COMMAND` changes nothing and shows what it "
        "would do. `-f FILE` adds a settings file. `fab --help COMMAND` shows what this page shows.",
    ]
    for group, members in GROUPS.items():
        parts.append(f"## {group.capitalize()}")
        for member in members:
            parts.append("\n\n".join(_command(member)))
    return "\n\n".join(parts) + "\n"


def _command(task: Task[Any]) -> Iterator[str]:
    name = ns.transform(task.name)
    yield f"### {name}"
    yield _escaped(inspect.getdoc(task.body) or "")
    arguments = arguments_of(task)
    options = ParserContext(name, args=arguments).help_tuples()
    repeatable = {f"--{flag}" for argument in arguments if argument.kind is list for flag in argument.names}
    positional = [argument for argument in arguments if argument.positional]
    yield f"    fab {' '.join([name, *map(_positional, positional)])}"
    if options:
        yield _table(
            ("option", "meaning"), [(f"`{_option(flags, repeatable)}`", _escaped(text or "")) for flags, text in options]
        )


def _positional(argument: Argument) -> str:
    name = str(argument.name).upper()
    return f"[{name}]" if isinstance(argument, Omissible) else name


def arguments_of(task: Task[Any]) -> list[Argument]:
    """Return the arguments of a task as the parser of Invoke sees them, which also writes `--help`.

    Asking takes the help texts out of the task; it gets them back.
    """
    texts = dict(task.help)
    try:
        return task.get_arguments()
    finally:
        task.help.update(texts)


def _option(flags: str, repeatable: Container[str]) -> str:
    if flags in repeatable:
        return f"{flags}=TEXT"
    return re.sub(r"=\[?STRING\]?|=INT", lambda found: found[0].replace("STRING", "TEXT").replace("INT", "NUMBER"), flags)


def settings() -> str:
    """Return the reference of the settings: type and default from the schema, the text from the example's comments."""
    parts = [
        f"# Settings\n\n{NOTE}",
        "Everything is in one file, `fabric.yaml`, in the folder of `fabfile.py` or above it. Start from "
        "`settings_snippets/fabric.yaml` (`ramped init` copies it). An unknown key, a wrong value or a missing one stops every "
        "command with file, line and what is allowed, before anything is changed. All durations are seconds.",
        "An environment variable overrides the file: `INVOKE_` or `FABRIC_`, section and key, as in `INVOKE_ROLLOUT_SURGE=2`. "
        "`true` and `false` as words, lists by commas, tags as `key=value,key=value`; an empty text is null. A file given with "
        "`-f FILE` overrides both.",
    ]
    comments, section = _comments(EXAMPLE.read_text(encoding="utf-8").splitlines()), ""
    for path, field in schema().items():
        name, dot, _ = path.partition(".")
        if dot and name != section:
            section = name
            shape = get_type_hints(Settings)[section]
            parts.append(f"## {section}")
            parts.append("\n".join(filter(None, (inspect.getdoc(shape), comments.get(section, "")))))
        parts.append("\n\n".join(_setting(field, comments[path], heading="###" if dot else "##")))
    parts.append("## Old names\n\nThey still work, with a warning that names the new one.")
    parts.append(_table(("old name", "name"), [(f"`{old}`", f"`{new}`") for old, new in RENAMED.items()]))
    return "\n\n".join(parts) + "\n"


def _setting(field: Field, comment: str, heading: str) -> Iterator[str]:
    yield f"{heading} {field.path}"
    yield _escaped(comment.removeprefix("Required. "))
    facts = ["**required**" if field.required else f"default: `{_yaml(field.default)}`"]
    yield f"Allowed: {_escaped(field.allowed)}; {facts[0]}; variable: `INVOKE_{variable_of(field.path)}`"


def _yaml(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(str, value))}]"
    return "{}" if value == {} else f"{value:g}" if isinstance(value, float) else str(value)


def _comments(lines: Sequence[str]) -> dict[str, str]:
    """Return the comment in front of each key of the example, by dotted path; headings with a rule are not theirs."""
    found: dict[str, str] = {}
    section, comment = "", list[str]()
    for line in lines:
        text = line.strip()
        key = re.match(r"( {0,2})([a-z_]+):", line)
        if text.startswith("#"):
            comment = [] if text.startswith("# ----") else [*comment, text.lstrip("# ")]
        elif key:
            section = key[2] if not key[1] else section
            found[f"{section}.{key[2]}" if key[1] else section] = " ".join(comment)
            comment = []
        elif not text:
            comment = []
    return found


def events() -> str:
    """Return the reference of the events: kinds, fields, facts, outcomes, steps."""
    fields = [
        (f"`{name}`", kind, _escaped(text), ", ".join(f"`{event}`" for event in kinds) or "all")
        for name, (kind, text, kinds) in FIELDS.items()
    ]
    facts = [(f"`{name}`", f"`RAMPED_{name.upper()}`", _escaped(text)) for name, text in FACTS.items()]
    parts = [
        f"# Events\n\n{NOTE}",
        f"`--events FILE` appends each event of a run as one line of JSON; `--events -` prints them. The version is {VERSION}: it"
        " is raised when a field changes its meaning or goes; ignore fields and events that you do not know. As JSON Schema:"
        " [events.schema.json](events.schema.json).",
        "## Which events\n\n" + _table(("event", "when"), [(f"`{name}`", text) for name, text in KINDS.items()]),
        "## Fields\n\n" + _table(("field", "type", "meaning", "in"), fields),
        "## Facts\n\nEach is there as soon as it is known; hooks get it as a variable.\n\n"
        + _table(("fact", "variable of a hook", "meaning"), facts),
        "## Outcomes\n\n" + _table(("outcome", "meaning"), [(f"`{name}`", text) for name, text in OUTCOMES.items()]),
        "## Steps and commands\n\nSteps, in `step` and in `hooks`: " + ", ".join(f"`{name}`" for name in STEPS) + ".",
        "Commands, in `command` and in `hooks`: " + ", ".join(f"`{name}`" for name in COMMANDS) + ". What is both, such as"
        " `rollout`, has its hooks around the step.",
    ]
    return "\n\n".join(parts) + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in lines)


def _escaped(text: str) -> str:
    """Keep what markdown would take for markup: <, > and * outside of code."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else re.sub(r"([<>*\[\]])", r"\\\1", part) for part in parts)


def main() -> None:
    """Write all files."""
    for name, text in (("commands", commands()), ("settings", settings()), ("events", events())):
        (ROOT / f"docs/reference/{name}.md").write_text(text, encoding="utf-8")
    (ROOT / "docs/reference/events.schema.json").write_text(f"{json.dumps(event_schema(), indent=2)}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
