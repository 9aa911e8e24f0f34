"""Commands for the maintenance page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..runtime.command import command

if TYPE_CHECKING:
    from ..runtime.run import Run


@command(changes=True)
def maintenance_on(run: Run) -> None:
    """Show every visitor a maintenance page (503) instead of the site; health checks and fleet stay as they are."""
    from ..operations import maintenance

    maintenance.maintenance_on(run)


@command(changes=True)
def maintenance_off(run: Run) -> None:
    """Remove the maintenance page: visitors reach the site again."""
    from ..operations import maintenance

    maintenance.maintenance_off(run)
