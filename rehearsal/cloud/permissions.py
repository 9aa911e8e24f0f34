"""Whether a caller may make a call: its policies, and the service control policies of the organisation.

A caller (an access key) without policies may do everything, as may Auto Scaling's own service-linked role.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from .authorization.evaluate import Policy, Request, authorize_all
from .authorization.facts import Facts
from .authorization.table import Unmapped, requests
from .errors import ApiError
from .faults import DENIED


class Permissions:
    """The policies in force."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._policies: dict[str, Sequence[Policy]] = {}
        self._boundaries: Sequence[Policy] = ()

    def attach(self, caller: str, policies: Sequence[Policy]) -> None:
        """Give a caller these policies and no others; none at all: everything is allowed."""
        self._policies.pop(caller, None)
        if policies:
            self._policies[caller] = policies

    def bound(self, policies: Sequence[Policy]) -> None:
        """Apply these service control policies to every caller."""
        self._boundaries = policies

    def denial(self, service: str, action: str, params: Mapping[str, Any], caller: str) -> ApiError | None:
        """Return the error of a denied call, or None where it is allowed."""
        policies = self._policies.get(caller)
        if policies is None and not self._boundaries:
            return None
        try:
            needed = requests(service, action, params, self._facts)
        except Unmapped as error:
            # An action with unknown requirements is denied to callers with policies.
            return self._denied(service, Request(str(error)), "because it is not in the stand-in's table") if policies else None
        for request in needed:
            if authorize_all(self._boundaries, [request]).denied_explicitly:
                return self._denied(service, request, "with an explicit deny in a service control policy")
            if policies is None:
                continue
            decision = authorize_all(policies, [request])
            if decision.denied_explicitly:
                return self._denied(service, request, "with an explicit deny in an identity-based policy")
            if not decision:
                why = f"because no identity-based policy allows the {request.action} action"
                return self._denied(service, request, why)
        return None

    def _denied(self, service: str, request: Request, why: str) -> ApiError:
        user = f"arn:{self._facts.partition}:iam::{self._facts.account}:user/rehearsal"
        text = f"User: {user} is not authorized to perform: {request.action} on resource: {request.resource} {why}"
        if service == "ec2":
            text = f"You are not authorized to perform this operation. {text}"
        return ApiError(DENIED.get(service, "AccessDenied"), text, 403)
