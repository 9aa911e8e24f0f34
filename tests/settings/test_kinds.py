from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.settings.kinds import Amount, Flag, Kind, Money, Page, Pages, Seconds, Tags, Text, Texts, Whole, Wrong, describe
from tasks.settings.schema import schema

ALL: tuple[Kind, ...] = (Text(), Whole(1), Seconds(), Money(), Amount(), Flag(), Texts(Text(), 1), Tags())


@pytest.mark.parametrize(
    ("kind", "value", "read"),
    [
        (Text(), "a b", "a b"),
        (Whole(1), 1, 1),
        (Whole(1, 3), 3, 3),
        (Seconds(), 5, 5.0),
        (Seconds(), 0.2, 0.2),
        (Money(), 0, 0.0),
        (Money(), 0.054, 0.054),
        (Amount(), 3, 3),
        (Amount(), "25%", "25%"),
        (Amount(), "100%", "100%"),
        (Flag(), False, False),
        (Texts(Text()), [], ()),
        (Texts(Text(), 1), ["a", "b"], ("a", "b")),
        (Tags(), {}, {}),
        (Tags(), {"team": "web", "Ramp": ""}, {"team": "web", "Ramp": ""}),
    ],
)
def test_what_is_allowed_is_read(kind: Kind, value: object, read: object) -> None:
    assert kind.read(value) == read
    assert type(kind.read(value)) is type(read)


@pytest.mark.parametrize(
    ("kind", "value", "hint"),
    [
        (Text(), "", ""),
        (Text(), " a", "without blanks"),
        (Text(), "a\nb", ""),
        (Text(), True, "in quotes"),
        (Text(), 12, "in quotes"),
        (Text(), ["a"], ""),
        (Text("x", "x", lambda text: f"not {text}"), "y", "not y"),
        (Whole(1), 0, ""),
        (Whole(1, 3), 4, ""),
        (Whole(1), True, ""),
        (Whole(1), 1.0, ""),
        (Whole(1), "1", "without quotes"),
        (Whole(1), "022", "without leading zeros"),
        (Seconds(), 0, ""),
        (Seconds(), -1.5, ""),
        (Seconds(), float("nan"), ""),
        (Seconds(), float("inf"), ""),
        (Seconds(), True, ""),
        (Money(), -0.1, ""),
        (Money(), False, ""),
        (Money(), "free", ""),
        (Amount(), 0, ""),
        (Amount(), "0%", ""),
        (Amount(), "101%", ""),
        (Amount(), "25 %", ""),
        (Amount(), "2", "without quotes"),
        (Amount(), 0.25, ""),
        (Amount(), True, ""),
        (Flag(), "false", "without quotes"),
        (Flag(), "maybe", ""),
        (Flag(), 0, ""),
        (Texts(Text()), "web", "write [web]"),
        (Texts(Text()), {"web": 1}, ""),
        (Texts(Text(), 1), [], ""),
        (Texts(Text()), ["a", 5], "the item 5"),
        (Texts(Text()), ["a", "b", "a"], "'a' is there twice"),
        (Tags(), ["a=b"], ""),
        (Tags(), {"cost": 12}, "cost: found 12"),
        (Tags(), {"aws:x": "y"}, "aws:x"),
        (Tags(), {"ramped:by": "me"}, "ramped:by"),
        (Tags(), {"Name": "x"}, "image.name"),
        (Tags(), {"": "x"}, ""),
        (Tags(), {"k": "x" * 257}, "k"),
        (Tags(), {str(number): "" for number in range(41)}, ""),
    ],
)
def test_what_is_not_allowed_is_refused_with_a_hint(kind: Kind, value: object, hint: str) -> None:
    with pytest.raises(Wrong) as caught:
        kind.read(value)
    assert hint in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Text(), "1", "1"),
        (Whole(1), "12", 12),
        (Whole(1), "-1", -1),
        (Whole(1), "1.5", "1.5"),
        (Whole(1), "022", "022"),
        (Whole(0), "0", 0),
        (Whole(1), "١", "١"),
        (Seconds(), ".5", 0.5),
        (Seconds(), "5", 5.0),
        (Seconds(), ".", "."),
        (Seconds(), "soon", "soon"),
        (Amount(), "2", 2),
        (Amount(), "25%", "25%"),
        (Flag(), "false", False),
        (Flag(), "No", False),
        (Flag(), "0", False),
        (Flag(), "TRUE", True),
        (Flag(), "on", True),
        (Flag(), "", ""),
        (Flag(), "ja", "ja"),
        (Texts(Text()), "web, api", ["web", "api"]),
        (Texts(Text()), "", []),
        (Tags(), "a=b, c=d=e", {"a": "b", "c": "d=e"}),
        (Tags(), "", {}),
        (Tags(), "a", "a"),
    ],
)
def test_a_variable_is_typed_by_the_kind(kind: Kind, text: str, value: object) -> None:
    assert kind.of_text(text) == value
    assert type(kind.of_text(text)) is type(value)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (None, "nothing (null)"),
        (True, "true (yes or no)"),
        (5, "5 (a number)"),
        ("x", "'x' (text)"),
        ("x" * 90, f"'{'x' * 77}...' (text)"),
        ({"a": 1, "b": 2}, "a section (a, b)"),
        ([1, 2], "a list of 2"),
        (b"x", "b'x' (a bytes: put it in quotes)"),
    ],
)
def test_what_was_found_is_reported(value: object, found: str) -> None:
    assert describe(value) == found


