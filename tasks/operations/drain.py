"""`drain`: one web instance without visitors for a while, and back."""

from __future__ import annotations

from ..aws import autoscaling, target_groups
from ..aws.autoscaling import Group
from ..aws.draining import Drains, Targets
from ..aws.serving import WebInstance, in_service
from ..decisions.rollout.record import TAGS
from ..decisions.traffic.batches import may_leave
from ..errors import Refused
from ..hosts.http import NoAnswer
from ..hosts.pool import Hosts
from ..hosts.shell import commands
from ..hosts.ssh import Host
from ..runtime.cloud import Cloud
from ..runtime.run import Run
from ..runtime.waiting import Waiting

_MARGIN = 60.0  # seconds that a load balancer may take in addition


def drain(run: Run, instance: str, undo: bool = False) -> None:
    """Take one instance out of traffic for inspection; --undo puts it back.

    It keeps running, and open requests are completed. Where the group acts on the load balancer's health checks, the instance is
    deregistered from its target groups; else its site reports not ready (health_check.draining_file).
    """
    web, fleet = _find(run, instance)
    group = autoscaling.group(run.cloud, web.group)
    by_health = run.settings.health_check.draining_file is not None and "ELB" not in group.health_type
    how = "its site reports not ready" if by_health else "it is deregistered from its target groups"
    if run.dry:
        run.out.say(f"would {'put back into traffic' if undo else 'drain'}: {web.id}" + ("" if undo else f": {how}"))
        run.hooks.foresee("back-into-traffic" if undo else "drain")
        return
    if undo:
        _undo(run, web)
        return
    _require_calm(group)
    _require_room(run.cloud, web, fleet)
    if "ELB" in group.health_type:
        run.out.warn(
            f"{web.group} acts on the load balancer's health checks: it would terminate an instance that reports not ready. "
            "AWS does not promise to keep an instance that is in no target group either: for a long inspection"
            " set the type to EC2 meanwhile"
        )
    with run.step("drain", instance=web.id):
        run.out.say(how)
        if by_health:
            _mark(run, web)
        else:
            _drains(run).leave(web, fleet)
    run.out.say(f"{web.id} ({web.instance.address}) is out of traffic; `drain {web.id} --undo` puts it back")


def _find(run: Run, id: str) -> tuple[WebInstance, int]:
    """Return the instance, and the number in service in its group. Raises Refused when it is not in service."""
    webs = in_service(run.cloud, run.settings.groups)
    found = next((web for web in webs if web.id == id), None)
    if found is None:
        raise Refused(f"{id} is not in service; there are: {', '.join(web.id for web in webs) or 'none'}")
    if not found.target_groups:
        raise Refused(f"{id}: {found.group} has no target group, so it gets no traffic from a load balancer")
    return found, sum(1 for web in webs if web.group == found.group)


def _require_calm(group: Group) -> None:
    if set(TAGS) & set(group.tags):
        raise Refused(f"{group.name}: an unfinished rollout would wait for the instance: finish or abort it first")


def _require_room(cloud: Cloud, web: WebInstance, fleet: int) -> None:
    if not all(may_leave(web.id, target_groups.health(cloud, arn), fleet) for arn in web.target_groups):
        raise Refused(f"{web.id}: fewer than half of the {fleet} instances of {web.group} would stay healthy")


def _mark(run: Run, web: WebInstance) -> None:
    """Create the draining file, check that the site reports not ready, and wait for the load balancer."""
    file = str(run.settings.health_check.draining_file)
    with Hosts(run) as hosts:
        host = hosts.open(web.instance)
        host.run(commands.touch(file))
        seen = _answer(run, host)
        if seen != 503:
            host.run(commands.remove(file))
            raise Refused(
                f"{web.id}: the site answers {seen} on {run.settings.app.health_path} though {file} is there. Is its folder "
                "HEALTH_CHECK_STATE, and leads nginx there to the ready path of the health middleware? The file was removed again"
            )
    checks = target_groups.checks(run.cloud, web.target_groups).values()
    timeout = _MARGIN + max(2 * check.detects + check.timeout for check in checks)
    _await(run, web, timeout, leaving=True)


def _answer(run: Run, host: Host) -> int | str:
    app = run.settings.app
    try:
        return host.http(None, app.port, app.health_path, {"User-Agent": "ramped"}, fresh=True).status
    except NoAnswer as error:
        return str(error)


def _undo(run: Run, web: WebInstance) -> None:
    with run.step("back into traffic", instance=web.id):
        if run.settings.health_check.draining_file is not None:
            with Hosts(run) as hosts:
                hosts.open(web.instance).run(commands.remove(run.settings.health_check.draining_file))
        _drains(run).come_back(web)
        _await(run, web, run.settings.restart.timeout, leaving=False)


def _await(run: Run, web: WebInstance, timeout: float, *, leaving: bool) -> None:
    def probe() -> bool | Waiting:
        states = [target_groups.health(run.cloud, arn).get(web.id, "unused") for arn in web.target_groups]
        done = all((state == "healthy") != leaving for state in states)
        return done or Waiting(f"{web.id} is {', '.join(states)}")

    what = f"{web.id} to be {'out of traffic' if leaving else 'healthy'}"
    run.wait(what, probe, timeout=timeout)


def _drains(run: Run) -> Drains:
    return Drains(run, Targets(run))
