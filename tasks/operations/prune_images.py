"""`prune-images`: remove images of old releases, with their snapshots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from ..aws import images, tags
from ..decisions.release.image_pruning import SiteImage
from ..errors import DeployError, SettingsError
from ..fleet.image_uses import Seen, look
from ..runtime.run import Run
from ..runtime.waiting import Waiting
from .prune_static import prune_static

COLUMNS = ("image", "revision", "created", "GiB", "why")
_CONSISTENT = 3  # answers in a row
_PATIENCE = 120.0  # seconds until EC2 shows the tags


def prune_images(run: Run, keep: int | None = None, static: bool = False, *, as_json: bool = False) -> None:
    """Remove the images of the site that nothing needs, with their snapshots; `keep`: None for image.keep.

    Each is first marked by a tag, with which no bake and no rollout begins to use it; then the references are read again. A run
    that died anywhere is completed by the same command. `static`: run prune-static afterwards. Raises DeployError with what
    could not be removed.
    """
    number = run.settings.image.keep if keep is None else keep
    if number < 1:
        raise SettingsError(f"--keep: found {number}; allowed: 1 or more")
    shown = run.out
    run = run.aside() if as_json else run
    with run.step("prune-images"):
        seen = look(run, number)
        if seen.blind:
            run.out.warn(f"SSM parameters and recipes of Image Builder were not looked at: DescribeImageReferences: {seen.blind}")
        failed: list[str] = []
        if not run.dry:
            seen = _marked(run, seen, number)
            failed = _remove(run, seen)
    if as_json:
        shown.answer(_for_programs(run, seen))
    else:
        _show(run, seen)
    if failed:
        raise DeployError("not removed:\n" + "\n".join(f"  - {reason}" for reason in failed))
    if static:
        prune_static(run)


def _marked(run: Run, seen: Seen, keep: int) -> Seen:
    """Mark what is to be removed, and look again: what began to be used before the mark was there is kept."""
    ids = seen.plan.removed
    if not ids:
        return _unmarked(run, seen)
    fresh = [image.id for image in seen.images if image.id in ids and not image.retired]
    if fresh:
        images.tag_all(run.cloud, fresh, {tags.RETIRED: f"{datetime.fromtimestamp(run.clock.now(), UTC):%Y-%m-%dT%H:%M:%SZ}"})
    answers = 0

    def probe() -> bool | Waiting:
        nonlocal answers
        there = images.existing(run.cloud, ids)
        missing = [id for id, image in there.items() if tags.RETIRED not in image.tags]
        answers = 0 if missing else answers + 1
        if missing:
            return Waiting(f"EC2 does not show the tag of {', '.join(missing)} yet")
        return answers >= _CONSISTENT or Waiting(f"EC2 has shown the tags in {answers} of {_CONSISTENT} answers")

    run.wait("the tags of the images", probe, timeout=_PATIENCE, every=1.0)
    return _unmarked(run, look(run, keep))


def _unmarked(run: Run, seen: Seen) -> Seen:
    """Take the mark from images that are needed after all."""
    if seen.plan.back:
        images.untag(run.cloud, seen.plan.back, [tags.RETIRED])
        for id in seen.plan.back:
            run.out.say(f"{id} stays after all: {seen.plan.kept[id]}")
    marked = {image.id for image in seen.images if image.retired}
    # An image that became old only between the two looks has no mark yet: the next run removes it.
    removed = tuple(id for id in seen.plan.removed if id in marked)
    return replace(seen, plan=replace(seen.plan, removed=removed))


def _remove(run: Run, seen: Seen) -> list[str]:
    failed = []
    for id in seen.plan.removed:
        if why := images.remove(run.cloud, id):
            failed.append(f"{id}: {why}")
    for id in seen.orphans:
        if why := images.delete_snapshot(run.cloud, id):
            failed.append(f"{id}: {why}")
    return failed


def _show(run: Run, seen: Seen) -> None:
    verb = "would be removed" if run.dry else "removed"
    rows = [
        [image.id, image.revision[:12] or "-", image.created[:16], str(image.gib), seen.plan.kept.get(image.id, verb)]
        for image in _sorted(seen.images)
    ]
    run.out.table(f"{len(rows)} images of {run.settings.image.name}", COLUMNS, rows)
    loose = f", and {len(seen.orphans)} snapshots without an image" if seen.orphans else ""
    cost = _cost(run, seen)
    money = f"; at most {cost:.2f} a month" if cost is not None else ""
    run.out.say(f"{len(seen.plan.removed)} images{loose} {verb}: at most {seen.gib()} GiB of snapshots{money}")


def _cost(run: Run, seen: Seen) -> float | None:
    price = run.settings.image.snapshot_price
    return None if price is None else price * seen.gib()


def _sorted(found: Sequence[SiteImage]) -> list[SiteImage]:
    return sorted(found, key=lambda image: (image.created, image.id), reverse=True)


def _for_programs(run: Run, seen: Seen) -> dict[str, object]:
    found = [
        {
            "image": image.id,
            "revision": image.revision,
            "created": image.created,
            "gib": image.gib,
            "snapshots": list(image.snapshots),
            "removed": image.id in seen.plan.removed,
            "why": seen.plan.kept.get(image.id, ""),
        }
        for image in _sorted(seen.images)
    ]
    return {
        "dry": run.dry,
        "images": found,
        "snapshots": list(seen.orphans),
        "removed_gib": seen.gib(),
        "removed_cost": _cost(run, seen),
        "references_unknown": seen.blind,
    }
