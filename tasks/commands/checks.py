"""Commands that check a release, and remove what no release needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..runtime.command import command
from .options import REVISION

if TYPE_CHECKING:
    from ..runtime.run import Run


@command(
    help={"revision": REVISION, "json": "print the answer of the site as JSON, and nothing else, on standard output"},
)
def check_migrations(run: Run, revision: str | None = None, json: bool = False) -> None:
    """Check the migrations of a revision against the release that serves; changes nothing.

    Exit code 0 if `deploy` would continue without asking: nothing pending, or everything compatible; 1 otherwise.
    """
    from ..operations import check_migrations

    check_migrations.check_migrations(run, revision, json=json)


@command(looks=True, help={"json": "print the findings as JSON, and nothing else, on standard output"})
def doctor(run: Run, json: bool = False) -> None:
    """Examine groups, quotas, instances, SSH, sudo, git, disk, static files and CDN before a release; changes nothing.

    Exit code 1 if a release would fail.
    """
    from ..operations import doctor

    doctor.doctor(run, json=json)


@command
def check_static(run: Run) -> None:
    """Request every static file of the running releases from every instance and the CDN; compare the bytes.

    The releases are those of the management instance and of every in-service web instance.
    """
    from ..operations import check_static

    check_static.check_static(run)


@command(changes=True)
def prune_static(run: Run) -> None:
    """Delete static files of old releases that no running, bootable or recent release references.

    Each deploy archives its manifest beside STATIC_ROOT; only names in such an archive are ever deleted. Refuses when a release
    that is needed has none. `--dry` shows what would be deleted, and how much. See static.keep_releases and static.grace.
    """
    from ..operations import prune_static

    prune_static.prune_static(run)


@command(
    changes=True,
    help={
        "keep": "how many of the newest images are kept anyway; default: image.keep",
        "static": "run prune-static afterwards: releases without an image need no files",
        "json": "print images, reasons and sizes as JSON, and nothing else, on standard output",
    },
)
def prune_images(run: Run, keep: int | None = None, static: bool = False, json: bool = False) -> None:
    """Remove images of the site that nothing uses and `rollback` does not go to, with their snapshots.

    Only what has the tag ramped:site of this site. `--dry` shows what would be removed, and why the rest stays. Works beside a
    running rollout.
    """
    from ..operations import prune_images

    prune_images.prune_images(run, keep, static, as_json=json)
