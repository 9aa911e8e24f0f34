"""The checks before a release, as findings; changes nothing."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from botocore.exceptions import BotoCoreError, ClientError

from ..aws import autoscaling, fleets, quotas, target_groups
from ..aws.instances import Ec2Instance
from ..aws.management import find
from ..aws.serving import WebInstance, in_service, serves
from ..decisions.release import readiness
from ..decisions.release.readiness import Finding
from ..decisions.release.serving import read_serving
from ..decisions.rollout.remarks import remarks
from ..errors import DeployError, Refused
from ..hosts import cdn, checkout
from ..hosts.beside import compared
from ..hosts.pool import Hosts
from ..hosts.shell import commands
from ..hosts.ssh import Host
from ..runtime.cloud import error_code
from ..runtime.run import Run
from .lock import lock_of
from .preflight import image_missing, rollout_problems, rollout_warnings
from .reload import CancellableClock
from .smoke_boot import left_over
from .target import GroupTarget, target_of

_WIDTH = 20  # instances that are connected to at a time
_STARTS = ("stopped", "stopping", "pending")  # states of a management instance that a release starts


def examine(run: Run, *, web: bool = True, release: bool = False) -> list[Finding]:
    """Return all findings, the worst first; checks that an earlier problem prevents are left out.

    `web`: check the web instances over SSH too; `release`: a release is about to begin, which may repair the site, and which
    waits for the host keys of young instances.
    """
    names, clock = run.settings.groups, CancellableClock(run.clock)
    with Hosts(replace(run, clock=clock), patient=release) as hosts:
        on_hosts = _management(run, hosts, release=release)
        gateway = _sleeping_gateway(run)
        for name in names if web else ():
            on_hosts += [_unasked(run, name, gateway)] if gateway else _web(run, hosts, clock, name)
    return readiness.ranked([*of_groups(run), *on_hosts])


def of_groups(run: Run) -> list[Finding]:
    """Return what the groups mean for a release, without a look at any host."""
    return [finding for name in run.settings.groups for finding in _group(run, name)]


def require(run: Run, findings: Sequence[Finding]) -> None:
    """Show the warnings, and raise Refused with all problems."""
    for finding in findings:
        if finding.level == "warning":
            run.out.warn_once(f"{finding.about}: {finding.text}")
    if readiness.worst(findings) == "problem":
        raise Refused(f"this release would fail:\n{readiness.listed(findings)}")


# -- groups


def _group(run: Run, name: str) -> list[Finding]:
    try:
        fleet, group = fleets.observe(run.cloud, name)
        target = target_of(run, name, {}, None if fleet.record else group.version)
        # A release makes a new image, and first ends a rollout that is under way.
        found = (
            [Finding(name, "problem", text) for text in rollout_problems(run, target, image=False)] if not fleet.record else []
        )
        found += [Finding(name, "warning", text) for text in _warnings(run, target)]
        begins = [Finding(name, "ok", "a rollout could begin")] if readiness.worst(found) != "problem" else []
        return [*found, *begins, *_quota(run, target)]
    except DeployError as error:
        return [Finding(name, "problem", str(error))]


def _warnings(run: Run, target: GroupTarget) -> Iterator[str]:
    yield from remarks(target.fleet)
    held = lock_of(run, target.name, "doctor").held()
    if held and not target.fleet.record:
        yield f"the lock is held by {held[0]}" + ("; the next run takes it over" if held[1] else "")
    gone = image_missing(run, target)
    if gone:
        yield f"{gone}: a scale-out fails until the next release"
    left = left_over(run.cloud, target.name)
    if left:
        yield f"a smoke boot was left by an earlier run: {', '.join(left)}; the next rollout terminates it"
    yield from rollout_warnings(run, target)


def _quota(run: Run, target: GroupTarget) -> Iterator[Finding]:
    """Yield a finding on the vCPU quota for the surge of a group, or for its smoke boot, which ends before the surge."""
    kind, record = next(iter(target.group.kinds), str(target.target.data.get("InstanceType", ""))), target.fleet.record
    if not kind or record or not target.fleet.members:
        return
    try:
        vcpus = quotas.vcpus(run.cloud, kind)
    except (BotoCoreError, ClientError) as error:
        why = error_code(error) or error
        yield Finding(target.name, "warning", f"the account's vCPU quota cannot be read: {why}")
        return
    if vcpus is not None:
        yield readiness.quota(target.name, vcpus.limit, vcpus.used, vcpus.each * max(1, target.policy.surge))


# -- hosts


def _opened(hosts: Hosts, instance: Ec2Instance, about: str) -> Host | Finding:
    try:
        return hosts.open(instance)
    except DeployError as error:
        return Finding(about, "problem", str(error))


def _attempt(about: str, check: Callable[[], object], well: str) -> Finding:
    """Return the error of a check, or `well`."""
    try:
        check()
    except DeployError as error:
        return Finding(about, "problem", str(error))
    return Finding(about, "ok", well)


def _management(run: Run, hosts: Hosts, *, release: bool) -> list[Finding]:
    about = "management instance"
    try:
        instance = find(run)
    except DeployError as error:
        return [Finding(about, "problem", str(error))]
    if instance.state != "running":
        starts = instance.state in _STARTS
        text = f"{instance.id} is {instance.state}{': deploy starts it, and examines it then' if starts else ''}"
        return [Finding(about, "ok" if starts else "problem", text)]
    host = _opened(hosts, instance, about)
    if isinstance(host, Finding):
        return [host]
    found = [Finding(about, "ok", "SSH answers"), *of_checkout(run, host)]
    if readiness.worst(found) == "problem":
        return found
    found.append(_attempt(host.name, lambda: checkout.require_clean(run, host), "no uncommitted changes in the checkout"))
    site = of_site(run, host, release=release)
    return found + (readiness.softened(site) if release else site)


def of_checkout(run: Run, host: Host) -> list[Finding]:
    """Check the management instance for a checkout, a virtual environment and the rights that a deploy needs."""
    app = run.settings.app
    return [
        _attempt(host.name, lambda: checkout.require_site(host, app), "checkout and virtual environment exist"),
        _attempt(host.name, lambda: checkout.require_rights(host, app), "the site's units can be restarted"),
    ]


def of_site(run: Run, host: Host, *, release: bool) -> list[Finding]:
    """Check the settings of the checkout and the disk."""
    label = "manage.py shell (asking for the settings)"
    try:
        answer = host.read(commands.site(run.settings.app), timeout=checkout.LONG, label=label)
        facts, own = readiness.read_facts(answer.stdout), read_serving(answer.stdout)
        if facts is None or own is None:
            return [Finding(host.name, "problem", f"{label} printed no answer")]
        # A deploy compares the new release's.
        return readiness.of_site(host.name, facts) + ([] if release else compared(run, host, own))
    except DeployError as error:
        return [Finding(host.name, "problem", str(error))]


def _sleeping_gateway(run: Run) -> Ec2Instance | None:
    """Return the management instance where web instances are reached through it, and a dry run may not start it."""
    if not run.dry or run.settings.ssh.gateway != "management":
        return None
    try:
        instance = find(run)
    except DeployError:
        return None  # a finding already
    return instance if instance.state in _STARTS else None


def _unasked(run: Run, name: str, gateway: Ec2Instance) -> Finding:
    try:
        count = len(in_service(run.cloud, [name]))
    except DeployError as error:
        return Finding(name, "problem", str(error))
    through = f"its {count} instances are reached through {gateway.id}, which is {gateway.state}"
    return Finding(name, "ok", f"{through}: a release starts it, and asks them then")


def _web(run: Run, hosts: Hosts, clock: CancellableClock, name: str) -> list[Finding]:
    """Examine every in-service instance of a group, side by side."""
    try:
        webs, group = in_service(run.cloud, [name]), autoscaling.group(run.cloud, name)
    except DeployError:
        return []  # a finding of the group already
    if not group.target_groups and run.settings.workers.services:
        return [Finding(name, "ok", f"{len(webs)} workers, which are asked over SSH during a rollout")]
    health = {arn: target_groups.health(run.cloud, arn) for arn in group.target_groups}
    serving = {web.id for web in webs if all(states.get(web.id) == "healthy" for states in health.values())}
    boots: dict[str, float] = {}
    graceful: dict[str, float] = {}

    def examine_instance(web: WebInstance) -> Finding:
        finding = _attempt(web.id, lambda: _instance(run, hosts, web, boots, graceful), "SSH and sudo work")
        if finding.level != "problem":
            return finding
        if not serves(run.cloud, web):
            return Finding(web.id, "ok", f"no longer in service in {name}")
        # An instance out of traffic is no reason to refuse the release that may repair it.
        return finding if web.id in serving else replace(finding, level="warning")

    with ThreadPoolExecutor(_WIDTH) as pool:
        try:
            found = list(pool.map(examine_instance, webs))
        except BaseException:
            clock.cancel()  # the pool waits for its threads, and they may wait long for a console
            raise
    found += readiness.short_grace(name, group.grace, group.health_type, boots)
    delays = target_groups.deregistration_delays(run.cloud, group.target_groups)
    return [*found, *readiness.short_delay(name, delays, max(graceful.values(), default=None))]


def _instance(run: Run, hosts: Hosts, web: WebInstance, boots: dict[str, float], graceful: dict[str, float]) -> None:
    """Connect to a web instance, note how long it boots and waits for open requests, and raise what would stop restart-all."""
    host, unit = hosts.open(web.instance), run.settings.app.services[0]
    boot = readiness.read_boot(host.read(commands.boot_seconds(), check=False).stdout)
    limit = readiness.read_graceful(host.read(commands.show(unit, ["ExecStart"]), check=False).stdout)
    boots.update({web.id: boot} if boot is not None else {})
    graceful.update({web.id: limit} if limit is not None else {})
    checkout.require_rights(host, replace(run.settings.app, services=(unit,)), reload=True)


def of_cdn(run: Run) -> list[Finding]:
    """Check whether the CDN caches errors, if there is a CDN."""
    base, static = run.settings.static.cdn, run.settings.static.url
    if base is None:
        return []
    answer = cdn.asked_twice(base, f"{static}ramped-{uuid.uuid4().hex}.css")
    return [readiness.cached_errors(base, answer)] if answer is not None else []
