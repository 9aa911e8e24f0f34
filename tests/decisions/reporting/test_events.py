import json

import pytest

from tasks.decisions.reporting import events
from tasks.decisions.reporting.events import FIELDS, KINDS, VERSION, instant, line, schema
from tasks.decisions.reporting.hooks import variables
from tasks.decisions.reporting.outcomes import OUTCOMES
from tests.decisions.reporting.sample import event


def test_an_event_is_one_line_of_json_with_the_fields_of_its_kind_only() -> None:
    written = line(event("step-ended", step="migrate", number="4", outcome="ok", seconds=1.5))
    assert "\n" not in written
    assert json.loads(written) == {
        "version": VERSION,
        "event": "step-ended",
        "at": "2026-01-02T03:04:05.678Z",
        "run": "r1",
        "command": "ship",
        "line": "fab ship",
        "by": "ann@desk",
        "facts": {"groups": "web"},
        "step": "migrate",
        "number": "4",
        "outcome": "ok",
        "seconds": 1.5,
    }


def test_milliseconds_are_cut_not_rounded_into_the_next_second() -> None:
    assert instant(0.9999) == "1970-01-01T00:00:00.999Z"


def test_the_schema_names_every_field_and_what_each_event_must_have() -> None:
    told = schema()
    assert set(told["properties"]) == set(FIELDS)
    assert told["properties"]["event"]["enum"] == list(KINDS) and told["properties"]["outcome"]["enum"] == list(OUTCOMES)
    assert {"if": {"properties": {"event": {"const": "warning"}}}, "then": {"required": ["text"]}} in told["allOf"]
    assert set(told["required"]) < set(FIELDS)


def test_a_real_validator_takes_what_is_written_and_nothing_less() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    checker = jsonschema.Draft202012Validator(schema())
    jsonschema.Draft202012Validator.check_schema(schema())
    good = [
        event("run-began"),
        event("step-began", step="git", number=""),
        event("step-ended", step="git", number="", outcome="failed", seconds=0.1),
        event("action", group="web", text="terminate i-1"),
        event("warning", text="w"),
        event("run-ended", outcome="half-way", code=3, text="", seconds=1.0),
        event("crashed"),
    ]
    assert {one.event for one in good} == set(KINDS)
    for one in good:
        checker.validate(one.as_json())
    assert not checker.is_valid(event("run-ended", outcome="ok").as_json())
    assert not checker.is_valid(event("warning", text="w").as_json() | {"version": VERSION + 1})


def test_a_hook_gets_the_facts_as_variables() -> None:
    given = variables("ship", "migrate", "r1", "fab ship", "ann@desk", {"to_versions": "web=4", "odd": "a\0b"})
    assert given == {
        "RAMPED_COMMAND": "ship",
        "RAMPED_STEP": "migrate",
        "RAMPED_RUN": "r1",
        "RAMPED_COMMAND_LINE": "fab ship",
        "RAMPED_OPERATOR": "ann@desk",
        "RAMPED_TO_VERSIONS": "web=4",
    }


def test_every_fact_that_is_noted_is_documented() -> None:
    import ast
    from pathlib import Path

    noted = {
        str(keyword.arg)
        for path in (Path(events.__file__).parents[2]).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("note", "step")
        for keyword in node.keywords
    }
    assert {"revision", "instance", "image"} <= noted
    assert noted - {"number", "None"} <= set(events.FACTS)
