"""Whether policies allow a request: denied unless allowed, and a Deny outweighs every Allow."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .conditions import PolicyError, holds
from .patterns import Context, Unresolved, arn_like, like, resolve

Policy = Mapping[str, Any]
_ELEMENTS = {
    *("Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "Condition"),
}


@dataclass(frozen=True)
class Request:
    """One action on one resource, as IAM evaluates it; an API call may need several."""

    action: str  # "ec2:StopInstances"
    resource: str = "*"  # an ARN, or * for actions without resources
    context: Context = field(default_factory=dict)  # condition keys of the request and of the resource

    def __str__(self) -> str:
        """Return it for a message."""
        return f"{self.action} on {self.resource}"


@dataclass(frozen=True)
class Decision:
    """What policies say to a request."""

    allowed: bool
    statements: tuple[str, ...] = ()  # Sids of those that decided
    denied_explicitly: bool = False

    def __bool__(self) -> bool:
        """Return whether it is allowed."""
        return self.allowed


def authorize(
    policies: Iterable[Policy],
    action: str,
    resources: Sequence[str] = ("*",),
    context: Context | None = None,
    principal: tuple[str, str] | None = None,
) -> Decision:
    """Decide about an action on resources that share their context: all of them must be allowed.

    `principal`: type and ARN of the caller, for policies with a principal, such as the trust policy of a role.
    Raises PolicyError for a policy with unknown elements.
    """
    statements = [statement for policy in policies for statement in _list(policy["Statement"])]
    return _all([_decide(statements, Request(action, resource, context or {}), principal) for resource in resources])


def authorize_all(policies: Iterable[Policy], requests: Iterable[Request]) -> Decision:
    """Decide about everything that an API call needs."""
    statements = [statement for policy in policies for statement in _list(policy["Statement"])]
    return _all([_decide(statements, request, None) for request in requests])


def _all(decisions: Sequence[Decision]) -> Decision:
    denied = [decision for decision in decisions if not decision]
    deciding = denied or decisions
    sids = dict.fromkeys(sid for decision in deciding for sid in decision.statements)
    return Decision(not denied, tuple(sids), any(decision.denied_explicitly for decision in denied))


def _decide(statements: Sequence[Policy], request: Request, principal: tuple[str, str] | None) -> Decision:
    hits: dict[str, list[str]] = {"Allow": [], "Deny": []}
    for number, statement in enumerate(statements):
        if _applies(statement, request, principal):
            hits[statement["Effect"]].append(statement.get("Sid", f"statement {number}"))
    if hits["Deny"]:
        return Decision(False, tuple(hits["Deny"]), denied_explicitly=True)
    return Decision(bool(hits["Allow"]), tuple(hits["Allow"]))


def _applies(statement: Policy, request: Request, principal: tuple[str, str] | None) -> bool:
    if unknown := set(statement) - _ELEMENTS:
        raise PolicyError(f"the elements {', '.join(sorted(unknown))} of a statement are not known")
    return (
        _names_principal(statement, principal)
        and _names_action(statement, request.action)
        and _names_resource(statement, request)
        and holds(statement.get("Condition", {}), request.context)
    )


def _names_principal(statement: Policy, principal: tuple[str, str] | None) -> bool:
    if "Principal" not in statement:
        return principal is None
    if principal is None:
        return False
    kind, arn = principal
    named = statement["Principal"]
    return bool(named == "*" or arn in _list(named.get(kind, [])) or "*" in _list(named.get(kind, [])))


def _names_action(statement: Policy, action: str) -> bool:
    key = "NotAction" if "NotAction" in statement else "Action"
    named = any(like(pattern.lower(), action.lower()) for pattern in _list(statement[key]))
    return named != (key == "NotAction")


def _names_resource(statement: Policy, request: Request) -> bool:
    if "Principal" in statement and "Resource" not in statement:
        return True  # a policy of the resource itself
    key = "NotResource" if "NotResource" in statement else "Resource"
    named = False
    for pattern in _list(statement[key]):
        try:
            named = named or arn_like(resolve(pattern, request.context), request.resource)
        except Unresolved:
            continue
    return named != (key == "NotResource")


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
