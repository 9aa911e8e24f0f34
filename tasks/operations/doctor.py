"""`doctor`: everything that a release needs and that can be looked up before it begins; changes nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from json import dumps

from ..aws import autoscaling
from ..aws.instances import Machine
from ..aws.management import running_management
from ..aws.serving import in_service
from ..decisions.release.readiness import Finding, of_site, read_facts, worst
from ..errors import DeployError
from ..fleet.preflight import preflight
from ..fleet.target import target_of
from ..hosts import checkout
from ..hosts.pool import Hosts
from ..hosts.shell import commands
from ..hosts.ssh import Host
from ..runtime.output import Output
from ..runtime.run import Run


def doctor(run: Run, json: bool = False) -> None:
    """Examine groups, management instance, SSH, sudo, git, disk and static files; exit code 1 if a release would fail."""
    shown = run.out
    # Nothing is written, not even the tag of a host key that is seen for the first time.
    run = replace(run, dry=True, out=Output(sys.stderr) if json else run.out)
    findings = examine(run)
    if json:
        shown.say(dumps([asdict(finding) for finding in findings], indent=2))
    else:
        run.out.table("findings", ("about", "", "finding"), [[one.about, one.level, one.text] for one in findings])
    problems = sum(finding.level == "problem" for finding in findings)
    if worst(findings) == "problem":
        raise DeployError(f"{problems} of {len(findings)} findings would make a release fail")


def examine(run: Run) -> list[Finding]:
    """Return all findings; what cannot be looked at because of an earlier problem is left out."""
    found = [finding for name in run.settings.groups for finding in _group(run, name)]
    with Hosts(run) as hosts:
        return [*found, *_management(run, hosts), *_web(run, hosts)]


def _group(run: Run, name: str) -> Iterator[Finding]:
    def look() -> str:
        version = autoscaling.group(run.cloud, name).version
        return preflight(run, target_of(run, name, {}, version or None))

    yield from _attempt(name, look, "a rollout could begin")


def _management(run: Run, hosts: Hosts) -> Iterator[Finding]:
    opened: list[Host] = []

    def open_() -> None:
        opened.append(hosts.open(running_management(run)))

    yield from _attempt("management instance", open_, "SSH answers")
    for host in opened:
        yield from _host(run, host)


def _host(run: Run, host: Host) -> Iterator[Finding]:
    app = run.settings.app
    yield from _attempt(host.name, lambda: checkout.require_site(host, app), "checkout and virtual environment exist")
    yield from _attempt(host.name, lambda: checkout.require_rights(host, app), "the site's units can be restarted")
    yield from _attempt(host.name, lambda: checkout.require_clean(run, host), "no uncommitted changes in the checkout")
    yield from _site(run, host)


def _site(run: Run, host: Host) -> list[Finding]:
    label = "manage.py shell (asking for the settings)"
    try:
        facts = read_facts(host.read(commands.site(run.settings.app), timeout=checkout.LONG, label=label).stdout)
    except DeployError as error:
        return [Finding(host.name, "problem", str(error))]
    if facts is None:
        return [Finding(host.name, "problem", f"{label} printed no answer")]
    return of_site(host.name, facts)


def _web(run: Run, hosts: Hosts) -> Iterator[Finding]:
    """Look at one instance of each group: all are booted from one image."""
    seen: set[str] = set()
    for web in in_service(run.cloud, run.settings.groups):
        if web.group not in seen:
            seen.add(web.group)
            yield from _attempt(web.id, lambda machine=web.machine: _rights(run, hosts, machine), "SSH and sudo work")  # type: ignore[misc]


def _rights(run: Run, hosts: Hosts, machine: Machine) -> None:
    checkout.require_rights(hosts.open(machine), replace(run.settings.app, services=run.settings.app.services[:1]))


def _attempt(about: str, look: Callable[[], str | None], well: str) -> Iterator[Finding]:
    """Yield what a check found: its own text, its error, or that all is well."""
    try:
        against = look()
    except DeployError as error:
        against = str(error)
    yield Finding(about, "problem", against) if against else Finding(about, "ok", well)
