"""`restart-all`: the web instances see the static files of a new release before any page names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke import Collection

from ..errors import SettingsError
from ..runtime.command import command

if TYPE_CHECKING:
    from ..runtime.run import Run


@command(
    help={
        "batch": "how many at a time, such as 2 or 25%; default: restart.batch",
        "only-if-needed": "leave instances alone that serve all new files already",
    }
)
def restart_all(run: Run, batch: str | None = None, only_if_needed: bool = False) -> None:
    """Let every in-service web instance see the new static files: reload or restart, a batch at a time, losing no request.

    Stops at the first failure, says which instances are done and which were not touched; the same command goes on.
    """
    from ..aws.session import Cloud
    from ..hosts.management import open_management, release_on

    _, host = open_management(run, Cloud(run.settings.aws))
    with host:
        added = release_on(host, run).added
    restart_fleet(run, added, batch=batch, only_if_needed=only_if_needed)


def restart_fleet(run: Run, added: tuple[str, ...], *, batch: int | str | None = None, only_if_needed: bool = False) -> int:
    """Refresh every in-service web instance of all groups; return how many there are.

    `added`: the hashed files that the release added, below static.url; `batch`: None for that of the settings;
    `only_if_needed`: leave those alone that serve them all. Raises Resumable at the first failure.
    """
    from ..aws.serving import in_service
    from ..aws.session import Cloud
    from ..decisions.rollout.snapshot import count
    from ..fleet.reload import Crew

    cloud, began = Cloud(run.settings.aws), run.clock.now()
    webs = in_service(cloud, run.settings.groups)
    size = count(_batch(batch if batch is not None else run.settings.restart.batch), len(webs))
    run.out.say(
        f"{len(webs)} instances, {size} at a time; new static files: {len(added) or 'none, so only their health is checked'}"
    )
    if run.dry:
        run.out.say(f"would refresh {', '.join(web.id for web in webs) or 'nothing'}")
        return len(webs)
    with run.out.step("restart-all"), Crew(run, cloud, added, only_if_needed=only_if_needed) as crew:
        crew.go_through(webs, size)
        # Those that were booting when we began may have listed the static files before the new ones came.
        late = [web for web in in_service(cloud, run.settings.groups) if web.id not in crew.seen and web.machine.launched < began]
        crew.go_through(late, size)
    return len(webs) + len(late)


def _batch(value: int | str) -> int | str:
    text = str(value)
    number = text.removesuffix("%")
    if not number.isdecimal() or int(number) < 1 or (text.endswith("%") and int(number) > 100):
        raise SettingsError(f"--batch: found {text}; allowed: a count from 1, or a percentage from 1% to 100%")
    return text if text.endswith("%") else int(number)


ns = Collection(restart_all)
