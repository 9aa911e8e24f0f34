"""Listener rules as AWS shows them: in an order of its own, in both forms, without secrets."""

from typing import Any

import pytest

from tests.rehearsal.standin import Cloud, Fleet, refused

HOSTS = {"Field": "host-header", "HostHeaderConfig": {"Values": ["www.example.com"]}}
HEADER = {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-Team", "Values": ["secret"]}}
PATHS = {"Field": "path-pattern", "Values": ["/a/*"]}
ADDRESSES = {"Field": "source-ip", "SourceIpConfig": {"Values": ["10.3.0.0/16", "10.1.0.0/16", "10.2.0.0/16"]}}
PAGE = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503", "MessageBody": "x", "ContentType": "text/html"}}
OIDC = {
    "Type": "authenticate-oidc",
    "Order": 1,
    "AuthenticateOidcConfig": {
        "Issuer": "https://login.example.com",
        "AuthorizationEndpoint": "https://login.example.com/a",
        "TokenEndpoint": "https://login.example.com/t",
        "UserInfoEndpoint": "https://login.example.com/u",
        "ClientId": "shop",
        "ClientSecret": "hush",
    },
}
REWRITE = {"Type": "url-rewrite", "UrlRewriteConfig": {"Rewrites": [{"Regex": "^/old/(.*)$", "Replace": "/new/$1"}]}}


@pytest.fixture(scope="module")
def fleet(module_cloud: Cloud) -> Fleet:
    return module_cloud.build_fleet(desired=0)


@pytest.fixture
def listener(module_cloud: Cloud, fleet: Fleet) -> Any:
    module_cloud.control("options", {"shuffle_rules": False})
    elb = module_cloud.client("elbv2")
    arn = elb.describe_listeners(LoadBalancerArn=fleet.load_balancer)["Listeners"][0]["ListenerArn"]
    yield arn
    for rule in elb.describe_rules(ListenerArn=arn)["Rules"]:
        if not rule["IsDefault"]:
            elb.delete_rule(RuleArn=rule["RuleArn"])


def make(cloud: Cloud, listener: str, conditions: list[Any], **more: Any) -> dict[str, Any]:
    params = {"ListenerArn": listener, "Priority": 1, "Actions": [PAGE], **more}
    rule: dict[str, Any] = cloud.client("elbv2").create_rule(Conditions=conditions, **params)["Rules"][0]
    return rule


def fields(rule: dict[str, Any]) -> list[str]:
    return [condition["Field"] for condition in rule["Conditions"]]


def test_conditions_and_values_come_in_an_order_of_their_own_that_stays(module_cloud: Cloud, listener: str) -> None:
    made = make(module_cloud, listener, [PATHS, HOSTS, ADDRESSES])
    assert fields(made) == ["path-pattern", "host-header", "source-ip"]
    elb, orders, values = module_cloud.client("elbv2"), set(), set()
    for seed in range(20):
        module_cloud.control("options", {"shuffle_rules": True, "seed": seed})
        looks = [elb.describe_rules(RuleArns=[made["RuleArn"]])["Rules"][0] for _ in range(2)]
        assert looks[0] == looks[1]
        assert sorted(fields(looks[0])) == sorted(fields(made))
        orders.add(tuple(fields(looks[0])))
        addresses = next(one for one in looks[0]["Conditions"] if one["Field"] == "source-ip")["SourceIpConfig"]["Values"]
        assert sorted(addresses) == sorted(ADDRESSES["SourceIpConfig"]["Values"])
        values.add(tuple(addresses))
    assert len(orders) > 1 and len(values) > 1


def test_hosts_and_paths_come_in_both_forms(module_cloud: Cloud, listener: str) -> None:
    made = make(module_cloud, listener, [HOSTS, PATHS, HEADER])
    assert made["Conditions"] == [
        {**HOSTS, "Values": ["www.example.com"]},
        {**PATHS, "PathPatternConfig": {"Values": ["/a/*"]}},
        HEADER,
    ]


def test_a_rule_has_five_values_at_most(module_cloud: Cloud, listener: str) -> None:
    elb = module_cloud.client("elbv2")
    params = {"ListenerArn": listener, "Priority": 1, "Actions": [PAGE]}
    many = {"Field": "host-header", "HostHeaderConfig": {"Values": [f"{one}.example.com" for one in "abc"]}}
    code, message = refused(elb.create_rule, Conditions=[ADDRESSES, many], **params)
    assert (code, message) == ("ValidationError", "A rule can only have '5' condition values")
    rule = make(module_cloud, listener, [ADDRESSES, HOSTS, HEADER])
    assert refused(elb.modify_rule, RuleArn=rule["RuleArn"], Conditions=[ADDRESSES, many])[0] == "ValidationError"


def test_a_forward_comes_with_its_weights(module_cloud: Cloud, fleet: Fleet, listener: str) -> None:
    forward = {"Type": "forward", "TargetGroupArn": fleet.target_group}
    shown = make(module_cloud, listener, [HOSTS], Actions=[forward])["Actions"][0]
    assert shown["TargetGroupArn"] == fleet.target_group
    assert shown["ForwardConfig"]["TargetGroups"] == [{"TargetGroupArn": fleet.target_group, "Weight": 1}]


def test_oidc_is_kept_without_its_secret_which_a_change_has_to_keep_or_give(module_cloud: Cloud, listener: str) -> None:
    elb = module_cloud.client("elbv2")
    rule = make(module_cloud, listener, [HOSTS], Actions=[OIDC, {**PAGE, "Order": 2}])
    shown = rule["Actions"][0]["AuthenticateOidcConfig"]
    assert shown["SessionCookieName"] == "AWSELBAuthSessionCookie"
    assert "ClientSecret" not in shown
    change = {"RuleArn": rule["RuleArn"], "Actions": rule["Actions"]}
    assert refused(elb.modify_rule, **change)[0] == "InvalidLoadBalancerAction"
    shown["UseExistingClientSecret"] = True
    assert [action["Type"] for action in elb.modify_rule(**change)["Rules"][0]["Actions"]] == ["authenticate-oidc", PAGE["Type"]]


def test_transforms_are_kept_until_they_are_reset(module_cloud: Cloud, listener: str) -> None:
    elb = module_cloud.client("elbv2")
    rule = make(module_cloud, listener, [HOSTS], Transforms=[REWRITE])
    assert elb.describe_rules(RuleArns=[rule["RuleArn"]])["Rules"][0]["Transforms"] == [REWRITE]
    assert elb.modify_rule(RuleArn=rule["RuleArn"], Conditions=[PATHS])["Rules"][0]["Transforms"] == [REWRITE]
    assert "Transforms" not in elb.modify_rule(RuleArn=rule["RuleArn"], ResetTransforms=True)["Rules"][0]
