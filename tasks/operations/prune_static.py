"""`prune-static`: delete static files of old releases from the shared disk."""

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
    """Delete static files of old releases that no running, bootable or recent release references.

    Each deploy archives its manifest beside STATIC_ROOT; only names in such an archive are ever deleted. Refuses when a
    release that is needed has none. `--dry` shows what would be deleted. See static.keep_releases and static.grace.
    """
    static = run.settings.static
    _, host = open_management(run)
    with run.step("prune-static"), host:
        revisions = Revisions(run)
        revisions.host = host
        needed = _needed(run, revisions)
        for _ in range(_TRIES):
            seen = _ask(run, host, (), "")
            decided = plan(seen.at, needed, newest=static.keep_releases, grace=static.grace, now=seen.now)
            if decided.problem:
                raise Refused(decided.problem)
            answer = _ask(run, host, decided.retired, seen.token)
            if answer.done:
                _show(run, seen, decided, answer)
                return
            run.out.say("a release was archived meanwhile: checking again")
    raise Resumable(f"{host.name}: the archived releases changed {_TRIES} times meanwhile; nothing was deleted", run.command)


def _ask(run: Run, host: Host, retire: Sequence[str], token: str) -> Archives:
    label = "manage.py shell (pruning the static files)"
    printed = change(host, run.settings.app, commands.prune(run.settings.app, retire, token, dry=run.dry), label).stdout
    found = read_archives(printed)
    if found is None:
        raise RemoteFailed(host.name, label, 0, gist(printed))
    return found


def _needed(run: Run, revisions: Revisions) -> dict[str, str]:
    """Return the revisions that are served or can be booted, each with one reason.

    Raises Refused for an instance with an unknown revision.
    """
    needed: dict[str, str] = {}
    for name in run.settings.groups:
        fleet, group = fleets.observe(run.cloud, name)
        versions, _ = known_versions(run.cloud, fleet, group)
        booted = {v.number: v.revision for v in versions if v.revision}
        needed |= {v.revision: f"version {v.number} of {name} can be booted" for v in versions if v.revision and v.exists}
        known = {m.id: m for m in instances.with_ids(run.cloud, [member.id for member in group.members])}
        for member in group.members:
            instance = known.get(member.id)
            reported = revisions.of(instance.address)[0] if instance and instance.address else None
            serves = {revision for revision in (reported, booted.get(member.version)) if revision}
            if not serves:
                raise Refused(
                    f"{member.id} of {name} reports no revision, and its template version names none: nothing was deleted"
                )
            needed |= dict.fromkeys(serves, f"{member.id} of {name} serves it")
    return needed


def _show(run: Run, seen: Archives, decided: Plan, answer: Archives) -> None:
    rows = [
        [revision[:12], f"{(seen.now - at) / 86400:.1f} days", decided.kept.get(revision, "not needed")]
        for revision, at in sorted(seen.at.items(), key=lambda item: -item[1])
    ]
    run.out.table(f"{len(rows)} archived releases", ("revision", "deployed", "why"), rows)
    verb = "would be deleted" if run.dry else "deleted"
    run.out.say(f"{len(decided.retired)} retired; {answer.files} files of {answer.size / 1e6:.1f} MB {verb}")
    if answer.unlisted:
        which = ", ".join(revision[:12] for revision in answer.unlisted)
        run.out.say(
            f"files that manifests of other tools name were kept: it is not known what these releases need of it: {which}"
        )
