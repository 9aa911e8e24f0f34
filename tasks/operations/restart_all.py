"""`restart-all`: the web instances serve the static files of a new release before any page names them."""

from __future__ import annotations

from ..aws.serving import behind_balancer, in_service
from ..decisions.rollout.snapshot import count
from ..errors import SettingsError
from ..fleet.reload import FleetReloader
from ..hosts.management import open_management, release_on
from ..hosts.shell import commands
from ..hosts.site import await_revision, restart
from ..runtime.run import Run


def restart_all(run: Run, batch: str | None = None, only_if_needed: bool = False, settings: bool = False) -> None:
    """Reload or restart every in-service web instance, a batch at a time, so that it serves the new static files.

    `settings`: read the settings anew and restart with them instead, on the management instance first. Stops at the first failure
    and lists which instances are done; the same command continues.
    """
    if settings:
        roll_settings(run, batch)
        return
    _, host = open_management(run)
    with host:
        added = release_on(host, run).added
    restart_fleet(run, added, batch=batch, only_if_needed=only_if_needed)


def ship_settings(run: Run, revision: str | None, *, maintenance: bool) -> None:
    """Bring changed settings to every instance, as `ship --settings`; raises SettingsError beside what only a release has."""
    if revision is not None or maintenance:
        raise SettingsError("--settings: releases nothing, so neither --revision nor --maintenance is allowed beside it")
    roll_settings(run)


def roll_settings(run: Run, batch: str | None = None) -> None:
    """Bring changed settings to every instance without a release, the management instance first.

    Raises SettingsError without app.settings_unit, and the errors of `restart_fleet`.
    """
    app = run.settings.app
    if app.settings_unit is None:
        raise SettingsError("--settings: app.settings_unit: found null; allowed: the unit that reads the settings")
    _, host = open_management(run)
    with host:
        if run.dry:
            run.out.say(f"would restart {app.settings_unit} and {', '.join(app.services)} on {host.name}")
            run.hooks.foresee("restart")
        else:
            with run.step("restart"):
                revision = host.read(commands.recorded_revision(app)).text
                restart(run, host, [app.settings_unit, *app.services])
                await_revision(run, host, revision)
    restart_fleet(run, (), batch=batch, settings=True)


def restart_fleet(
    run: Run,
    added: tuple[str, ...],
    *,
    batch: int | str | None = None,
    only_if_needed: bool = False,
    settings: bool = False,
) -> int:
    """Reload every in-service web instance of all groups; return their number.

    `added`: the static files that the release added, below static.url; `batch`: None for restart.batch;
    `only_if_needed`: skip instances that serve all of them; `settings`: restart with new settings. Raises Resumable at the
    first failure.
    """
    began = run.clock.now()
    webs = behind_balancer(in_service(run.cloud, run.settings.groups))
    size = count(_batch(batch if batch is not None else run.settings.restart.batch), len(webs))
    what = "new settings" if settings else f"new static files: {len(added) or 'none, so only their health is checked'}"
    run.out.say(f"{len(webs)} instances, {size} at a time; {what}")
    if run.dry:
        run.out.say(f"would refresh {', '.join(web.id for web in webs) or 'nothing'}")
        run.hooks.foresee("restart-all")
        return len(webs)
    with run.step("restart-all"), FleetReloader(run, added, only_if_needed=only_if_needed, settings=settings) as reloader:
        reloader.prove(webs)
        reloader.reload(webs, size)
        # Instances that were booting when we began may have listed the static files before the new files were there.
        late = [
            web
            for web in behind_balancer(in_service(run.cloud, run.settings.groups))
            if web.id not in reloader.seen and web.instance.launched < began
        ]
        reloader.reload(late, size)
    return len(webs) + len(late)


def _batch(value: int | str) -> int | str:
    text = str(value)
    number = text.removesuffix("%")
    if not number.isdecimal() or int(number) < 1 or (text.endswith("%") and int(number) > 100):
        raise SettingsError(f"--batch: found {text}; allowed: a count from 1, or a percentage from 1% to 100%")
    return text if text.endswith("%") else int(number)
