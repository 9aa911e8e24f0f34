"""Commands for the management instance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..runtime.command import command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..runtime.run import Run


@command(
    changes=True,
    iterable=["security_group"],
    help={
        "subnet": "id of the subnet; default: those of the group, in order",
        "security-group": "id of a security group; repeatable; default: those of the template",
        "elastic-ip": "allocation id of an Elastic IP that reaches it (ssh.address: public); tagged ramped:role=management",
    },
)
def management_create(
    run: Run, subnet: str | None = None, security_group: Sequence[str] | None = None, elastic_ip: str | None = None
) -> None:
    """Create the management instance from the launch template of the first group, outside the group."""
    from ..operations import management

    management.management_create(run, subnet, security_group or (), elastic_ip)


@command(changes=True)
def management_start(run: Run) -> None:
    """Start the management instance and wait until SSH answers."""
    from ..operations import management

    management.management_start(run)


@command(changes=True)
def management_stop(run: Run) -> None:
    """Stop the management instance; its disk is kept."""
    from ..operations import management

    management.management_stop(run)