@given(
    st.sampled_from(ALL),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ),
)
def test_any_value_is_read_or_refused(kind: Kind, value: Any) -> None:
    try:
        read = kind.read(value)
    except Wrong:
        return
    again = list(read) if isinstance(read, tuple) else read
    assert kind.read(again) == read


@given(st.sampled_from(ALL), st.text())
def test_any_text_of_a_variable_is_read_or_refused(kind: Kind, text: str) -> None:
    try:
        kind.read(kind.of_text(text))
    except Wrong as wrong:
        assert "\n" not in repr(str(wrong))
    assert kind.allowed


def test_pages_are_paths_or_sections() -> None:
    found = Pages().read(["/", {"path": "/search/?q=a", "status": 200, "text": "Results"}])
    assert found == (Page("/"), Page("/search/?q=a", 200, "Results"))
    kept = Pages().read([{"path": "/", "headers": {"Cache-Control": "no-store", "Vary": ""}}])
    assert kept == (Page("/", headers=(("Cache-Control", "no-store"), ("Vary", ""))),)
    assert str(kept[0]) == "{path: /, headers: {Cache-Control: no-store, Vary: }}"
    assert [str(page) for page in found] == ["/", "{path: /search/?q=a, status: 200, text: Results}"]
    assert Pages().of_text("/, /about/") == ["/", "/about/"] and Pages().of_text("") == []


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("/", r"write \[/\]"),
        (["about/"], "'about/'"),
        (["//example.com/"], "invalid"),
        ([{"status": 200}], "invalid"),
        ([{"path": "/", "code": 200}], "invalid"),
        ([{"path": "/", "status": "200"}], "without quotes"),
        ([{"path": "/", "status": 99}], "invalid"),
        ([{"path": "/", "headers": "no-store"}], "write {Name: text}"),
        ([{"path": "/", "headers": []}], "write {Name: text}"),
        ([{"path": "/", "headers": 0}], "write {Name: text}"),
        ([{"path": "/", "headers": False}], "write {Name: text}"),
        ([{"path": "/", "headers": {"Cache Control": "x"}}], "invalid"),
        ([{"path": "/", "headers": {"Age": 3}}], "in quotes"),
        (["/", {"path": "/"}], "twice"),
        ([["/"]], "invalid"),
        ({}, "^$"),
    ],
)
def test_other_pages_are_refused(value: object, hint: str) -> None:
    with pytest.raises(Wrong, match=hint):
        Pages().read(value)


def test_commands_are_one_a_line_in_a_variable() -> None:
    assert schema()["app.build"].of_text("npm ci\nmake a,b") == ["npm ci", "make a,b"]
