"""The Condition element, by the tables of the IAM user guide."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rehearsal.cloud.authorization.conditions import PolicyError, holds

ARN = "arn:aws:ec2:eu-central-1:111122223333:launch-template/lt-1"


@pytest.mark.parametrize(
    ("operator", "wanted", "found", "result"),
    [
        ("StringEquals", "a", "a", True),
        ("StringEquals", ["a", "b"], "b", True),
        ("StringEquals", "a", "A", False),
        ("StringEquals", "a*", "ab", False),
        ("StringNotEquals", ["a", "b"], "b", False),
        ("StringNotEquals", ["a", "b"], "c", True),
        ("StringEqualsIgnoreCase", "A", "a", True),
        ("StringNotEqualsIgnoreCase", "A", "a", False),
        ("StringLike", "a*c", "abbc", True),
        ("StringLike", "a?c", "abbc", False),
        ("StringLike", "a.c", "abc", False),
        ("StringNotLike", "a*", "b", True),
        ("ArnEquals", ARN, ARN, True),
        ("ArnLike", "arn:aws:ec2:*:*:launch-template/*", ARN, True),
        ("ArnLike", "arn:aws:ec2:*:launch-template/*", ARN, False),
        ("ArnNotLike", "arn:aws:ec2:*:*:launch-template/*", ARN, False),
        ("Bool", "true", "true", True),
        ("Bool", True, "true", True),
        ("Bool", "false", "true", False),
        ("NumericLessThanEquals", "10", "10", True),
        ("NumericLessThan", 10, "10", False),
        ("NumericGreaterThan", "9", "10", True),
        ("NumericGreaterThanEquals", "11", "10", False),
        ("NumericEquals", "10", "10.0", True),
        ("NumericNotEquals", "10", "10", False),
        ("IpAddress", "192.0.2.0/24", "192.0.2.7", True),
        ("NotIpAddress", "192.0.2.0/24", "192.0.2.7", False),
    ],
)
def test_an_operator_compares_as_the_guide_says(operator: str, wanted: Any, found: str, result: bool) -> None:
    assert holds({operator: {"k": wanted}}, {"k": found}) is result


@pytest.mark.parametrize(
    ("operator", "result"),
    [
        ("StringEquals", False),
        ("StringLike", False),
        ("Bool", False),
        ("ArnLike", False),
        ("NumericLessThan", False),
        ("StringNotEquals", True),
        ("ArnNotLike", True),
        ("NotIpAddress", True),
        ("StringEqualsIfExists", True),
        ("StringNotEqualsIfExists", True),
        ("BoolIfExists", True),
        ("ForAllValues:StringEquals", True),
        ("ForAnyValue:StringEquals", False),
        ("ForAnyValue:StringNotEquals", False),
        ("ForAnyValue:StringEqualsIfExists", True),
    ],
)
@pytest.mark.parametrize("context", [{}, {"k": []}], ids=["absent", "empty"])
def test_a_key_that_the_request_lacks(operator: str, result: bool, context: Any) -> None:
    assert holds({operator: {"k": "1"}}, context) is result


@pytest.mark.parametrize(
    ("operator", "found", "result"),
    [
        ("ForAllValues:StringEquals", ["a", "b"], True),
        ("ForAllValues:StringEquals", ["a", "c"], False),
        ("ForAnyValue:StringEquals", ["a", "c"], True),
        ("ForAnyValue:StringEquals", ["c", "d"], False),
        ("ForAllValues:StringNotEquals", ["c", "d"], True),
        ("ForAllValues:StringNotEquals", ["a", "c"], False),
        ("ForAnyValue:StringNotEquals", ["a", "c"], True),
        ("ForAnyValue:StringNotEquals", ["a", "b"], False),
        ("ForAllValues:StringLike", ["a", "b"], True),
    ],
)
def test_several_values_in_the_request(operator: str, found: list[str], result: bool) -> None:
    assert holds({operator: {"k": ["a", "b"]}}, {"k": found}) is result


@pytest.mark.parametrize(
    ("wanted", "context", "result"),
    [
        ("true", {}, True),
        ("true", {"k": "x"}, False),
        ("false", {}, False),
        ("false", {"k": "x"}, True),
        ("true", {"k": []}, True),
    ],
)
def test_null_asks_whether_the_key_is_there(wanted: str, context: Any, result: bool) -> None:
    assert holds({"Null": {"k": wanted}}, context) is result


def test_all_operators_and_keys_must_hold() -> None:
    conditions = {"StringEquals": {"a": "1", "b": "2"}, "Bool": {"c": "true"}}
    whole = {"a": "1", "b": "2", "c": "true"}
    assert holds(conditions, whole)
    for key in whole:
        assert not holds(conditions, {**whole, key: "other"})


def test_the_case_of_a_key_does_not_matter() -> None:
    assert holds({"StringEquals": {"AWS:resourcetag/Role": "x"}}, {"aws:ResourceTag/role": "x"})


def test_variables_are_replaced_and_their_wildcards_are_letters() -> None:
    assert holds({"StringLike": {"k": "${aws:userid}-*"}}, {"k": "me-1", "aws:userid": "me"})
    assert not holds({"StringLike": {"k": "${aws:userid}-*"}}, {"k": "you-1", "aws:userid": "*"})
    assert holds({"StringLike": {"k": "${aws:userid}-*"}}, {"k": "*-1", "aws:userid": "*"})
    assert not holds({"StringLike": {"k": "${aws:userid}-*"}}, {"k": "me-1"})
    assert holds({"StringEquals": {"k": "${aws:PrincipalTag/team, 'none'}"}}, {"k": "none"})
    assert holds({"StringLike": {"k": "a${*}"}}, {"k": "a*"})
    assert not holds({"StringLike": {"k": "a${*}"}}, {"k": "ab"})


@pytest.mark.parametrize("operator", ["StringEqual", "ForSomeValues:StringEquals", "DateLessThan", ""])
def test_what_is_not_known_is_an_error(operator: str) -> None:
    with pytest.raises(PolicyError, match="not known"):
        holds({operator: {"k": "v"}}, {"k": "v"})


@given(st.text(alphabet="ab*?", max_size=6), st.text(alphabet="ab", max_size=6))
def test_a_negation_is_the_opposite(pattern: str, text: str) -> None:
    assert holds({"StringLike": {"k": pattern}}, {"k": text}) != holds({"StringNotLike": {"k": pattern}}, {"k": text})
