"""Which rules put a page in front of a site: on listeners of any shape, from any half."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.decisions.traffic.maintenance import (
    BYPASS,
    DEFAULT,
    PAGE,
    Change,
    Drop,
    Front,
    Listener,
    Make,
    NoBypass,
    NoRoom,
    Rule,
    page_of,
    to_hide,
    to_show,
)

FORWARD = ({"Type": "forward", "TargetGroupArn": "site"},)
OTHER = ({"Type": "forward", "TargetGroupArn": "other"},)
FIXED = ({"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}},)


def host(name: str) -> tuple[dict[str, Any], ...]:
    return ({"Field": "host-header", "HostHeaderConfig": {"Values": [name]}},)


TEAM = ({"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-Team", "Values": ["us"]}},)


@st.composite
def listeners(draw: st.DrawFn) -> list[Listener]:
    made = []
    for number in range(draw(st.integers(1, 2))):
        priorities = sorted(draw(st.sets(st.integers(1, 40), max_size=6)))
        rules = [
            Rule(f"{number}/{p}", p, host(f"{p}.example.com"), FORWARD if serves else OTHER, serves)
            for p in priorities
            for serves in [draw(st.booleans())]
        ]
        serves = draw(st.booleans())
        rules.append(Rule(f"{number}/default", DEFAULT, (), FORWARD if serves else OTHER, serves))
        made.append(Listener(str(number), f"HTTPS:{443 + number} of web", tuple(rules)))
    return made


def reordered(conditions: Any) -> Any:
    """Return conditions in another order, and the values in them, as AWS shows them."""
    if isinstance(conditions, dict):
        return {key: reordered(value) for key, value in conditions.items()}
    return type(conditions)(map(reordered, reversed(conditions))) if isinstance(conditions, list | tuple) else conditions


def carry_out(given: Sequence[Listener], step: Make | Change | Drop, number: int) -> list[Listener]:
    """Do to listeners what AWS would."""
    found = []
    for one in given:
        rules = list(one.rules)
        if isinstance(step, Make) and step.listener == one.arn:
            assert step.priority not in {rule.priority for rule in rules} and 1 <= step.priority <= 50_000
            serves = step.actions == FORWARD
            conditions = reordered(step.conditions)
            rules.append(Rule(f"new/{number}", step.priority, conditions, step.actions, serves, step.ours, step.transforms))
        elif isinstance(step, Change):
            rules = [replace(rule, actions=step.actions) if rule.arn == step.arn else rule for rule in rules]
        elif isinstance(step, Drop):
            rules = [rule for rule in rules if rule.arn != step.arn]
        found.append(replace(one, rules=tuple(rules)))
    return found


def seen(listener: Listener, name: str, *, team: bool) -> Any:
    """Return the actions that a request meets."""
    for rule in sorted(listener.rules, key=lambda rule: rule.priority):
        fits = all(
            condition["HostHeaderConfig"]["Values"] == [name] if condition["Field"] == "host-header"
            else team if condition["Field"] == "http-header"
            else True
            for condition in rule.conditions
        )  # fmt: skip
        if fits:
            return rule.actions
    raise AssertionError("the default rule holds always")


@given(given=listeners(), bypass=st.booleans(), stop=st.integers(0, 30))
def test_visitors_of_the_site_see_the_page_others_never_and_the_team_the_site(
    given: list[Listener], bypass: bool, stop: int
) -> None:
    front = Front(FIXED, (TEAM,) if bypass else ())
    now = given
    try:
        for number in range(100):
            # Whatever a crash has left: the same plan again ends in the same.
            steps = to_show(now, front)
            if not steps:
                break
            if number == stop:
                now = carry_out(now, to_hide(now)[0], number) if to_hide(now) else now
                continue
            now = carry_out(now, steps[0], number)
            for before, after in zip(given, now, strict=True):
                _others_are_left_alone(before, after)
                if bypass:
                    _the_team_never_sees_it(before, after)
    except NoRoom:
        assert now == given or stop < 100
        return
    assert not to_show(now, front)
    for before, after in zip(given, now, strict=True):
        for name in _names(before):
            wanted = FIXED if seen(before, name, team=False) == FORWARD else OTHER
            assert seen(after, name, team=False) == wanted
            assert seen(after, name, team=True) == (seen(before, name, team=False) if bypass else wanted)
    for number in range(100, 200):
        steps = to_hide(now)
        if not steps:
            break
        now = carry_out(now, steps[0], number)
        if bypass:
            for before, after in zip(given, now, strict=True):
                _the_team_never_sees_it(before, after)
    assert now == given


def _names(listener: Listener) -> list[str]:
    return [f"{rule.priority}.example.com" for rule in listener.rules] + ["nobody.example.com"]


def _others_are_left_alone(before: Listener, after: Listener) -> None:
    for name in _names(before):
        if seen(before, name, team=False) == OTHER:
            assert seen(after, name, team=False) == OTHER


def _the_team_never_sees_it(before: Listener, after: Listener) -> None:
    for name in _names(before):
        assert seen(after, name, team=True) == seen(before, name, team=False)


def test_a_page_of_another_text_is_changed_and_a_way_round_that_is_not_wanted_goes() -> None:
    default = Rule("d", DEFAULT, (), FORWARD, serves=True)
    now = [Listener("0", "HTTP:80", (default,))]
    for number, step in enumerate(to_show(now, Front(FIXED, (TEAM,)))):
        now = carry_out(now, step, number)
    assert [rule.ours for rule in now[0].rules] == ["", BYPASS, PAGE]
    other = ({"Type": "fixed-response", "FixedResponseConfig": {}},)
    assert [type(step) for step in to_show(now, Front(other))] == [Change, Drop]


def test_where_no_priority_is_free_it_says_where() -> None:
    rules = (Rule("a", 1, host("a"), OTHER), Rule("b", 2, host("b"), FORWARD, serves=True), Rule("d", DEFAULT, (), OTHER))
    with pytest.raises(
        NoRoom, match="1 free priorities are needed right before the rule of priority 2 of HTTPS:443 of web: move"
    ):
        to_show([Listener("0", "HTTPS:443 of web", rules)], Front(FIXED))


def shown(served: Rule, *bypasses: Any) -> list[Rule]:
    """Put a page before one rule until nothing is left to do; return the rules before it, in order."""
    now = [Listener("0", "HTTPS:443 of web", (served,))]
    for number in range(20):
        steps = to_show(now, Front(FIXED, bypasses))
        if not steps:
            return sorted(now[0].rules, key=lambda rule: rule.priority)[:-1]
        now = carry_out(now, steps[0], number)
    raise AssertionError("it never settles")


def addresses(*values: str) -> Any:
    return ({"Field": "source-ip", "SourceIpConfig": {"Values": list(values)}},)


PATH = ({"Field": "path-pattern", "PathPatternConfig": {"Values": ["/a/*", "/b/*"]}},)


def test_it_settles_though_aws_shows_conditions_in_an_order_of_its_own() -> None:
    for conditions in ((), host("www.example.com"), PATH, (*host("www.example.com"), *PATH)):
        rules = shown(Rule("s", 10, conditions, FORWARD, serves=True), TEAM, addresses("10.3.0.0/16", "10.1.0.0/16"))
        assert [rule.ours for rule in rules] == [BYPASS, BYPASS, PAGE]
    assert len(shown(Rule("s", 10, (), FORWARD, serves=True), ({"Field": "http-header", "HttpHeaderConfig": {
        "HttpHeaderName": "x-team", "Values": ["us"]}},))) == 2  # fmt: skip


def test_no_rule_has_more_values_than_five() -> None:
    nine = [f"192.0.2.{number}/32" for number in range(9)]
    *bypasses, page = shown(Rule("s", 20, PATH, FORWARD, serves=True), addresses(*nine))
    values = [rule.conditions[0]["SourceIpConfig"]["Values"] for rule in bypasses]
    assert [len(one) for one in values] == [3, 3, 3] and sorted(sum(values, [])) == nine and page.ours == PAGE
    five = ({"Field": "path-pattern", "PathPatternConfig": {"Values": list("abcde")}},)
    with pytest.raises(NoBypass, match="the rule of priority 20 of HTTPS:443 of web has 5 values in its conditions"):
        shown(Rule("s", 20, five, FORWARD, serves=True), TEAM)
    assert [rule.ours for rule in shown(Rule("s", 20, five, FORWARD, serves=True))] == [PAGE]


def test_what_a_bypass_carries_and_what_it_cannot() -> None:
    rewrite = ({"Type": "url-rewrite", "UrlRewriteConfig": {"Rewrites": [{"Regex": "a", "Replace": "b"}]}},)
    login = {"Type": "authenticate-cognito", "Order": 1, "AuthenticateCognitoConfig": {"UserPoolArn": "pool"}}
    bypass, page = shown(Rule("s", 9, (), (login, *FORWARD), serves=True, transforms=rewrite), TEAM)
    assert (bypass.transforms, bypass.actions, page.transforms) == (rewrite, (login, *FORWARD), ())
    oidc = {"Type": "authenticate-oidc", "Order": 1, "AuthenticateOidcConfig": {"ClientId": "us"}}
    with pytest.raises(NoBypass, match="needs? the client secret"):
        shown(Rule("s", 9, (), (oidc, *FORWARD), serves=True), TEAM)
    assert len(shown(Rule("s", 9, (), (oidc, *FORWARD), serves=True))) == 1


def test_a_page_is_no_longer_than_a_load_balancer_sends() -> None:
    assert "Retry-After" in page_of(None, 120) and len(page_of(None, 10**6).encode()) <= 1024
    assert page_of("ü" * 512, 1) == "ü" * 512
    with pytest.raises(ValueError, match="1026 bytes; allowed: 1024"):
        page_of("ü" * 513, 1)
