"""The rehearsal itself: v1 is deployed by the real commands, visitors come, v2 is shipped, and the report is printed."""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from . import report_page, sandbox, traffic
from .account import GROUP
from .crawl import crawl
from .group_kinds import PLAIN, GroupKind
from .project import HEADER
from .report import Report
from .world import World, end

PATIENCE = 120.0  # seconds for the fleet to be as it should
SETTLED = 2.0  # seconds of traffic before and after
LOOK = 1.0  # seconds between two looks at all requests, which cost more the more there are
SHOWN = 12  # pages that are named


class Failed(Exception):
    """Say which command of the rehearsal failed."""


@dataclass
class Rehearsal:
    """One rehearsal: how many instances, what of `ship` is left out."""

    world: World
    instances: int
    skip: Sequence[str]
    story: Report = field(default_factory=Report)
    problems: list[str] = field(default_factory=list)
    further: "Callable[[Rehearsal], None] | None" = None  # more acts, while visitors are there
    page: Path | None = None  # of the report that `ship` writes
    group_kind: GroupKind = PLAIN
    yes: bool = False  # the operator has reviewed the migrations
    settled: float = SETTLED
    took: dict[str, float] = field(default_factory=dict)  # seconds, by the task that was run last

    def play(self) -> bool:
        """Go through all acts; return whether no request failed and every command succeeded."""
        say = self.story.say
        say(f"stand-in cloud at {self.world.endpoints['api']}; {self.world.kind.summary}")
        if self.world.unkind is not None:
            say(f"it is as slow and unkind as AWS may be; again with --unkind --seed {self.world.unkind}")
        self._existing_site() if self.world.project.serves else self._first_release()
        self.resize(self.group_kind.units(self.instances))
        self.group_kind.prepare(self)
        before = self._capture("inv", "status")
        visitors = self._visitors(self._out)
        time.sleep(SETTLED)
        self.world.publish()
        self.world.control("calls/clear", {})
        with self.group_kind.meanwhile(self):
            shipped = self._ship()
        calls = self.world.control("calls")
        self.drained()
        after = self._capture("inv", "status")
        if self.skip:
            self._show_cached_error(self.requests())
        self.problems += self.group_kind.problems(self) if shipped else []
        time.sleep(SETTLED)
        if shipped:
            self.wait_for_visitors(_has_new_page)
        requests = self.requests()
        if self.further:
            self.further(self)
        end(visitors)
        self.story.fleets(before, after)
        self.story.calls(calls)
        self.story.requests(requests)
        if self.page:
            report_page.add_requests(self.page, requests)
        return self._verdict(shipped, requests)

    @property
    def _out(self) -> Path:
        return self.world.places.top / "requests.jsonl"

    def requests(self) -> list[traffic.Request]:
        """Return what the visitors met so far, in order."""
        return sorted(traffic.read(self._out), key=lambda request: request.at)

    def _first_release(self) -> None:
        self.story.act(
            f"Act 1: version 1 ({self.world.v1[:12]}) by `fab deploy`, `fab bake-ami`, `inv rollout`; {self.instances} instances"
        )
        # --yes: it fills a table by Python, which cannot be analysed; no old code is running that it could break.
        deploy = ("fab", "deploy", "--yes")
        for name, *arguments in (("inv", "management-create"), deploy, ("fab", "bake-ami"), ("inv", "rollout")):
            self._require(name, *arguments)

    def _existing_site(self) -> None:
        """Let the first image serve, as a site that is there already: what a first deploy would mend stays to be found."""
        self.story.act(f"Act 1: the site as it is ({self.world.v1[:12]}), set up by hand; {self.instances} instances")
        self._require("inv", "management-create")

    def group(self, name: str = GROUP) -> Mapping[str, Any]:
        """Return a group as DescribeAutoScalingGroups shows it."""
        groups: list[Mapping[str, Any]] = self.world.client("autoscaling").describe_auto_scaling_groups(
            AutoScalingGroupNames=[name]
        )["AutoScalingGroups"]
        return groups[0]

    def resize(self, size: int) -> None:
        """Bring the group to its size, as an operator would by hand, and wait until visitors can be served."""
        scaling, elb = self.world.client("autoscaling"), self.world.client("elbv2")
        scaling.update_auto_scaling_group(AutoScalingGroupName=GROUP, MinSize=size, MaxSize=size, DesiredCapacity=size)
        arn = self.group()["TargetGroupARNs"][0]

        def healthy() -> int:
            targets = elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
            well = {t["Target"]["Id"] for t in targets if t["TargetHealth"]["State"] == "healthy"}
            return sum(int(m.get("WeightedCapacity", 1)) for m in self.group()["Instances"] if m["InstanceId"] in well)

        self.wait_for(f"{size} healthy instances", healthy, size)

    def wait_for(self, what: str, count: Callable[[], int], wanted: int) -> None:
        """Wait until there are as many as wanted. Raises Failed."""
        _wait_for(what, count, wanted, self.world.patience)

    def drained(self) -> None:
        """Wait for the last old instance to be gone, under traffic: `ship` is over while it drains."""

        def leaving() -> int:
            return sum(1 for m in self.group()["Instances"] if m["LifecycleState"].startswith("Terminating"))

        self.wait_for("0 instances that drain", leaving, 0)

    def wait_for_visitors(self, seen: Callable[[Sequence[traffic.Request]], bool]) -> None:
        """Let visitors go on until their requests show it: on a busy machine a new worker's first page takes long.

        What they never show is left to who looks at the requests.
        """
        deadline = time.monotonic() + PATIENCE * self.world.patience
        while not seen(self.requests()) and time.monotonic() < deadline:
            time.sleep(LOOK)

    def _visitors(self, out: Path) -> "subprocess.Popen[bytes]":
        self.story.act("Act 2: visitors come")
        site = self._site()
        if self.world.project.tells == HEADER:
            found, wrong = crawl(site, site.pages)
            self.problems += [f"{answer.url} answered before the release: {traffic.said(answer)}" for answer in wrong]
            self.story.say(
                f"pages of the site: {', '.join(found[:SHOWN])}{f' and {len(found) - SHOWN} more' if found[SHOWN:] else ''}"
            )
            if not found:
                raise Failed("; ".join(self.problems) or "the site has no page to visit")
            site = replace(site, pages=tuple(found))
        out.touch()
        where = ["--site", json.dumps(asdict(site)), "--out", str(out)]
        visitors = self.world.start([sys.executable, "-m", f"{__package__}.traffic", *where])
        self.story.visitors_came()
        return visitors

    def _site(self) -> traffic.Site:
        project, endpoints = self.world.project, self.world.endpoints
        static = str(project.static(endpoints, "")["url"])
        releases = {self.world.v1: "v1", self.world.v2: "v2"} if project.tells == HEADER else {}
        addresses = endpoints["balancer"], endpoints["cdn"], project.domain
        return traffic.Site(*addresses, project.pages, static, releases, project.files_host)

    def _ship(self) -> bool:
        parts = [*(["--yes"] if self.yes else []), *(argument for part in self.skip for argument in ("--skip", part))]
        if self.skip:
            # Left for afterwards, so that the cached error can be looked at first.
            parts += ["--skip", "invalidate", "--skip", "stop"]
        parts += ["--report", str(self.page)] if self.page else []
        self.story.act(f"Act 3: version 2 ({self.world.v2[:12]}) by `fab {' '.join(['ship', *parts])}`, under traffic")
        return self.run("fab", "ship", *parts) == 0

    def _show_cached_error(self, requests: Sequence[traffic.Request]) -> None:
        """Show what the CDN remembers although every instance has the file by now, and that `invalidate` mends it."""
        self.story.act("Act 4: what was left out, and how it is mended")
        bad = sorted({r.url for r in requests if r.kind == "file" and r.status == 404})
        if not bad:
            self.story.say("the CDN remembers no error")
            return
        self._look(bad)
        self._require("inv", "invalidate")
        self._look(bad)

    def _look(self, urls: Sequence[str]) -> None:
        for url in urls:
            status, cached = traffic.head(url)
            self.story.say(f"the CDN answers {status} ({cached}): {url}")

    def _verdict(self, shipped: bool, requests: Sequence[traffic.Request]) -> bool:
        failed = [r for r in requests if r.problem]
        if not _has_new_page(requests):
            self.problems.append("no page of version 2 was ever served")
        if not shipped:
            self.problems.append("`fab ship` failed; what it said stands above")
        if failed:
            self.problems.append(f"{len(failed)} of {len(requests)} requests failed")
            self.story.failures(failed)
        self.story.verdict(self.problems, len(requests))
        return not self.problems

    # -- the real commands

    def run(self, name: str, *arguments: str, more: Mapping[str, str] | None = None) -> int:
        """Run a command as the operator does, show its output with the time, and return its exit code.

        `more`: variables that override settings.
        """
        command = self.command(name, *arguments)
        self.story.command(*(f"{key}={value}" for key, value in (more or {}).items()), name, *arguments)
        began, before = time.monotonic(), _processor()
        process = subprocess.Popen(
            command,
            cwd=self.world.places.operator,
            env={**self.world.environment, **(more or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout
        with process.stdout as lines:
            for line in lines:
                self.story.output(line.rstrip("\n"))
        code = process.wait()
        took, used = time.monotonic() - began, _processor() - before
        self.took[arguments[0]] = took
        self.story.say(
            f"           took {took:.1f} s; {used:.1f} s of it the processor worked for the command itself ({used / took:.0%})"
        )
        return code

    def command(self, name: str, *arguments: str) -> list[str]:
        """Return the words that run a command."""
        return [*sandbox.command(name), *arguments]

    def _require(self, name: str, *arguments: str) -> None:
        code = self.run(name, *arguments)
        if code != 0:
            raise Failed(f"`{name} {' '.join(arguments)}` exited {code}; what it said stands above")

    def _capture(self, name: str, *arguments: str) -> str:
        command = [*sandbox.command(name), *arguments]
        done = subprocess.run(
            command, cwd=self.world.places.operator, env=self.world.environment, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise Failed(f"`{name} {' '.join(arguments)}` exited {done.returncode}: {done.stderr.strip()}")
        return done.stdout.strip()


def _has_new_page(requests: Sequence[traffic.Request]) -> bool:
    return any(request.version == "v2" for request in requests if request.kind == "page")


def _processor() -> float:
    """Return for how long the processor has worked for our commands that have ended, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _wait_for(what: str, count: Callable[[], int], wanted: int, patience: float) -> None:
    deadline = time.monotonic() + PATIENCE * patience
    while (seen := count()) != wanted:
        if time.monotonic() > deadline:
            raise Failed(f"not {what} within {PATIENCE * patience:.0f} s: {seen}")
        time.sleep(0.3)
