"""Further acts of a rehearsal: migrations that old code does not survive, and a release that is dead on the web instances."""

import time
from collections.abc import Sequence

from .account import GROUP
from .scenario import Rehearsal

HOLD = {"INVOKE_MANAGEMENT_KEEP_RUNNING": "true"}
# Nothing but the fleet itself is to find out, and soon.
BLIND = {**HOLD, "INVOKE_ROLLOUT_SMOKE_BOOT": "false", "INVOKE_ROLLOUT_INSTANCE_TIMEOUT": "20"}


def play(rehearsal: Rehearsal) -> None:
    """Go through the further acts; what is not as it should be is added to the rehearsal's problems."""
    refused = _refused(rehearsal)
    began = _now(rehearsal)
    if refused:
        _behind_a_page(rehearsal, began)
        _two_stages(rehearsal)
    _dead_on_arrival(rehearsal)


def _refused(rehearsal: Rehearsal) -> bool:
    world, story = rehearsal.world, rehearsal.story
    third = world.publish_later("v3")
    story.act(f"Act 4: version 3 ({third[:12]}) renames a column that version 2 asks for: `fab ship` has to refuse it")
    before, mark = _fleet(rehearsal), _now(rehearsal)
    code = rehearsal.run("fab", "ship", more=HOLD)
    well = code == 1 and _fleet(rehearsal) == before
    if not well:
        rehearsal.problems.append(
            f"`fab ship` of a breaking migration exited {code}, and should have refused and touched nothing"
        )
    _nobody_noticed(rehearsal, mark)
    return well


def _behind_a_page(rehearsal: Rehearsal, since: float) -> None:
    rehearsal.story.act("Act 5: the other road: `fab ship --maintenance`")
    code = rehearsal.run("fab", "ship", "--maintenance", more=HOLD)
    rehearsal.drained()
    time.sleep(rehearsal.settled)
    seen = [r for r in rehearsal.requests() if r.at >= since]
    pages = [r for r in seen if r.kind == "page"]
    away = [r.at for r in pages if r.status == 503]
    other = [r for r in seen if r.problem and r.status != 503]
    lasted = max(away) - min(away) if away else 0.0
    rehearsal.story.say(
        f"{len(away)} of {len(pages)} pages were the maintenance page, for {lasted:.1f} s; {len(other)} requests failed otherwise"
    )
    if code or not away or other or pages[-1].version != "v3":
        rehearsal.problems.append(
            f"`fab ship --maintenance` exited {code}; {len(other)} requests failed otherwise than by the page"
        )
        rehearsal.story.failures(other)


def _two_stages(rehearsal: Rehearsal) -> None:
    world, story = rehearsal.world, rehearsal.story
    fourth, mark = world.publish_later("v4"), _now(rehearsal)
    story.act(f"Act 6: version 4 ({fourth[:12]}) drops a column that version 3 asks for: `fab ship`, later `fab contract`")
    # `migrate --check` fails while migrations are not applied.
    pending = ("fab", "manage", "migrate --check")
    commands = (("fab", "ship"), pending, ("fab", "contract", "--now"), pending, ("fab", "rollback"))
    codes = [rehearsal.run(*command, more=HOLD) for command in commands]
    if codes != [0, 1, 0, 0, 1]:
        rehearsal.problems.append(
            f"ship, pending, contract, pending, rollback exited {', '.join(map(str, codes))}: the migration should wait for"
            " `fab contract`, and nothing go back to the code that needs the column"
        )
    _nobody_noticed(rehearsal, mark)


def _dead_on_arrival(rehearsal: Rehearsal) -> None:
    story = rehearsal.story
    fifth = rehearsal.world.publish_later("v5")
    story.act(f"Act 7: version 5 ({fifth[:12]}) works where it is deployed and on no web instance: it has to be rolled back")
    before, mark = _fleet(rehearsal), _now(rehearsal)
    code = rehearsal.run("fab", "ship", more=BLIND)
    rehearsal.drained()
    if code != 1 or _fleet(rehearsal) != before:
        rehearsal.problems.append(f"`fab ship` of a dead release exited {code}, and should have been rolled back")
    _nobody_noticed(rehearsal, mark)


def _nobody_noticed(rehearsal: Rehearsal, since: float) -> None:
    time.sleep(rehearsal.settled)
    seen = [r for r in rehearsal.requests() if r.at >= since]
    failed = [r for r in seen if r.problem]
    rehearsal.story.say(f"{len(failed)} of {len(seen)} requests failed meanwhile")
    if failed:
        rehearsal.problems.append(f"{len(failed)} requests failed that should not have")
        rehearsal.story.failures(failed)


def _now(rehearsal: Rehearsal) -> float:
    return time.monotonic() - rehearsal.story.came


def _fleet(rehearsal: Rehearsal) -> Sequence[object]:
    """Return what a release that was refused or rolled back must leave as it was."""
    group = rehearsal.world.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    shown = next(found for found in group if found["AutoScalingGroupName"] == GROUP)
    versions = sorted(member["LaunchTemplate"]["Version"] for member in shown["Instances"])
    return [shown["MinSize"], shown["MaxSize"], shown["DesiredCapacity"], shown["LaunchTemplate"]["Version"], versions]
