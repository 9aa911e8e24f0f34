"""Pin a group to the number of its running version, before a newer version is made."""

from __future__ import annotations

from ..aws import fleets, launch_templates, refreshes
from ..decisions.rollout.instance_refresh import Pin
from ..decisions.rollout.versions import live
from ..runtime.run import Run
from ..runtime.waiting import Waiting

_BUSY_FOR = 300.0  # seconds for which a group may be busy


def pin(run: Run, name: str) -> None:
    """Pin a group that follows $Latest or $Default to the number that it runs.

    With $Latest every scale-out launches a version as soon as it is made, unproven. A dry run says
    so. Raises TimedOut where the group stays busy.
    """
    fleet, group = fleets.observe(run.cloud, name)
    if not group.template or not group.version.startswith("$"):
        return
    number = live(fleet, launch_templates.version(run.cloud, group.template, group.version).number)
    step = Pin(number)
    run.out.say(f"{name} follows {group.version}: {step}")
    if run.dry:
        return

    def probe() -> bool | Waiting:
        rejection = refreshes.apply(run.cloud, group, step)
        return Waiting(rejection) if rejection else True

    run.wait(f"pinning {name}", probe, timeout=_BUSY_FOR, every=run.settings.rollout.poll)
