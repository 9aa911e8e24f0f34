"""What would make a release fail: findings about groups, hosts and the site, as data."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from .answers import json_object

MARK = "ramped-site:"
ROOM = 1024**3  # bytes that should be free for a release

Level = Literal["problem", "warning", "ok"]
LEVELS: tuple[Level, ...] = ("problem", "warning", "ok")
# The properties of systemd itself that `read_boot` reads.
BOOT = ("FinishTimestampMonotonic", "UserspaceTimestampMonotonic", "KernelTimestamp")
GRACEFUL = 30  # seconds; gunicorn's default for graceful_timeout


@dataclass(frozen=True)
class Finding:
    """The result of one check."""

    about: str  # a group, an instance, or the site
    level: Level
    text: str


@dataclass(frozen=True)
class SiteFacts:
    """The site's own report on its static files and its disk."""

    static_url: str
    static_root: str
    writable: bool
    in_checkout: bool
    free_static: int
    free_checkout: int
    shared_manifests: str = ""  # a line for each manifest of others in STATIC_ROOT
    base: str = "."  # BASE_DIR, relative to app.directory
    local: str = ""  # a line for each place of data that no other machine has


_LOCAL = (
    "is on a disk of this instance alone: every web instance has its own, which is lost with it, and an image has it as it was"
    " then. Keep uploads on the shared disk or in S3, and data in a database server"
)
_FIELDS = {name: field.type for name, field in SiteFacts.__dataclass_fields__.items()}


def read_facts(printed: str) -> SiteFacts | None:
    """Return the script's answer from everything the site printed; None without one."""
    lines = [line for line in printed.split("\n") if line.startswith(MARK)]
    answer: Mapping[str, Any] | None = json_object(lines[-1].removeprefix(MARK)) if lines else None
    if answer is None or {name: type(value).__name__ for name, value in answer.items()} != _FIELDS:
        return None
    return SiteFacts(**answer) if max(answer["free_static"], answer["free_checkout"]) < 2**63 else None


def of_site(about: str, facts: SiteFacts) -> list[Finding]:
    """Return the findings about the site's static files and disk."""
    found = []
    if not facts.static_root:
        found.append(Finding(about, "problem", "STATIC_ROOT is not set: collectstatic has nowhere to put the static files"))
    elif not facts.writable:
        found.append(Finding(about, "problem", f"STATIC_ROOT {facts.static_root} cannot be written: chown it to ssh.user"))
    elif facts.in_checkout:
        found.append(
            Finding(
                about,
                "problem",
                f"STATIC_ROOT {facts.static_root} lies in the checkout, which no web instance shares: move it to the shared disk",
            )
        )
    else:
        found.append(Finding(about, "ok", f"STATIC_ROOT {facts.static_root} can be written"))
    found += [Finding(about, "problem", line) for line in facts.shared_manifests.splitlines()]
    found += [Finding(about, "warning", f"{line} {_LOCAL}") for line in facts.local.splitlines()]
    for what, free in (("STATIC_ROOT", facts.free_static), ("the checkout", facts.free_checkout)):
        level: Level = "warning" if free < ROOM else "ok"
        found.append(Finding(about, level, f"{free / ROOM:.1f} GiB are free for {what}"))
    return found


def ranked(findings: Sequence[Finding]) -> list[Finding]:
    """Return findings, the worst first, otherwise in their order."""
    return sorted(findings, key=lambda finding: LEVELS.index(finding.level))


def softened(findings: Sequence[Finding]) -> list[Finding]:
    """Return findings with problems as warnings, since the release itself may repair them."""
    return [replace(finding, level="warning") if finding.level == "problem" else finding for finding in findings]


def worst(findings: Sequence[Finding]) -> Level:
    """Return the worst level."""
    return next((level for level in LEVELS if any(finding.level == level for finding in findings)), "ok")


def listed(findings: Sequence[Finding]) -> str:
    """Return the problems as one text, a line each."""
    return "\n".join(f"  - {finding.about}: {finding.text}" for finding in findings if finding.level == "problem")


