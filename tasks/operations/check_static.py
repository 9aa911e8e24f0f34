"""`check-static`: whether every static file of the running releases is served everywhere, with the right bytes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from ..aws.management import running_management
from ..aws.serving import behind_balancer, in_service
from ..decisions.release.file_contents import Contents
from ..decisions.release.releases import Manifest, digest_paths, unhashed_references, url_path
from ..errors import DeployError
from ..hosts.cdn import failures
from ..hosts.pool import Hosts
from ..hosts.site import ask_manifest, headers, shown
from ..hosts.ssh import Host
from ..runtime.run import Run

_WIDTH = 4  # hosts at a time


def check_static(run: Run) -> None:
    """Request every static file of the running releases from every instance and the CDN; compare the bytes.

    The releases are those of the management instance and of every in-service web instance.
    """
    check_everywhere(run)


def check_everywhere(run: Run) -> None:
    """Do what `check-static` does. Raises DeployError with the wrong files and the places."""
    with run.step("check-static"), Hosts(run) as hosts:
        management = hosts.wait(running_management(run), run.settings.app.boot_timeout)
        webs = [hosts.open(web.instance) for web in behind_balancer(in_service(run.cloud, run.settings.groups))]
        _check(run, management, webs)


def _check(run: Run, management: Host, webs: Sequence[Host]) -> None:
    app, static = run.settings.app, run.settings.static
    with ThreadPoolExecutor(_WIDTH) as pool:
        manifests = dict(zip(webs, pool.map(lambda host: ask_manifest(host, app, ""), webs), strict=True))
        manifests[management] = ask_manifest(management, app, "")
        nothing = "it is missing or names no file" if any(m.files for m in manifests.values()) else ""
        faults = {host.name: m.problem or (nothing if not m.files else "") for host, m in manifests.items()}
        broken = [f"{name}: the manifest cannot be read: {fault}" for name, fault in faults.items() if fault]
        if broken:
            raise DeployError("\n".join(broken))
        if not any(m.hashed for m in manifests.values()):
            run.out.warn("the static files have no hashed names (see settings_snippets/django): none of them can be checked")
            return
        releases = {m.names for m in manifests.values()}
        paths = [url_path(static.url, name) for name in sorted({name for files in releases for name in files})]
        run.out.say(f"{len(paths)} static files of {len(releases)} releases, requested from {len(manifests)} instances")
        _say_unhashed(run, manifests.values())
        contents = Contents(digest_paths(static.url, *manifests.values()))
        # The first host defines the right bytes, and shows whether names are hashes on this site.
        wrong = {management.name: management.check_many(paths, headers(app), port=app.port, check=contents.learn)}
        wrong[management.name] |= contents.misnamed()

        def check(host: Host) -> dict[str, str]:
            return host.check_many(paths, headers(app), port=app.port, check=contents.check)

        wrong |= dict(zip([host.name for host in webs], pool.map(check, webs), strict=True))
    if static.cdn:
        run.out.say(f"requesting them from {static.cdn}")
        wrong[static.cdn] = failures(static.cdn, paths, run.out.progress, contents.check)
    bad = [f"{place}: {len(found)} of {len(paths)} are wrong: {shown(found)}" for place, found in wrong.items() if found]
    if bad:
        raise DeployError("\n".join(bad))
    names = (
        "" if contents.by_name else " (the names of this site's files are no hashes of their content, so the bytes were compared)"
    )
    run.out.say(f"all are served everywhere, with the right bytes{names}")


def _say_unhashed(run: Run, manifests: Iterable[Manifest]) -> None:
    lines = unhashed_references(manifests)
    if lines:
        run.out.warn(
            f"{len(lines)} files reference others by unhashed names: on an old page these are the newest release's files"
        )
    for line in lines:
        run.out.say(f"  {line}")
