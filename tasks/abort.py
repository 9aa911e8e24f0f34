"""`abort`: end a rollout where it is, and leave nothing of it but the instances."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from invoke import Collection

from .command import command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .aws.session import Cloud
    from .context import Run


@command()
def abort(run: Run) -> None:
    """End a rollout where it is: the surge goes and the settings are restored; its instances stay, old and new side by side.

    The group launches the old version again. `rollout` would replace the rest later, `rollback` what is new already.
    """
    from .aws.session import Cloud

    cloud = Cloud(run.settings.aws)
    with run.out.step("abort"):
        end_runs(run, cloud, run.settings.groups)


def end_runs(run: Run, cloud: Cloud, groups: Sequence[str]) -> None:
    """Take every rollout under way to an early end; nothing is done to a group without one.

    Raises Refused while somebody else is at it, Resumable when it stopped half-way.
    """
    from contextlib import ExitStack
    from functools import partial

    from .aws import fleets, refreshes
    from .decisions.plan import plan
    from .decisions.refreshes import follow
    from .decisions.rollout import Goal
    from .following import Following
    from .rolling import Roll, roll
    from .rollout import lock_of, policy_of
    from .smoke import clear

    nowhere = Goal("", "", "")
    rolls = []
    with ExitStack() as stack:
        for name in groups:
            fleet, group = fleets.observe(cloud, name)
            policy = replace(policy_of(run, fleet, (), group.at or run.clock.now()), abort=True)
            refresh = refreshes.under_way(cloud, name)
            if run.dry:
                for step in [follow(fleet, refresh, policy, nowhere, (), 0.0)] if refresh else plan(fleet, policy, nowhere):
                    run.out.say(f"{name}: {step}")
                continue
            lock = stack.enter_context(lock_of(run, cloud, name, "aborting a rollout"))
            clear(run, cloud, name)
            kind = partial(Following, refresh=refresh) if refresh else Roll
            rolls.append(kind(run, cloud, name, policy, nowhere, lambda silent: {}, lock))
        roll(rolls)


ns = Collection(abort)
