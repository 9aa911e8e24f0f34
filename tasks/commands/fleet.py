"""Commands that show, change and repair the fleet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..runtime.command import command
from .options import AS_JSON, LOCK_WAIT, waiting

if TYPE_CHECKING:
    from ..runtime.run import Run


@command(
    help={
        "to": "launch template version; default: the newest",
        "price": "what an instance costs for an hour; default: rollout.instance_price",
        "json": "print the plan of each group as JSON, and nothing else, on standard output",
    },
)
def plan(run: Run, to: str | None = None, price: str | None = None, json: bool = False) -> None:
    """Show what a rollout would do: steps, launches, duration by the group's own history, cost of the surge. Changes nothing.

    Exit code 1 if the rollout would be refused.
    """
    from ..operations import plan

    plan.plan(run, to, price, as_json=json)


@command(looks=True, help={"json": AS_JSON})
def status(run: Run, json: bool = False) -> None:
    """Show instances, target health, versions, revisions and ages; sizes, suspended processes, an unfinished rollout."""
    from ..operations import status

    status.status(run, json)


@command(looks=True, help={"limit": "how many versions and runs, newest first; default: 20", "json": AS_JSON})
def history(run: Run, limit: int = 20, json: bool = False) -> None:
    """Show the versions that can be rolled back to, and the latest releases and rollbacks with their outcomes."""
    from ..operations import history

    history.history(run, limit, json=json)


@command(
    help={
        "since": "version number or revision; default: the release before the live one",
        "to": "version number or revision; default: the live one",
        "json": AS_JSON,
    }
)
def releases(run: Run, since: str | None = None, to: str | None = None, json: bool = False) -> None:
    """Show the commits between two releases, from the repository here or the checkout on the management instance."""
    from ..operations import releases

    releases.releases(run, since, to, json=json)


@command(help={"limit": "how many commands, newest first; default: 20", "json": AS_JSON})
def audit(run: Run, limit: int = 20, json: bool = False) -> None:
    """Show who ran which changing command, as which AWS identity, when, how long, and how it ended."""
    from ..operations import audit

    audit.audit(run, limit, json=json)


@command(
    changes=True, help={"to": "version number or revision; default: the version before the live one", "lock-wait": LOCK_WAIT}
)
def rollback(run: Run, to: str | None = None, lock_wait: str | None = None) -> None:
    """Roll back to the previous version, or to a version or revision; turns an unfinished rollout back.

    The previous version is the newest older one that ramped made and whose image still exists. The database is not rolled back.
    """
    from ..operations import rollback

    rollback.rollback(waiting(run, lock_wait), to)


@command(changes=True)
def abort(run: Run) -> None:
    """End an unfinished rollout: remove the surge, restore the settings; old and new instances stay side by side.

    The group launches the old version again. `rollout` replaces the rest later, `rollback` what is new already.
    """
    from ..operations import abort

    abort.abort(run)


@command(changes=True, help={"force": "remove it even if its holder may be alive"})
def unlock(run: Run, force: bool = False) -> None:
    """Show who holds the lock of each group; remove it when the holder is gone, or with --force."""
    from ..operations import unlock

    unlock.unlock(run, force)


@command(changes=True, help={"instance": "id of a web instance in service", "undo": "put it back into traffic"})
def drain(run: Run, instance: str, undo: bool = False) -> None:
    """Take one instance out of traffic for inspection; --undo puts it back.

    It keeps running, and open requests are completed. Where the group acts on the load balancer's health checks (type ELB) the
    instance is deregistered from its target groups; else its site reports not ready (health_check.draining_file).
    """
    from ..operations import drain

    drain.drain(run, instance, undo=undo)


@command(changes=True)
def configure_health_check(run: Run) -> None:
    """Set the health check of every target group to that of the settings; show the times to detect and to recover."""
    from ..operations import configure_health_check

    configure_health_check.configure_health_check(run)
