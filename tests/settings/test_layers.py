from dataclasses import fields
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tasks.settings.layers import Layer, Source, check, merge, of_environment, of_file
from tasks.settings.model import RolloutPolicy
from tasks.settings.schema import build, schema, sections
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


def test_every_unknown_key_is_reported_with_what_was_meant() -> None:
    layer = read(
        {"rollot": {"surge": 1}, "rollout": {"suge": 1, "domain": "x", "qqq": 1}, "group": ["web"], 5: 1}, rollout__suge=3
    )
    keys = ", ".join(field.name for field in fields(RolloutPolicy))
    top = f"{', '.join(sections())}, groups"
    assert layer.errors == [
        f"fabric.yaml: rollot: unknown key; did you mean rollout?; allowed: {top}",
        f"fabric.yaml:3: rollout.suge: unknown key; did you mean rollout.surge?; allowed: {keys}",
        f"fabric.yaml: rollout.domain: unknown key; did you mean app.domain?; allowed: {keys}",
        f"fabric.yaml: rollout.qqq: unknown key; allowed: {keys}",
        f"fabric.yaml: group: unknown key; did you mean groups?; allowed: {top}",
        f"fabric.yaml: 5: unknown key; allowed: {top}",
    ]


def test_a_section_must_be_one() -> None:
    told = "fabric.yaml: restart: found 5 (a number); allowed: a section of batch, timeout, patience"
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
            "INVOKE_ROLLOUT_INSTANCE_TIMEOUT": " 60 ",
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
        "rollout.instance_timeout": 60,
    }
    assert layer.leaves["groups"].origin == "FABRIC_GROUPS"
    assert layer.leaves["groups"].folder == "/here"


def test_unknown_and_contradicting_variables_are_reported() -> None:
    layer = of_environment(
        {
            "INVOKE_ROLOUT_SURGE": "2",
            "INVOKE_SURGE": "2",
            "FABRIC_APP_NONSENSE": "x",
            "FABRIC_SSH_PORT": "1",
            "INVOKE_SSH_PORT": "2",
        },
        "",
    )
    assert layer.errors == [
        "FABRIC_APP_NONSENSE: unknown variable",
        "INVOKE_ROLOUT_SURGE: unknown variable; did you mean INVOKE_ROLLOUT_SURGE?",
        "INVOKE_SSH_PORT: ssh.port: found '2', but FABRIC_SSH_PORT is different; allowed: one of the two",
        "INVOKE_SURGE: unknown variable; did you mean INVOKE_ROLLOUT_SURGE?",
    ]
    assert of_environment({"FABRIC_SSH_PORT": "1", "INVOKE_SSH_PORT": " 1"}, "").errors == []


def test_old_names_go_on_working_with_a_line_that_names_the_new() -> None:
    layer = read({"rollout": {"deadline": 5000, "bake": 60, "surge": 2}}, rollout__deadline=3, rollout__bake=4)
    assert layer.errors == []
    assert {path: found.value for path, found in layer.leaves.items()} == {
        "rollout.timeout": 5000,
        "rollout.pause": 60,
        "rollout.surge": 2,
    }
    assert layer.warnings == [
        "fabric.yaml:3: rollout.deadline is now called rollout.timeout; the old name still works",
        "fabric.yaml:4: rollout.bake is now called rollout.pause; the old name still works",
    ]
    layer = of_environment({"FABRIC_ROLLOUT_INSTANCE_DEADLINE": "60"}, "")
    assert layer.leaves["rollout.instance_timeout"].value == 60
    assert layer.warnings == [
        "FABRIC_ROLLOUT_INSTANCE_DEADLINE: rollout.instance_deadline is now called rollout.instance_timeout; "
        "the old name still works"
    ]


def test_the_old_and_the_new_name_in_one_level_are_an_error() -> None:
    layer = read({"rollout": {"timeout": 1, "deadline": 1}}, rollout__timeout=2, rollout__deadline=3)
    assert layer.errors == [
        "fabric.yaml:3: rollout.deadline: the old name of rollout.timeout, which fabric.yaml:2 sets; "
        "allowed: rollout.timeout alone"
    ]
    layer = of_environment({"INVOKE_ROLLOUT_PAUSE": "1", "FABRIC_ROLLOUT_BAKE": "1"}, "")
    assert layer.errors == [
        "FABRIC_ROLLOUT_BAKE: rollout.bake: the old name of rollout.pause, which INVOKE_ROLLOUT_PAUSE sets; "
        "allowed: rollout.pause alone"
    ]


def test_a_higher_level_overrides_whichever_name_it_has() -> None:
    low, high = read({"static": {"keep": 5}}), read({"static": {"keep_releases": 7}})
    assert merge([low, high])["static.keep_releases"].value == 7
    assert merge([high, low])["static.keep_releases"].value == 5


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


def test_all_that_is_missing_or_wrong_is_reported_at_once() -> None:
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
    found = [*errors, *(error for layer in layers for error in layer.errors)]
    assert all(": " in error for error in found)
    if not errors:
        assert build(values).aws.region