def read_boot(printed: str) -> float | None:
    """Return the seconds from the start of the kernel until every unit had started, from `systemctl show`.

    A container has no kernel of its own to wait for. None while it boots. Source: org.freedesktop.systemd1(5), BOOT.
    """
    found = dict(re.findall(rf"^({'|'.join(BOOT)})=(.*)$", printed, re.MULTILINE))
    finish, userspace = (
        int(text) if re.fullmatch("[0-9]{1,18}", text) else 0 for text in (found.get(name, "") for name in BOOT[:2])
    )
    contained = found.get(BOOT[2]) == ""
    return (finish - userspace if contained else finish) / 1e6 if finish else None


def read_graceful(printed: str) -> float | None:
    """Return the seconds that a service waits for open requests when it stops, from `systemctl show` of its ExecStart.

    None where unknown: a configuration file may set it. Source: gunicorn's documentation, "graceful_timeout";
    uvicorn's, "--timeout-graceful-shutdown".
    """
    found = re.search(r"--(?:graceful-timeout|timeout-graceful-shutdown)[= ]([0-9]{1,9})\b", printed)
    if found:
        return float(found[1])
    plain = "gunicorn" in printed and not re.search(r"(?:^|\s)(?:-c|--config)[= ]", printed)
    return float(GRACEFUL) if plain else None


def short_grace(group: str, grace: int, health_type: str, boots: Mapping[str, float]) -> Iterator[Finding]:
    """Yield a warning where a group would replace a new instance that is still booting.

    `grace`: seconds (HealthCheckGracePeriod); `health_type`: EC2, or ELB where the group acts on the load balancer's checks;
    `boots`: seconds that instances took to boot, by id. Source: "Set the health check grace period" (EC2 Auto Scaling guide).
    """
    slowest = max(boots, key=lambda id: boots[id], default=None)
    if slowest is not None and health_type != "EC2" and grace < boots[slowest]:
        yield Finding(
            group,
            "warning",
            f"its health check grace period is {grace} s, but {slowest} took {boots[slowest]:.0f} s to boot: the group may"
            f" replace new instances before they serve. Set HealthCheckGracePeriod to {2 * boots[slowest]:.0f} s or more",
        )


def short_delay(group: str, delays: Mapping[str, int], graceful: float | None) -> Iterator[Finding]:
    """Yield a warning for each target group that drains for less time than the web server waits for open requests.

    `delays`: seconds of deregistration delay by target group; `graceful`: seconds that the web server waits.
    """
    for name, delay in delays.items():
        if graceful is not None and delay < graceful:
            yield Finding(
                group,
                "warning",
                f"target group {name} drains {delay} s, but the web server gives open requests {graceful:.0f} s: those that take"
                f" longer than {delay} s are cut off. Set deregistration_delay.timeout_seconds to {graceful:.0f} or more",
            )


def quota(group: str, limit: float, used: int, needed: int) -> Finding:
    """Return the finding on the account's vCPU quota; `needed`: vCPUs of the surge, or of the smoke boot before it."""
    text = f"{used} of {limit:.0f} vCPUs of the account's quota are used, and a rollout needs {needed} more"
    if used + needed > limit:
        return Finding(group, "problem", f"{text}: raise the quota in Service Quotas, or lower rollout.surge")
    return Finding(group, "ok", text)


def cached_errors(base: str, headers: Mapping[str, str]) -> Finding:
    """Return the finding whether a CDN caches errors; `headers`: of its second answer.

    Source: RFC 9111, "Age"; "How CloudFront caches errors" (CloudFront developer guide).
    """
    age = headers.get("age", "").strip()
    if not (re.fullmatch("[0-9]{1,18}", age) and int(age) > 0) and "hit" not in headers.get("x-cache", "").lower():
        return Finding(base, "ok", "the CDN does not store the answer to a file that is not there yet")
    return Finding(
        base,
        "warning",
        "the CDN stores the answer to a file that is not there yet, so a page that is early keeps its 404 for later visitors. Set"
        " its error caching minimum TTL for 403 and 404 to 0",
    )
