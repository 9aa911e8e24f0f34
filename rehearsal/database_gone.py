"""`python -m rehearsal.database_gone`: what a group with ELB health checks does in an outage of the database.

Three times the same fleet, visitors and outage: the load balancer asks the health view; the same where the group acts on
instances too that were never healthy; it asks the ready path of the health middleware. A table in the end.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import traffic
from .account import GROUP
from .report import Report
from .sandbox import Refusal
from .scenario import SETTLED, Failed, Rehearsal
from .world import SCALE, World, end

GRACE = 60  # AWS seconds
PATIENCE = 180.0  # seconds until all is well again
SICK = "ELB system health check failure"


@dataclass(frozen=True)
class Case:
    """One of the runs: what the load balancer requests, and whether an instance counts that was never healthy."""

    title: str
    middleware: bool = False
    never_healthy: bool = False


CASES = (Case("the view"), Case("the view, the never healthy too", never_healthy=True), Case("the middleware", middleware=True))


@dataclass(frozen=True)
class Outcome:
    """The result of one run: replacements, seconds until the first and until recovery, visitors' requests."""

    replaced: int
    first: float | None
    recovered: float
    requests: Sequence[traffic.Request]
    outage: tuple[float, float]  # as the visitors' clock goes

    def row(self) -> list[str]:
        """Return the cells of the table."""
        began, ended = self.outage
        during = [request for request in self.requests if began <= request.at <= ended]
        after = [request.at - ended for request in self.requests if request.at > ended and request.problem]
        return [
            str(self.replaced),
            "-" if self.first is None else f"{self.first:.0f}",
            summary([request for request in during if request.kind == "page"]),
            summary([request for request in during if request.kind == "file"]),
            f"{max(after, default=0.0):.1f}",
            f"{self.recovered:.1f}",
        ]


COLUMNS = (
    "the load balancer asks",
    "replaced",
    "first after (AWS s)",
    "pages meanwhile",
    "files meanwhile",
    "errors afterwards for (s)",
    "all healthy after (s)",
)


def summary(requests: Sequence[traffic.Request]) -> str:
    """Return how often each status was answered, such as "12 of 500, 3 of 502"."""
    counted = Counter(request.status for request in requests)
    return ", ".join(f"{count} × {status or 'no answer'}" for status, count in sorted(counted.items())) or "none"


def replacements(client: Any, group: str) -> list[float]:
    """Return when each instance was replaced for its health checks, in epoch seconds, in order."""
    pages = client.get_paginator("describe_scaling_activities").paginate(AutoScalingGroupName=group)
    found = [activity for page in pages for activity in page["Activities"]]
    sick = [
        activity["StartTime"].timestamp()
        for activity in found
        if "Terminating" in activity["Description"] and SICK in activity["Cause"]
    ]
    return sorted(sick)


def play(case: Case, instances: int, seconds: float, story: Report) -> Outcome:
    """Build a fleet, stop its database for `seconds`, and start it again."""
    story.act(f"The load balancer asks {case.title}")
    top = Path(tempfile.mkdtemp(prefix="ramped-rehearsal-"))
    with World(top, health_middleware=case.middleware, options={"replace_never_healthy": case.never_healthy}) as world:
        rehearsal = Rehearsal(world, instances, (), story)
        rehearsal._first_release()
        rehearsal.resize(instances)
        scaling = world.client("autoscaling")
        scaling.update_auto_scaling_group(AutoScalingGroupName=GROUP, HealthCheckGracePeriod=GRACE)
        out = top / "requests.jsonl"
        visitors = rehearsal._visitors(out)
        time.sleep(max(SETTLED, GRACE * SCALE))
        database = world.places.shared / "database"
        began, clock = time.monotonic() - story.came, time.time()
        story.say(f"the database is gone, for {seconds:.0f} s ({seconds / SCALE:.0f} AWS seconds)")
        database.rename(database.with_name("away"))
        time.sleep(seconds)
        database.with_name("away").rename(database)
        ended, back = time.monotonic() - story.came, time.monotonic()
        story.say("the database is back")
        recovered = _healthy(world, instances) - back
        time.sleep(SETTLED)
        end(visitors)
        gone = replacements(scaling, GROUP)
        first = (gone[0] - clock) / SCALE if gone else None
        return Outcome(len(gone), first, recovered, traffic.read(out), (began, ended))


def _healthy(world: World, instances: int) -> float:
    """Wait until as many instances as there were are in service and healthy; return the time."""
    scaling, elb = world.client("autoscaling"), world.client("elbv2")
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        group = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[GROUP])["AutoScalingGroups"][0]
        serving = {member["InstanceId"] for member in group["Instances"] if member["LifecycleState"] == "InService"}
        shown = elb.describe_target_health(TargetGroupArn=group["TargetGroupARNs"][0])["TargetHealthDescriptions"]
        well = {target["Target"]["Id"] for target in shown if target["TargetHealth"]["State"] == "healthy"}
        if len(serving & well) == instances:
            return time.monotonic()
        time.sleep(0.3)
    raise Failed(f"not {instances} healthy instances within {PATIENCE:.0f} s after the database came back: {len(serving & well)}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Play all cases; return 0 when the middleware kept every instance and the view none."""
    parser = argparse.ArgumentParser(prog="python -m rehearsal.database_gone", description=__doc__)
    parser.add_argument("--instances", type=int, default=3)
    parser.add_argument("--outage", type=float, default=40.0, help="seconds; an AWS minute is six")
    args = parser.parse_args(arguments)
    story = Report()
    try:
        outcomes = [play(case, args.instances, args.outage, story) for case in CASES]
    except (Failed, Refusal) as error:
        print(f"rehearsal: {error}", file=sys.stderr)
        return 1
    rows = [[case.title, *outcome.row()] for case, outcome in zip(CASES, outcomes, strict=True)]
    story.table("An outage of the database, and a group with ELB health checks", COLUMNS, rows)
    as_claimed = all((outcome.replaced == 0) == case.middleware for case, outcome in zip(CASES, outcomes, strict=True))
    return 0 if as_claimed else 1


if __name__ == "__main__":
    sys.exit(main())
