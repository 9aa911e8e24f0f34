from dataclasses import fields
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tasks.settings.layers import Layer, Source, check, merge, of_environment, of_file
from tasks.settings.model import RolloutPolicy
from tasks.settings.schema import build, schema
from tests.worlds.operator_folder import REQUIRED


def read(document: object, *, strict: bool = True, **lines: int) -> Layer:
    return of_file(
        Source(document, "fabric.yaml", "/folder", {path.replace("__", "."): line for path, line in lines.items()}, strict)
    )


def test_a_file_becomes_leaves_with_their_places() -> None:
    layer = read({"aws": {"region": "x"}, "groups": ["web"], "image": {"tags": {"a": "b"}}}, aws__region=2)
    assert layer.errors == []
    assert {path: (found.value, found.origin) for path, found in layer.leaves.items()} == {
        "aws.region": ("x", "fabric.yaml:2"),
        "groups": (["web"], "fabric.yaml"),
        "image.tags": ({"a": "b"}, "fabric.yaml"),
    }


def test_an_empty_file_and_an_empty_section_say_nothing() -> None:
    assert read(None) == Layer({})
    assert read({"rollout": None}).leaves == {}


def test_every_unknown_key_is_told_with_what_was_meant() -> None:
    layer = read(
        {"rollot": {"surge": 1}, "rollout": {"suge": 1, "domain": "x", "qqq": 1}, "group": ["web"], 5: 1}, rollout__suge=3
    )
    keys = ", ".join(field.name for field in fields(RolloutPolicy))
    top = "aws, management, ssh, app, image, rollout, restart, static, health_check, maintenance, groups"
    assert layer.errors == [
        f"fabric.yaml: rollot: unknown key; did you mean rollout?; allowed: {top}",
        f"fabric.yaml:3: rollout.suge: unknown key; did you mean rollout.surge?; allowed: {keys}",
        f"fabric.yaml: rollout.domain: unknown key; did you mean app.domain?; allowed: {keys}",
        f"fabric.yaml: rollout.qqq: unknown key; allowed: {keys}",
        f"fabric.yaml: group: unknown key; did you mean groups?; allowed: {top}",
        f"fabric.yaml: 5: unknown key; allowed: {top}",
    ]


def test_a_section_must_be_one() -> None:
    told = "fabric.yaml: restart: found 5 (a number); allowed: a section of batch, deadline, patience"
    assert read({"restart": 5}).errors == [told]
    assert read(["aws"]).errors == ["fabric.yaml: found a list of 1; allowed: sections such as aws: and app:"]


def test_keys_of_invoke_and_fabric_are_allowed_in_their_shape() -> None:
    assert read({"run": {"echo": True}, "user": "x", "connect_kwargs": None, "port": 22}).errors == []
    assert read({"run": 5, "user": {"name": "x"}}).errors == [
        "fabric.yaml: run: found 5 (a number); allowed: a section, this being a key of Invoke or Fabric",
        "fabric.yaml: user: found a section (name); allowed: a single value, this being a key of Invoke or Fabric",
    ]


def test_a_file_that_serves_other_projects_may_have_more() -> None:
    layer = read({"other": {"x": 1}, "rollout": {"qqq": 1, "surge": 2}}, strict=False)
    assert [error.split(";")[0] for error in layer.errors] == ["fabric.yaml: rollout.qqq: unknown key"]
    assert list(layer.leaves) == ["rollout.surge"]


def test_variables_of_both_prefixes_are_typed_by_the_schema() -> None:
    layer = of_environment(
        {
            "INVOKE_ROLLOUT_SURGE": "2",
            "FABRIC_GROUPS": "web,api",
            "INVOKE_AWS_PROFILE": "",
            "FABRIC_ROLLOUT_RAISE_MAX": "false",
            "INVOKE_IMAGE_TAGS": "a=b",
            "INVOKE_ROLLOUT_INSTANCE_DEADLINE": " 60 ",
        },
        "/here",
    )
    assert layer.errors == []
    assert {path: found.value for path, found in layer.leaves.items()} == {
        "rollout.surge": 2,
        "groups": ["web", "api"],
        "aws.profile": None,
        "rollout.raise_max": False,
        "image.tags": {"a": "b"},
        "rollout.instance_deadline": 60,
    }
    assert layer.leaves["groups"].origin == "FABRIC_GROUPS"
    assert layer.leaves["groups"].folder == "/here"


