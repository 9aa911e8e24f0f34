"""Elastic Load Balancing's calls about listener rules: moto keeps the rules, AWS has its own way to show them.

Conditions of hosts and paths come back in both their forms, forwards with weights, OIDC without its secret; and, by a switch,
conditions and their values in an order that is not that of the request. Sources: the API reference; recorded answers.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from .errors import ApiError
from .moto_state import MotoState
from .options import Options
from .paging import page

Params = Mapping[str, Any]
VALUES = 5  # "Quotas for your Application Load Balancers": condition values per rule
CONFIGS = {
    "host-header": "HostHeaderConfig",
    "path-pattern": "PathPatternConfig",
    "http-header": "HttpHeaderConfig",
    "http-request-method": "HttpRequestMethodConfig",
    "query-string": "QueryStringConfig",
    "source-ip": "SourceIpConfig",
}
OIDC = {
    "SessionCookieName": "AWSELBAuthSessionCookie",
    "Scope": "openid",
    "SessionTimeout": 604800,
    "OnUnauthenticatedRequest": "authenticate",
}


class RuleApi:
    """Create, modify and describe rules."""

    def __init__(self, moto: MotoState, options: Options) -> None:
        self._moto = moto
        self._options = options
        self._transforms: dict[str, Sequence[Any]] = {}
        self.actions = {"CreateRule": self.create, "ModifyRule": self.modify, "DescribeRules": self.describe}

    def create(self, params: Params) -> Any:
        """Add a rule. Raises ApiError for more values than a rule may have."""
        _check_values(params["Conditions"])
        rule = self._moto.elbv2.create_rule(
            listener_arn=params["ListenerArn"],
            conditions=list(params["Conditions"]),
            priority=params["Priority"],
            actions=list(params["Actions"]),
            tags=params.get("Tags"),
        )
        self._transforms[rule.arn] = params.get("Transforms") or ()
        return {"Rules": [self._shown(rule)]}

    def modify(self, params: Params) -> Any:
        """Change the parts of a rule that the request names."""
        conditions, actions = list(params.get("Conditions") or ()), list(params.get("Actions") or ())
        _check_values(conditions)
        arn = params["RuleArn"]
        rules = self._moto.elbv2.describe_rules(listener_arn=None, rule_arns=[arn])
        kept = {action.type: action.data for action in rules[0].actions}
        for action in actions:
            _keep_secret(action, kept.get(action["Type"], {}))
        if conditions or actions:
            self._moto.elbv2.modify_rule(rule_arn=arn, conditions=conditions, actions=actions)
        if params.get("Transforms") or params.get("ResetTransforms"):
            self._transforms[arn] = params.get("Transforms") or ()
        return {"Rules": [self._shown(rules[0])]}

    def describe(self, params: Params) -> Any:
        """List the rules of a listener, or those asked for."""
        found = self._moto.elbv2.describe_rules(params.get("ListenerArn"), params.get("RuleArns") or None)
        listed, token = page(found, {"NextToken": params.get("Marker"), **params}, 400, "PageSize")
        return {"Rules": [self._shown(rule) for rule in listed], "NextMarker": token}

    def _shown(self, rule: Any) -> dict[str, Any]:
        shuffled = random.Random(f"{self._options.seed} {rule.arn}") if self._options.shuffle_rules else None
        conditions = [_condition(condition, shuffled) for condition in rule.conditions or ()]
        if shuffled:
            shuffled.shuffle(conditions)
        shown = {
            "RuleArn": rule.arn,
            "Priority": str(rule.priority),
            "Conditions": conditions,
            "Actions": [_action(action.data) for action in rule.actions],
            "IsDefault": bool(rule.is_default),
        }
        transforms = self._transforms.get(rule.arn)
        return {**shown, "Transforms": list(transforms)} if transforms else shown


def _values(condition: Params) -> list[Any]:
    config = condition.get(CONFIGS.get(condition.get("Field", ""), ""), {})
    return list(config.get("Values") or condition.get("Values") or [])


def _check_values(conditions: Sequence[Params]) -> None:
    if sum(len(_values(condition)) for condition in conditions) > VALUES:
        raise ApiError("ValidationError", f"A rule can only have '{VALUES}' condition values")


def _condition(condition: Params, shuffled: random.Random | None) -> dict[str, Any]:
    field, values = condition["Field"], _values(condition)
    if shuffled:
        shuffled.shuffle(values)
    shown = {"Field": field, CONFIGS[field]: {**condition.get(CONFIGS[field], {}), "Values": values}}
    return {**shown, "Values": values} if field in ("host-header", "path-pattern") else shown


def _action(data: Params) -> dict[str, Any]:
    shown = dict(data)
    if data["Type"] == "forward":
        groups = data.get("ForwardConfig", {}).get("TargetGroups") or [{"TargetGroupArn": data["TargetGroupArn"]}]
        stickiness = data.get("ForwardConfig", {}).get("TargetGroupStickinessConfig") or {"Enabled": False}
        weighted = [{"Weight": 1, **group} for group in groups]
        shown["ForwardConfig"] = {"TargetGroups": weighted, "TargetGroupStickinessConfig": stickiness}
        if len(groups) == 1:
            shown["TargetGroupArn"] = groups[0]["TargetGroupArn"]
    if data["Type"] == "authenticate-oidc":
        config = {**OIDC, **data["AuthenticateOidcConfig"]}
        shown["AuthenticateOidcConfig"] = {
            name: value for name, value in config.items() if name not in ("ClientSecret", "UseExistingClientSecret")
        }
    return shown


def _keep_secret(action: Params, before: Params) -> None:
    """Carry the client's secret over. Raises ApiError where there is neither a new nor an old secret."""
    config = action.get("AuthenticateOidcConfig")
    if config is None or config.get("ClientSecret"):
        return
    secret = before.get("AuthenticateOidcConfig", {}).get("ClientSecret")
    if not config.get("UseExistingClientSecret") or not secret:
        raise ApiError("InvalidLoadBalancerAction", "The client secret must be specified for 'authenticate-oidc'")
    config["ClientSecret"] = secret
