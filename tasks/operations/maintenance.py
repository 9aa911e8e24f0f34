"""`maintenance-on`, `maintenance-off`: a page in front of the site, served by the load balancer itself."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from ..aws import autoscaling, listeners, tags
from ..decisions.traffic import maintenance
from ..decisions.traffic.maintenance import Change, Conditions, Drop, Front, Listener, Make, NoBypass, NoRoom, page_of
from ..errors import Refused, SettingsError
from ..runtime.cloud import error_code
from ..runtime.operator import who
from ..runtime.run import Run
from ..runtime.waiting import Waiting

Steps = Callable[[Sequence[Listener]], list[Make | Change | Drop]]

_PATIENCE = 120  # seconds until the rules must be in place


def maintenance_on(run: Run) -> None:
    """Show every visitor a maintenance page (503) instead of the site; health checks and fleet stay as they are."""
    turn_on(run)


def maintenance_off(run: Run) -> None:
    """Remove the maintenance page: visitors reach the site again."""
    turn_off(run)


def turn_on(run: Run) -> None:
    """Create the rules of the page that are missing.

    Raises SettingsError for a page that is too long, Refused where no listener forwards to the site or no priority is free, and
    TimedOut.
    """
    front = _front(run)
    with run.step("maintenance page on"):
        listeners = _look(run)
        if not maintenance.serving(listeners):
            raise Refused(
                "no listener of a load balancer forwards to the target groups of the groups: there is nowhere to put a page"
            )
        for listener in listeners:
            if listener not in maintenance.serving(listeners):
                run.out.say(f"{listener.name} does not forward to the site (a redirect, perhaps): unchanged")
        steps = _or_refuse(lambda: maintenance.to_show(listeners, front))
        if run.dry:
            run.out.say(f"would make or change {len(steps)} rules of {len(maintenance.serving(listeners))} listeners")
            return
        # Tagged before the page shows, so that the next run after a crash knows of it.
        for name in run.settings.groups:
            if tags.MAINTENANCE not in autoscaling.group(run.cloud, name).tags:
                autoscaling.write_tags(run.cloud, name, {tags.MAINTENANCE: _since(run)})
        _bring_about(run, "the maintenance page", lambda seen: maintenance.to_show(seen, front))
        run.out.say("visitors see the page; health checks continue. To end it: maintenance-off")


def turn_off(run: Run) -> None:
    """Remove all rules of the page and its bypasses. Raises TimedOut."""
    with run.step("maintenance page off"):
        if run.dry:
            run.out.say(f"would delete {len(maintenance.to_hide(_look(run)))} rules")
            return
        _bring_about(run, "no maintenance page", maintenance.to_hide)
        for name in run.settings.groups:
            autoscaling.drop_tags(run.cloud, name, [tags.MAINTENANCE])
        run.out.say("visitors reach the site")


def is_on(run: Run) -> bool:
    """Return whether the page is on, or was being created."""
    return any(tags.MAINTENANCE in autoscaling.group(run.cloud, name).tags for name in run.settings.groups)


def mention(run: Run) -> None:
    """Warn that the maintenance page is on, if AWS answers at once; other errors are left to the command."""
    try:
        client = run.cloud.client("autoscaling", quick=True)
        groups = client.describe_auto_scaling_groups(AutoScalingGroupNames=list(run.settings.groups))["AutoScalingGroups"]
    except (BotoCoreError, ClientError):
        return
    since = {tag["Value"] for group in groups for tag in group.get("Tags", []) if tag["Key"] == tags.MAINTENANCE}
    if since:
        run.out.warn(f"the maintenance page has been on since {', '.join(sorted(since))}; remove it with: maintenance-off")


def _since(run: Run) -> str:
    return f"{datetime.fromtimestamp(run.clock.now(), UTC):%Y-%m-%d %H:%M} UTC by {who()}"


def _look(run: Run) -> list[Listener]:
    groups = [autoscaling.group(run.cloud, name) for name in run.settings.groups]
    arns = sorted({arn for group in groups for arn in group.target_groups})
    return listeners.describe(run.cloud, arns, listeners.site_of(run.settings.groups)) if arns else []


def _bring_about(run: Run, what: str, left: Steps) -> None:
    """Apply the remaining steps until none is left, so that a lost answer or a crash does no harm."""

    def probe() -> bool | Waiting:
        try:
            steps = left(_look(run))
        except NoRoom as error:
            # There was room before: AWS shows a rule of ours before its tags.
            return Waiting(str(error))
        for step in steps:
            try:
                listeners.apply(run.cloud, step, {tags.GROUPS: listeners.site_of(run.settings.groups)})
            except ClientError as error:
                # Already done by another user, or by our own lost call: the next poll shows it.
                if error_code(error) not in ("PriorityInUse", "RuleNotFound"):
                    raise
        return Waiting(f"{len(steps)} rules were not in place") if steps else True

    run.wait(what, probe, timeout=_PATIENCE, every=1.0)


def _or_refuse(work: Callable[[], list[Make | Change | Drop]]) -> list[Make | Change | Drop]:
    try:
        return work()
    except (NoRoom, NoBypass) as error:
        raise Refused(f"{error}") from error


def _front(run: Run) -> Front:
    wanted = run.settings.maintenance
    own = _read("maintenance.page", wanted.page) if wanted.page else None
    try:
        page = page_of(own, wanted.retry_after)
    except ValueError as error:
        raise SettingsError(f"maintenance.page: {wanted.page}: found {error}") from error
    answer = {"StatusCode": "503", "ContentType": "text/html", "MessageBody": page}
    return Front(({"Type": "fixed-response", "FixedResponseConfig": answer},), tuple(_bypasses(run)))


def _bypasses(run: Run) -> Iterator[Conditions]:
    """Return the conditions of each bypass in the settings.

    Raises SettingsError for a secret or addresses that would match other visitors, or none.
    """
    wanted = run.settings.maintenance
    if wanted.bypass_header:
        if not wanted.bypass_secret:
            raise SettingsError(
                "maintenance.bypass_secret: missing; allowed: a file with the value that maintenance.bypass_header has"
            )
        value = _read("maintenance.bypass_secret", wanted.bypass_secret).strip()
        run.out.hide(value)
        # In a rule * and ? are wildcards: others would match.
        if not re.fullmatch(r"[A-Za-z0-9._~+/=-]{8,128}", value):
            raise SettingsError(
                f"maintenance.bypass_secret: {wanted.bypass_secret}: its content does not fit; allowed: 8 to 128 letters, digits"
                " and . _ ~ + / = -"
            )
        yield ({"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": wanted.bypass_header, "Values": [value]}},)
    if wanted.bypass_addresses:
        yield ({"Field": "source-ip", "SourceIpConfig": {"Values": _networks(wanted.bypass_addresses)}},)


def _networks(addresses: Sequence[str]) -> list[str]:
    try:
        return [str(ipaddress.ip_network(network)) for network in addresses]
    except ValueError as error:
        raise SettingsError(f"maintenance.bypass_addresses: {error}; allowed: addresses such as 192.0.2.0/24") from error


def _read(key: str, path: str) -> str:
    try:
        return Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{key}: {path}: {error}; allowed: a readable text file, or null") from error
