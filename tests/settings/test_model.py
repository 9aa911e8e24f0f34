"""The sample is the schema: every key of the sample is a field, every field is a key with the same default and a comment."""

import dataclasses
import re
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import yaml

from tasks.settings.environment import INVOKES_OWN
from tasks.settings.layers import of_file
from tasks.settings.model import Settings
from tasks.settings.reader import read
from tasks.settings.renamed import RENAMED
from tasks.settings.schema import schema, sections, variables

SAMPLE = Path(__file__).parents[2] / "settings_snippets" / "fabric.yaml"
LINES = SAMPLE.read_text().splitlines()
SOURCE = read(SAMPLE, "fabric.yaml")
LEAVES = of_file(SOURCE).leaves


def comment_above(path: str) -> str:
    """Return the comment that belongs to the key alone: the lines directly above it."""
    above: list[str] = []
    for line in reversed(LINES[: SOURCE.lines[path] - 1]):
        if not line.strip().startswith("#"):
            break
        above.insert(0, line.strip().removeprefix("#").strip())
    return " ".join(above)


def test_every_key_of_the_sample_is_a_field_and_every_field_is_in_the_sample() -> None:
    assert of_file(SOURCE).errors == []
    assert list(LEAVES) == sorted(LEAVES, key=list(schema()).index)
    assert set(LEAVES) == set(schema())


@pytest.mark.parametrize("path", [path for path, field in schema().items() if not field.required])
def test_the_sample_shows_the_default(path: str) -> None:
    assert schema()[path].read(LEAVES[path].value) == schema()[path].default


@pytest.mark.parametrize("path", list(schema()))
def test_every_key_is_explained(path: str) -> None:
    comment = comment_above(path)
    assert re.search(r"[a-z]{2,}.*\.$", comment), comment
    assert comment.startswith("Required. ") == schema()[path].required


def test_the_sample_is_valid_as_it_is() -> None:
    for path, found in LEAVES.items():
        schema()[path].read(found.value)


def test_the_sample_is_what_a_careful_parser_reads_too() -> None:
    tree: dict[str, Any] = yaml.safe_load(SAMPLE.read_text())
    assert set(tree) == {*sections(), "groups"}
    assert not any(isinstance(value, dict) and not value for value in tree.values())


def test_no_value_is_null_that_may_not_be() -> None:
    assert {path for path, found in LEAVES.items() if found.value is None} <= {
        path for path, field in schema().items() if field.nullable
    }


def test_the_settings_are_frozen_through_and_through() -> None:
    for name, hint in get_type_hints(Settings).items():
        if dataclasses.is_dataclass(hint):
            assert hint.__dataclass_params__.frozen, name  # type: ignore[attr-defined]


def test_no_section_is_one_of_invokes_own() -> None:
    assert not {*sections(), "groups"} & set(INVOKES_OWN)


def test_each_variable_means_one_setting() -> None:
    assert len(variables()) == len(schema()) + len(RENAMED)
    assert variables()["ROLLOUT_INSTANCE_TIMEOUT"] == "rollout.instance_timeout"
    assert variables()["ROLLOUT_INSTANCE_DEADLINE"] == "rollout.instance_deadline"
    assert variables()["GROUPS"] == "groups"


def test_an_old_name_stands_for_a_setting_and_is_none() -> None:
    assert set(RENAMED.values()) <= set(schema())
    assert not set(RENAMED) & set(schema())


def test_the_keys_of_invoke_and_fabric_are_those_of_their_defaults() -> None:
    from fabric.config import Config

    defaults = Config.global_defaults()
    assert {name: isinstance(value, dict) for name, value in defaults.items()} == INVOKES_OWN


def test_keys_that_invoke_would_shadow_are_not_ours() -> None:
    from invoke.config import Config

    assert not [name for name in (*sections(), "groups") if hasattr(Config, name)]


def test_every_field_says_what_is_allowed() -> None:
    assert all(field.allowed for field in schema().values())
