"""`abort`: end an unfinished rollout; only its instances stay."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

from ..aws import fleets, refreshes
from ..decisions.rollout.decide import Goal
from ..decisions.rollout.instance_refresh import foreseen
from ..decisions.rollout.plan import plan
from ..fleet import schedules
from ..fleet.engine import Engine, RampedEngine
from ..fleet.instance_refresh import RefreshEngine
from ..fleet.lock import lock_of
from ..fleet.loop import GroupRollout, roll
from ..fleet.smoke_boot import clear
from ..fleet.target import policy_of
from ..fleet.workers import Workers
from ..runtime.run import Run


def abort(run: Run) -> None:
    """End an unfinished rollout: remove the surge, restore the settings; old and new instances stay side by side.

    The group launches the old version again. `rollout` replaces the rest later, `rollback` what is new already.
    """
    with run.step("abort"):
        end_runs(run, run.settings.groups)


def end_runs(run: Run, groups: Sequence[str]) -> None:
    """End every rollout under way; groups without one are unchanged.

    Raises Refused while another run holds the lock, Resumable when it stopped half-way.
    """
    nowhere = Goal("", "", "")
    ending, left = [], {}
    with ExitStack() as stack:
        for name in groups:
            fleet, group = fleets.observe(run.cloud, name)
            policy = replace(policy_of(run, fleet, (), group.at or run.clock.now()), abort=True)
            refresh = refreshes.under_way(run.cloud, name)
            if run.dry:
                for step in foreseen(fleet, refresh, policy, nowhere, ()) if refresh else plan(fleet, policy, nowhere):
                    run.out.say(f"{name}: {step}")
                continue
            lock = stack.enter_context(lock_of(run, name, "aborting a rollout"))
            if noted := schedules.left_over(group):
                left[name] = noted
            clear(run, name)
            engine: Engine = (
                RefreshEngine(run, name, policy, nowhere, refresh) if refresh else RampedEngine(run, name, policy, nowhere)
            )
            if fleet.record and run.settings.workers.services and not group.target_groups:
                # An instance that has finished its tasks stays now, and has to work.
                with Workers(run) as workers:
                    workers.start([m.id for m in group.members if m.lifecycle == "InService"])
            ending.append(GroupRollout(run, name, engine, lock))
        roll(ending)
        for name, noted in left.items():
            schedules.catch_up(run, name, noted)
