"""`plan`: what a rollout would do, launch, take and cost; changes nothing."""

from __future__ import annotations

from dataclasses import asdict

from ..aws import instances
from ..errors import Refused, SettingsError
from ..fleet.contracting import waiting_line
from ..fleet.forecast import expect, planned
from ..fleet.preflight import preflight
from ..fleet.release_order import order_as_data, parts_of, show_order
from ..fleet.target import GroupTarget, target_of
from ..runtime.run import Run
from .rollout import replace_instances


def plan(run: Run, to: str | None = None, price: str | None = None, *, as_json: bool = False) -> None:
    """Show the steps of a rollout, its launches, how long it takes by the group's own history, and what the surge costs.

    `to`: version number, None for the newest of ours; `price`: of an instance for an hour, None for the setting; `as_json`: the
    groups, and what is foreseen of a whole release. Raises Refused where the rollout would be refused.
    """
    if price is not None:
        run = run.with_(rollout={"instance_price": _price(price)})
    if as_json:
        _print(run, to)
    else:
        dry = run.dried()
        replace_instances(dry, {}, to)
        if to is None:
            show_order(dry, parts_of(run), {})
        if waiting := waiting_line(instances.find_management(run.cloud, run.settings.management)):
            run.out.say(f"afterwards: {waiting}")


def _price(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found < float("inf"):
        raise SettingsError(f"--price: found {text}; allowed: a number from 0")
    return found


def _print(run: Run, to: str | None) -> None:
    dry = run.aside().dried()
    targets = [target_of(dry, name, {}, to) for name in run.settings.groups]
    refused = {target.name: text for target in targets if (text := preflight(dry, target))}
    shown = [_of_group(dry, target, refused.get(target.name, "")) for target in targets]
    # As without --json: a plan to a version that is there already is a rollout, no release.
    run.out.answer({"groups": shown, "release": order_as_data(dry) if to is None and not refused else None})
    if refused:
        raise Refused("\n".join(refused.values()))


def _of_group(run: Run, target: GroupTarget, refused: str) -> dict[str, object]:
    steps = planned(run, target)
    return {
        "group": target.name,
        "from": target.goal.source,
        "to": target.target.number,
        "description": target.target.description,
        "refused": refused,
        "steps": [str(step) for step in steps],
        "pauses": list(target.policy.pauses),
        "estimate": asdict(expect(run, target, steps)),
    }
