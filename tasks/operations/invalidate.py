"""`invalidate`: remove paths from CloudFront's cache, cached 404s above all."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from ..aws import cloudfront
from ..decisions.release.invalidations import batches, reference, url_paths
from ..decisions.release.releases import url_path
from ..errors import DeployError, SettingsError
from ..hosts.cdn import failures
from ..hosts.management import open_management
from ..hosts.site import ask_manifest, shown
from ..runtime.run import Run
from ..runtime.waiting import Waiting


def invalidate(run: Run, path: Sequence[str] | None = None) -> None:
    """Invalidate CloudFront paths, or every static file that the CDN answers with an error; waits for completion."""
    invalidate_paths(run, path or ())


def invalidate_paths(run: Run, paths: Sequence[str] = ()) -> None:
    """Invalidate paths and wait; by default the static files of the deployed release that the CDN answers with an error.

    Raises SettingsError without a distribution, Refused for an invalid path, TimedOut, DeployError when a file is still an
    error afterwards.
    """
    static = run.settings.static
    if static.distribution is None:
        raise SettingsError("static.distribution: found null; allowed here: the id of the CloudFront distribution to invalidate")
    with run.step("invalidate"):
        wanted = url_paths(paths) if paths else _failing(run)
        if not wanted:
            run.out.say("the CDN serves every static file of this release: nothing to invalidate")
            return
        if run.dry:
            run.out.say(f"would invalidate {len(wanted)} paths: {', '.join(wanted[:10])}")
            return
        forget(run, wanted)
        if not paths:
            _require_served(run, wanted)


def forget(run: Run, paths: Sequence[str]) -> None:
    """Invalidate paths of the distribution, and wait; an invalidation of the same paths in progress is reused.

    Raises TimedOut.
    """
    for batch in batches(paths, run.settings.static.url):
        _one(run, batch)


def require_cdn(run: Run, instead: str = "") -> str:
    """Return the address of the CDN; `instead`: an alternative for the error.

    Raises SettingsError when it is not set.
    """
    if run.settings.static.cdn is None:
        wanted = "the CDN's address, to request the files"
        raise SettingsError(f"static.cdn: found null; allowed here: {wanted}{instead}")
    return run.settings.static.cdn


def _failing(run: Run) -> list[str]:
    """Return the static files of the release on the management instance that the CDN answers with an error."""
    static = run.settings.static
    base = require_cdn(run, "; or give --path")
    _, host = open_management(run)
    with host:
        files = ask_manifest(host, run.settings.app, "").names
    run.out.say(f"requesting {len(files)} static files from {base}")
    wrong = failures(base, [url_path(static.url, name) for name in files], run.out.progress)
    for path, seen in list(wrong.items())[:10]:
        run.out.say(f"{path}: {seen}")
    return sorted(wrong)


def _one(run: Run, paths: Sequence[str]) -> None:
    distribution = str(run.settings.static.distribution)
    id = cloudfront.under_way(run.cloud, distribution, paths)
    id = id or cloudfront.begin(run.cloud, distribution, paths, reference(paths, time.time_ns()))

    def probe() -> bool | Waiting:
        status = cloudfront.status(run.cloud, distribution, id)
        return status == "Completed" or Waiting(f"invalidation {id} of {len(paths)} paths: {status}")

    run.wait(f"invalidation {id}", probe, timeout=run.settings.static.timeout, every=run.settings.rollout.poll)
    run.out.say(f"invalidation {id} of {len(paths)} paths: Completed")


def _require_served(run: Run, paths: Sequence[str]) -> None:
    still = failures(str(run.settings.static.cdn), paths, run.out.progress)
    if still:
        raise not_served(still)


def not_served(wrong: Mapping[str, str]) -> DeployError:
    """Return the error for files that the CDN does not serve even after the invalidation."""
    return DeployError(
        f"the CDN still has errors for {len(wrong)} files: {shown(wrong)}. Do the web instances serve them? Run restart-all"
    )
