"""`prune-static`: hashed files that no release can name any more leave the shared disk."""

from __future__ import annotations

from collections.abc import Sequence

from ..aws import fleets, instances
from ..decisions.release.pruning import Archives, Plan, plan, read_archives
from ..errors import Refused, RemoteFailed, Resumable
from ..fleet.versions import known_versions
from ..hosts.checkout import change
from ..hosts.management import open_management
from ..hosts.revisions import Revisions
from ..hosts.shell import commands
from ..hosts.ssh import Host
from ..runtime.run import Run
from ..runtime.text import gist

_TRIES = 5


def prune_static(run: Run) -> None:
    """Delete hashed files that no release names which runs, can be booted, is one of the newest or was left only lately.

    Each deploy archives its release's manifest beside STATIC_ROOT; only names in such an archive are ever deleted. Refuses when a
    release that is needed has none. `--dry` shows what would go, and how much; see static.keep_releases and static.grace.
    """
    static = run.settings.static
    _, host = open_management(run)
    with run.step("prune-static"), host:
        revisions = Revisions(run)
        revisions.host = host
        needed = _needed(run, revisions)
        for _ in range(_TRIES):
            seen = _ask(run, host, (), "")
            judged = plan(seen.at, needed, newest=static.keep_releases, grace=static.grace, now=seen.now)
            if judged.problem:
                raise Refused(judged.problem)
            answer = _ask(run, host, judged.retired, seen.token)
            if answer.done:
                _tell(run, seen, judged, answer)
                return
            run.out.say("a release was archived meanwhile: checking again")
    raise Resumable(f"{host.name}: the archived releases changed {_TRIES} times meanwhile; nothing was deleted", run.command)


def _ask(run: Run, host: Host, retire: Sequence[str], token: str) -> Archives:
    label = "manage.py shell (pruning the static files)"
    told = change(host, run.settings.app, commands.prune(run.settings.app, retire, token, dry=run.dry), label).stdout
    found = read_archives(told)
    if found is None:
        raise RemoteFailed(host.name, label, 0, gist(told))
    return found


def _needed(run: Run, revisions: Revisions) -> dict[str, str]:
    """Return the revisions that are served or can be booted, each with one reason.

    Raises Refused for an instance of which it cannot be told what it serves.
    """
    needed: dict[str, str] = {}
    for name in run.settings.groups:
        fleet, group = fleets.observe(run.cloud, name)
        versions, _ = known_versions(run.cloud, fleet, group)
        booted = {v.number: v.revision for v in versions if v.revision}
        needed |= {v.revision: f"version {v.number} of {name} can be booted" for v in versions if v.revision and v.exists}
        machines = {m.id: m for m in instances.with_ids(run.cloud, [member.id for member in group.members])}
        for member in group.members:
            instance = machines.get(member.id)
            told = revisions.of(instance.address)[0] if instance and instance.address else None
            serves = {revision for revision in (told, booted.get(member.version)) if revision}
            if not serves:
                raise Refused(
                    f"{member.id} of {name} reports no revision, and its template version names none: nothing was deleted"
                )
            needed |= dict.fromkeys(serves, f"{member.id} of {name} serves it")
    return needed


def _tell(run: Run, seen: Archives, judged: Plan, answer: Archives) -> None:
    rows = [
        [revision[:12], f"{(seen.now - at) / 86400:.1f} days", judged.kept.get(revision, "not needed")]
        for revision, at in sorted(seen.at.items(), key=lambda one: -one[1])
    ]
    run.out.table(f"{len(rows)} archived releases", ("revision", "deployed", "why"), rows)
    verb = "would be deleted" if run.dry else "deleted"
    run.out.say(f"{len(judged.retired)} retired; {answer.files} files of {answer.size / 1e6:.1f} MB {verb}")
