"""The running site on a host: migrations, static files and services, and its verification over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ..decisions.release.answers import revision
from ..decisions.release.file_contents import Contents
from ..decisions.release.readiness import SiteFacts, read_facts
from ..decisions.release.releases import MARK, Manifest, added, digest_paths, lost_names, read_manifest, url_path
from ..decisions.release.serving import Serving, read_serving
from ..errors import DeployError, Refused, RemoteFailed, TimedOut
from ..runtime.run import Run
from ..runtime.text import gist, quoted
from ..runtime.waiting import Waiting
from ..settings.model import App
from .checkout import LONG, change, git_directory
from .http import PAGE, NoAnswer
from .shell import commands
from .ssh import Answer, Host

_SHOWN = 5
_ASKING = "manage.py shell (asking for the manifest)"
DEEP = replace(PAGE, step=30.0, whole=30.0)
_NOTHING = "No planned migration operations."


def headers(app: App) -> dict[str, str]:
    """Return the headers with which a request by address looks like a request through the load balancer."""
    return {"Host": app.domain, "X-Forwarded-Proto": "https", "User-Agent": "ramped"}


def migrate(
    run: Run, host: Host, first: Callable[[], None] = lambda: None, left: Callable[[str], Sequence[str]] = lambda database: ()
) -> None:
    """Show the migration plan, then run the migrations if there are any.

    `first` is called once before that; `left` returns those of a database that wait, as app.name.
    """
    app, begun = run.settings.app, False
    for database in app.databases:
        wait = left(database)
        plan = host.read(commands.migrate_plan(app, database, wait), timeout=LONG, label="manage.py migrate --plan").stdout
        if _NOTHING in plan:
            run.out.say("no migrations to run" + (f" on {database}" if len(app.databases) > 1 else ""))
            # For what waits the command still has to prepare the columns.
            if wait:
                change(host, app, commands.migrate(app, database, wait), "manage.py migrate")
            continue
        run.out.quote(plan)
        if not begun:
            first()
        begun = True
        change(host, app, commands.migrate(app, database, wait), "manage.py migrate")


def ask_before_release(run: Run, host: Host, sha: str) -> tuple[SiteFacts, Serving]:
    """Ask the site, as it is checked out, for its static files and disk, and record the files from before this revision.

    Returns these, and how manage.py is set. Raises Refused when static.url differs from the site's STATIC_URL, RemoteFailed.
    """
    app, label = run.settings.app, "manage.py shell (asking for the settings)"
    command = commands.before_release(app, git_directory(host, app), sha)
    answer = host.run(command, timeout=LONG, label=label)
    facts, own, before = read_facts(answer.stdout), read_serving(answer.stdout), read_manifest(answer.stdout)
    if facts is None or own is None or before is None:
        raise RemoteFailed(host.name, label, answer.code, gist(answer.stderr or answer.stdout))
    if before.path != run.settings.static.url:
        raise Refused(
            f"static.url: found {run.settings.static.url}, but the site has STATIC_URL {before.url}; allowed here: {before.path}"
        )
    return facts, own


def collect(run: Run, host: Host, sha: str) -> Manifest:
    """Collect the static files; return the site's manifest, with the files from before this release.

    Raises RemoteFailed.
    """
    app, built = run.settings.app, not run.settings.app.after_collectstatic
    # One command under one lock: nothing that the new release found is pruned in between.
    ask = commands.manifest(app, git_directory(host, app), sha, archive=True, built=built)
    command = f"{commands.collectstatic(app)} && {ask}"
    printed = change(host, app, command, "manage.py collectstatic").stdout
    manifest = read_manifest(printed)
    if manifest is None:
        raise RemoteFailed(host.name, _ASKING, 0, gist(printed))
    run.out.say(f"collectstatic: {gist(printed.partition(MARK)[0]) or 'printed nothing'}")
    _require_whole(run, host, manifest, "manage.py collectstatic")
    if not manifest.hashed:
        run.out.warn("the static files have no hashed names (see settings_snippets/django): none of them can be checked")
    if manifest.unhashed:
        name, found = next(iter(manifest.unhashed.items()))
        run.out.warn(
            f"{len(manifest.unhashed)} static files reference others by unhashed names, such as {name}: {found[0]}; on an old "
            "page these are the newest release's files. check-static lists all"
        )
    return manifest


def _require_whole(run: Run, host: Host, manifest: Manifest, step: str) -> None:
    """Raise RemoteFailed or DeployError where the manifest cannot be what the release needs; warn where it is not archived."""
    if manifest.problem:
        raise RemoteFailed(host.name, step, 0, f"afterwards the manifest cannot be read: {manifest.problem}")
    if lost := lost_names(manifest):
        raise DeployError(f"{host.name}: {lost}")
    if manifest.unarchived:
        run.out.warn(f"this release's manifest is not archived, so prune-static will refuse to work: {manifest.unarchived}")


def ask_after_steps(run: Run, host: Host, sha: str) -> Manifest:
    """Ask for the manifest once more, and archive its names, as the commands of app.after_collectstatic have written others.

    Raises RemoteFailed and DeployError where one of these has spoilt it.
    """
    app = run.settings.app
    command = commands.manifest(app, git_directory(host, app), sha, archive=True)
    manifest = _manifest_in(host, change(host, app, command, _ASKING))
    _require_whole(run, host, manifest, "app.after_collectstatic")
    return manifest


def ask_manifest(host: Host, app: App, sha: str) -> Manifest:
    """Ask the site on a host for its manifest of static files.

    Raises RemoteFailed.
    """
    command = commands.manifest(app, git_directory(host, app), sha)
    return _manifest_in(host, host.read(command, timeout=LONG, label=_ASKING))


def _manifest_in(host: Host, answer: Answer) -> Manifest:
    manifest = read_manifest(answer.stdout)
    if manifest is None:
        raise RemoteFailed(host.name, _ASKING, answer.code, gist(answer.stderr or answer.stdout))
    return manifest


def restart(run: Run, host: Host, units: Sequence[str]) -> None:
    """Restart services, one after the other.

    Raises RemoteFailed with the end of the journal of a unit that did not start.
    """
    for unit in units:
        try:
            host.run(commands.restart(unit), timeout=run.settings.app.boot_timeout + 60, label=f"systemctl restart {unit}")
        except RemoteFailed as error:
            raise DeployError(f"{error}{journal(host, unit)}") from error


def verify(run: Run, host: Host, sha: str, manifest: Manifest, waiting: Sequence[str] = ()) -> None:
    """Verify the revision of the site on a host, then every static file of the release.

    The added files are fetched, and their bytes compared with their names; earlier files are requested
    with HEAD, since they may be gigabytes: `check-static` compares these too. `waiting`: migrations that are not applied yet.
    Raises TimedOut when the health view does not report the revision, DeployError when files are missing or have wrong
    bytes.
    """
    app, url, new = run.settings.app, run.settings.static.url, added(manifest)
    await_revision(run, host, sha)
    contents = Contents(digest_paths(url, manifest))
    wrong = (
        host.check_many([url_path(url, name) for name in new], headers(app), port=app.port, check=contents.learn)
        | contents.misnamed()
    )
    if wrong:
        raise DeployError(f"{host.name}: {len(wrong)} of {len(new)} new static files are not served: {shown(wrong)}")
    old = sorted(set(manifest.names) - set(new)) if manifest.hashed else []
    wrong = host.check_many([url_path(url, name) for name in old], headers(app), port=app.port)
    if wrong:
        raise DeployError(f"{host.name}: {len(wrong)} of {len(old)} earlier static files are not served: {shown(wrong)}")
    require_deep_health(host, app, waiting)
    run.out.say(f"{host.name} serves {sha[:12]}, all {len(new)} new static files and the {len(old)} earlier ones")


def deep_headers(app: App) -> dict[str, str]:
    """Return the headers for the deep health path: below the health path those of the load balancer, which asks by address.

    The nginx snippet passes nothing else to the middleware's deep path.
    """
    by_address = (app.deep_health_path or "").startswith(f"{app.health_path.rstrip('/')}/")
    return {"User-Agent": "ramped"} if by_address else headers(app)


def require_deep_health(host: Host, app: App, waiting: Sequence[str] = ()) -> None:
    """Request the deep health view, which checks the database and the migrations of the running site.

    This detects a unit with another database than manage.py. `waiting`: migrations that need not be applied yet. Raises
    DeployError.
    """
    if app.deep_health_path is None:
        return
    where = f"http://{host.address}:{app.port}{app.deep_health_path}"
    try:
        answer = host.http(None, app.port, app.deep_health_path, deep_headers(app), limits=DEEP, fresh=True)
    except NoAnswer as error:
        raise DeployError(f"{host.name}: {error}{journal(host, app.services[0])}") from error
    if answer.status != 200 and not _lacks_only(answer.json().get("unapplied"), waiting):
        said = gist(answer.body.decode(errors="replace"))
        raise DeployError(f"{host.name}: {where} answered {answer}: {said}{journal(host, app.services[0])}")


def _lacks_only(unapplied: object, waiting: Sequence[str]) -> bool:
    names = {name.rpartition(":")[2] for name in waiting}
    return isinstance(unapplied, list) and bool(unapplied) and set(map(str, unapplied)) <= names


def shown(wrong: Mapping[str, str]) -> str:
    """Return the first wrong paths, and how many more there are."""
    some = ", ".join(f"{path} ({seen})" for path, seen in list(wrong.items())[:_SHOWN])
    return f"{some} and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else some


def await_revision(run: Run, host: Host, sha: str) -> None:
    """Wait until the health view answers 200 with a revision.

    Raises TimedOut with the end of the journal.
    """
    app = run.settings.app

    def probe() -> bool | Waiting:
        found, seen = ask_health(host, app, fresh=True)
        return found == sha or Waiting(seen)

    what = f"{host.name}: the health view with revision {sha[:12]}"
    try:
        run.wait(what, probe, timeout=app.boot_timeout, every=1.0)
    except TimedOut as error:
        raise DeployError(f"{error}{journal(host, app.services[0])}") from error


def ask_health(host: Host, app: App, address: str | None = None, *, fresh: bool = False) -> tuple[str | None, str]:
    """Request the health view of an instance, from that instance or from a host near it.

    `address`: None for the host's own. Returns the revision, if it answered 200 with one, and a description of the answer.
    """
    try:
        # By address, as the load balancer does: under its own name the site need not have this path.
        answer = host.http(address, app.port, app.health_path, {"User-Agent": "ramped"}, fresh=fresh)
    except NoAnswer as error:
        return None, str(error)
    found = revision(answer.json().get("revision")) if answer.status == 200 else None
    where = f"http://{address or host.address}:{app.port}{app.health_path}"
    return found, f"{where} answered {answer}, revision {found or 'unknown'}"


def ask_revision(host: Host, app: App, address: str | None = None) -> str | None:
    """Return the revision that an instance serves, requested from a host near it; None when it is unhealthy."""
    return ask_health(host, app, address)[0]


def journal(host: Host, unit: str) -> str:
    """Return the end of a unit's journal as a paragraph, or ""."""
    found = host.read(commands.journal(unit), check=False).text
    return f"\nThe end of the journal of {unit}:\n{quoted(found)}" if found else ""
