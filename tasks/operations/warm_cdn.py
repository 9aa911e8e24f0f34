"""`warm-cdn`: fetch the static files of a new release into the CDN before the first visitor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..decisions.release.file_contents import Contents
from ..decisions.release.releases import Manifest, url_path
from ..hosts.cdn import failures
from ..hosts.management import open_management, release_on
from ..hosts.site import ask_manifest, shown
from ..runtime.run import Run
from .invalidate import forget, not_served, require_cdn


def warm_cdn(run: Run, whole: bool = False) -> None:
    """Fetch the new static files through the CDN; invalidate and fetch again what it answers with an error.

    Run it after restart-all, when the web instances serve the new files. It warms the edge locations that answer from here.
    """
    require_cdn(run)
    _, host = open_management(run)
    with host:
        found = ask_manifest(host, run.settings.app, "") if whole else release_on(host, run)
    warm(run, found.names if isinstance(found, Manifest) else found.added, found.digests)


def warm(run: Run, files: Sequence[str], digests: Mapping[str, str] | None = None) -> None:
    """Fetch static files, named below static.url, through the CDN.

    `digests`: as Manifest has them.
    Raises SettingsError without the CDN's address, DeployError with the files that it does not serve, TimedOut.
    """
    base, static = require_cdn(run), run.settings.static
    contents = Contents({url_path(static.url, name): digest for name, digest in (digests or {}).items()})
    paths = [url_path(static.url, name) for name in files]
    with run.step("warm-cdn"):
        if run.dry:
            run.out.say(f"would fetch the release's new static files through {base}")
            return
        run.out.say(f"fetching {len(paths)} new static files through {base}")
        wrong = failures(base, paths, run.out.progress, contents.learn) | contents.misnamed()
        if wrong and static.distribution:
            run.out.say(f"{len(wrong)} are wrong there, invalidating them: {shown(wrong)}")
            forget(run, sorted(wrong))
            wrong = failures(base, sorted(wrong), run.out.progress, contents.check)
        if wrong:
            raise not_served(wrong)
        run.out.say(f"{base} serves all {len(paths)}")
