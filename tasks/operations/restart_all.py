"""`restart-all`: the web instances serve the static files of a new release before any page names them."""

from __future__ import annotations

from ..aws.serving import behind_balancer, in_service
from ..decisions.rollout.snapshot import count
from ..errors import SettingsError
from ..fleet.reload import FleetReloader
from ..hosts.management import open_management, release_on
from ..runtime.run import Run


def restart_all(run: Run, batch: str | None = None, only_if_needed: bool = False) -> None:
    """Reload or restart every in-service web instance, a batch at a time, so that it serves the new static files.

    Stops at the first failure and lists which instances are done; the same command continues.
    """
    _, host = open_management(run)
    with host:
        added = release_on(host, run).added
    restart_fleet(run, added, batch=batch, only_if_needed=only_if_needed)


def restart_fleet(run: Run, added: tuple[str, ...], *, batch: int | str | None = None, only_if_needed: bool = False) -> int:
    """Reload every in-service web instance of all groups; return their number.

    `added`: the hashed files that the release added, below static.url; `batch`: None for restart.batch;
    `only_if_needed`: skip instances that serve all of them. Raises Resumable at the first failure.
    """
    began = run.clock.now()
    webs = behind_balancer(in_service(run.cloud, run.settings.groups))
    size = count(_batch(batch if batch is not None else run.settings.restart.batch), len(webs))
    run.out.say(
        f"{len(webs)} instances, {size} at a time; new static files: {len(added) or 'none, so only their health is checked'}"
    )
    if run.dry:
        run.out.say(f"would refresh {', '.join(web.id for web in webs) or 'nothing'}")
        return len(webs)
    with run.step("restart-all"), FleetReloader(run, added, only_if_needed=only_if_needed) as reloader:
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
