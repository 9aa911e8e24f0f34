"""The policies in settings_snippets/aws/policies, with the sample's names replaced by those of a site."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Those that an operator's role needs to do everything; kms.json besides, where volumes have a key of the customer's.
OPERATOR = ("read", "connect", "release", "rollout", "traffic", "prune", "database")


@dataclass(frozen=True)
class Site:
    """The names in a site's policies; the sample has one of each."""

    region: str
    account: str
    groups: Sequence[str]
    templates: Sequence[str] = ()
    subnets: Sequence[str] = ()
    security_groups: Sequence[str] = ()
    target_groups: Sequence[str] = ()  # names
    balancers: Sequence[str] = ()  # names
    roles: Sequence[str] = ()
    distributions: Sequence[str] = ()
    databases: Sequence[str] = ()  # RDS instances and clusters
    images: Sequence[str] = ()  # image.name of fabric.yaml
    user: str = "deploy"

    def replacements(self) -> Mapping[str, Sequence[str]]:
        """Return what takes the place of each of the sample's names."""
        return {
            "eu-central-1": [self.region],
            "111122223333": [self.account],
            "autoScalingGroupName/shop-web": [f"autoScalingGroupName/{name}" for name in self.groups],
            "parameter/ramped/shop-web/": [f"parameter/ramped/{name}/" for name in self.groups],
            "shop-web": [*self.groups, ":".join(self.groups)],
            "lt-0123456789abcdef0": self.templates,
            "subnet-0123456789abcdef0": self.subnets,
            "subnet-0fedcba9876543210": self.subnets,
            "sg-0123456789abcdef0": self.security_groups,
            "shop-tg": self.target_groups,
            "shop-lb": self.balancers,
            "shop-instance": self.roles,
            "E2QWRUHAPOMQZL": self.distributions,
            "shop-db": self.databases,
            "www.example.com": self.images,
            "deploy": [self.user],
        }


def published(folder: Path, name: str) -> dict[str, Any]:
    """Read a policy as it is published."""
    read: dict[str, Any] = json.loads((folder / f"{name}.json").read_text())
    return read


def for_site(policy: Mapping[str, Any], site: Site) -> dict[str, Any]:
    """Return a policy with a site's names in place of the sample's."""
    return {"Version": policy["Version"], "Statement": [_statement(statement, site) for statement in policy["Statement"]]}


def _statement(statement: Mapping[str, Any], site: Site) -> dict[str, Any]:
    conditions = {
        operator: {key: _values(value, site) for key, value in keys.items()}
        for operator, keys in statement.get("Condition", {}).items()
    }
    return {**statement, "Resource": _values(statement["Resource"], site), "Condition": conditions}


def _values(value: Any, site: Site) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return list(dict.fromkeys(text for item in values for text in _texts(item, site.replacements())))


def _texts(text: str, replacements: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for sample, names in replacements.items():
        if sample in text:
            head, _, tail = text.partition(sample)
            rest = {key: value for key, value in replacements.items() if key != sample}
            for begin in _texts(head, rest):
                yield from (begin + name + end for name in names for end in _texts(tail, rest))
            return
    yield text
