"""Every command, by group: its name, its options and its help; each body is a lazy import and a call.

`fab --list` imports this package and nothing behind it: what a command needs is imported when the command begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from invoke import Collection, Task

from ..runtime.command import BEFORE_EACH
from ..runtime.listing import list_by
from . import checks, fleet, hosts, maintenance, management, rehearsal, release, setup

if TYPE_CHECKING:
    from ..runtime.run import Run


def _mention_maintenance(run: Run) -> None:
    from ..operations import maintenance

    maintenance.mention(run)


def _reach_management(run: Run) -> None:
    if run.hooks.far:
        from ..hosts.hooks import reach

        reach(run)


def _keep_log(run: Run) -> None:
    if run.journal.command and not run.dry:
        from ..fleet.audit import keep_log

        keep_log(run)


BEFORE_EACH[:] = [_mention_maintenance, _reach_management, _keep_log]

# What is needed daily comes first.
GROUPS: dict[str, tuple[Task[Any], ...]] = {
    "release": (
        release.ship,
        release.deploy,
        release.restart_all,
        release.warm_cdn,
        release.bake_ami,
        release.rollout,
        release.contract,
        release.invalidate,
    ),
    "fleet": (
        fleet.plan,
        fleet.status,
        fleet.history,
        fleet.releases,
        fleet.audit,
        fleet.rollback,
        fleet.abort,
        fleet.unlock,
        fleet.drain,
        fleet.configure_health_check,
    ),
    "hosts": (hosts.ssh, hosts.run_command, hosts.manage, hosts.logs),
    "checks": (checks.doctor, checks.check_migrations, checks.check_static, checks.prune_static, checks.prune_images),
    "maintenance": (maintenance.maintenance_on, maintenance.maintenance_off),
    "management instance": (management.management_create, management.management_start, management.management_stop),
    "rehearsal": (rehearsal.rehearse,),
    "setup": (setup.init,),
}


ns = Collection(*(member for members in GROUPS.values() for member in members))
list_by({group: [ns.transform(member.name) for member in members] for group, members in GROUPS.items()})
