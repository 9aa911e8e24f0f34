"""Further acts of a rehearsal: migrations that old code does not survive, and a release that is dead on the web instances."""

import time
import urllib.request
from collections.abc import Callable, Sequence
from functools import partial

from .account import GROUP
from .host_kinds import MACHINES
from .scenario import Rehearsal
from .world import COLOUR

_ALIKE = 30  # requests without a worker that has not answered before
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
    if rehearsal.world.kind is MACHINES:
        _changed_setting(rehearsal)


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


def _changed_setting(rehearsal: Rehearsal) -> None:
    """Have a changed setting reach every instance without a release, and be there after a boot."""
    world, story = rehearsal.world, rehearsal.story
    story.act("Act 8: a setting that instances read at boot is changed: `fab ship --settings`, no release")
    before, mark = _fleet(rehearsal), _now(rehearsal)
    had = _colours(rehearsal)
    world.put_setting(COLOUR, "green")
    code = rehearsal.run("fab", "ship", "--settings", more=HOLD)
    has = _colours(rehearsal)
    story.say(f"{COLOUR} on the instances: {', '.join(had)}; now {', '.join(has)}")
    if code or _fleet(rehearsal) != before or set(had) != {"red"} or set(has) != {"green"}:
        rehearsal.problems.append(f"`fab ship --settings` exited {code}, and the instances have {', '.join(has)}")
    _nobody_noticed(rehearsal, mark)


def _colours(rehearsal: Rehearsal) -> list[str]:
    """Return the setting that each web instance shows."""
    ids = [member["InstanceId"] for member in rehearsal.group()["Instances"]]
    found = rehearsal.world.client("ec2").describe_instances(InstanceIds=ids)["Reservations"]
    addresses = [instance["PrivateIpAddress"] for one in found for instance in one["Instances"]]
    return [shown for address in addresses for shown in sorted(set(of_each(partial(_colour, rehearsal, address)).values()))]


def of_each(ask: Callable[[], tuple[str, str]]) -> dict[str, str]:
    """Return what each worker of a site answers, by its process: `ask` gives both for the worker that happens to answer.

    Ends when no other worker has answered for so long that none is left, but by a chance of one in 100,000 (of three).
    """
    found: dict[str, str] = {}
    alike = 0
    while alike < _ALIKE:
        process, shown = ask()
        alike = 0 if process not in found else alike + 1
        found[process] = shown
    return found


def _colour(rehearsal: Rehearsal, address: str) -> tuple[str, str]:
    headers = {"Host": rehearsal.world.project.domain, "X-Forwarded-Proto": "https"}
    with urllib.request.urlopen(urllib.request.Request(f"http://{address}/colour/", headers=headers), timeout=60) as answer:
        return answer.headers["X-Process"], answer.read().decode()


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
