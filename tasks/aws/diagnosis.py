"""Why instances do not serve: their target health and the end of their console output."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from botocore.exceptions import ClientError

from ..runtime.cloud import Cloud, error_code
from ..runtime.text import redact
from . import instances, target_groups
from .autoscaling import Group

# The last lines of a boot; the rest is on the instance's console.
_LINES = 15


def findings(cloud: Cloud, group: Group, ids: Sequence[str]) -> Iterator[str]:
    """Yield lines about instances of a group; what cannot be read is reported, since this must not stop a rollback."""
    for id in ids:
        for ask in (_targets, _console):
            try:
                yield from ask(cloud, group, id)
            except ClientError as error:
                yield f"{id}: {ask.__name__.strip('_')} cannot be read: {error_code(error)}"


def _targets(cloud: Cloud, group: Group, id: str) -> Iterator[str]:
    for arn in group.target_groups:
        found = target_groups.details(cloud, arn).get(id)
        if found and found.state != "healthy":
            yield f"{id}: {arn.split('/')[-2]} finds it {found.state}{': ' if found.reason else ''}{found.reason}"


def _console(cloud: Cloud, group: Group, id: str) -> Iterator[str]:
    lines = [line.rstrip() for line in instances.console(cloud, id).splitlines() if line.strip()]
    if lines:
        yield f"{id}: the end of its console:"
    for line in lines[-_LINES:]:
        yield f"    {redact(line)}"