def test_unknown_and_contradicting_variables_are_told() -> None:
    layer = of_environment({"INVOKE_ROLLOUT_SURG": "2", "FABRIC_APP": "x", "FABRIC_SSH_PORT": "1", "INVOKE_SSH_PORT": "2"}, "")
    assert layer.errors == [
        "FABRIC_APP: unknown variable",
        "INVOKE_ROLLOUT_SURG: unknown variable; did you mean INVOKE_ROLLOUT_SURGE?",
        "INVOKE_SSH_PORT: ssh.port: found '2', but FABRIC_SSH_PORT says otherwise; allowed: one of the two",
    ]
    assert of_environment({"FABRIC_SSH_PORT": "1", "INVOKE_SSH_PORT": " 1"}, "").errors == []


def test_later_levels_win_and_tags_add_up() -> None:
    low = read({"aws": {"region": "a", "profile": "p"}, "image": {"tags": {"a": "1", "b": "1"}}})
    high = read({"aws": {"region": "b"}, "image": {"tags": {"b": "2"}}})
    merged = {path: found.value for path, found in merge([low, high]).items()}
    assert merged == {"aws.region": "b", "aws.profile": "p", "image.tags": {"a": "1", "b": "2"}}


def test_null_overrides_too() -> None:
    assert merge([read({"aws": {"profile": "p"}}), read({"aws": {"profile": None}})])["aws.profile"].value is None


def test_a_whole_file_becomes_settings() -> None:
    values, errors = check(read(REQUIRED).leaves, "fabric.yaml")
    assert errors == []
    settings = build(values)
    assert (settings.groups, settings.app.health_path, settings.image.name) == (
        ("web",),
        "/health_check/shop.example",
        "shop.example",
    )
    assert (settings.rollout.poll, settings.ssh.key, settings.management.tag) == (5.0, None, "ramped:role=management")


def test_all_that_is_missing_or_wrong_is_told_at_once() -> None:
    layer = read(
        {"aws": {"region": "eu-central-1a"}, "rollout": {"batch": 3, "surge": "2"}, "static": {"distribution": "E2QWRUHAPOMQZL"}}
    )
    _, errors = check(layer.leaves, "fabric.yaml")
    assert [error.split(": ")[1] for error in errors] == [
        *("aws.region", "groups", "ssh.user", "app.directory", "app.services", "app.domain"),
        *("rollout.surge", "static.url", "static.cdn"),
    ]
    assert errors[0] == (
        "fabric.yaml: aws.region: found 'eu-central-1a' (text); allowed: a region such as eu-central-1 "
        "(that is an Availability Zone; its region is eu-central-1)"
    )
    assert errors[1].startswith("fabric.yaml: groups: missing; allowed: a list, each item the name of an Auto Scaling group")


VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.lists(st.text(max_size=5), max_size=3)
)
TREES = st.dictionaries(
    st.sampled_from([*(path.partition(".")[0] for path in schema()), "run", "user", "other"]),
    VALUES
    | st.dictionaries(
        st.sampled_from([path.rpartition(".")[2] for path in schema()]), VALUES | st.dictionaries(st.text(), VALUES)
    ),
)


@given(
    TREES,
    st.dictionaries(st.sampled_from(["INVOKE_ROLLOUT_SURGE", "FABRIC_GROUPS", "INVOKE_APP_X", "FABRIC_IMAGE_TAGS"]), st.text()),
)
def test_whatever_the_file_says_there_are_settings_or_one_line_errors(tree: dict[str, Any], environment: dict[str, str]) -> None:
    layers = [read(REQUIRED), read(tree), of_environment(environment, "")]
    values, errors = check(merge(layers).copy(), "fabric.yaml")
    told = [*errors, *(error for layer in layers for error in layer.errors)]
    assert all(": " in error for error in told)
    if not errors:
        assert build(values).aws.region
