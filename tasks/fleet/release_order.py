"""The parts of a whole release: which there are, and how long each and all of them will take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from ..aws import images, tags
from ..aws.launch_templates import Version
from ..decisions.release import durations, order
from ..decisions.release.order import Part
from ..runtime.plain import duration
from ..runtime.run import Run
from .forecast import expect, planned
from .target import target_of


def parts_of(run: Run, skip: Sequence[str] = ()) -> list[Part]:
    """Return the parts of a release in order, without those that are skipped and those that the settings leave out."""
    static, left = run.settings.static, {order.STOP if name == "stop" else name for name in skip}
    if run.settings.management.keep_running:
        left.add(order.STOP)
    # Never without restart-all: what the web instances do not serve yet would be remembered as an error.
    if not static.cdn or order.RESTART in left:
        left.add(order.WARM)
    if not static.cdn or not static.distribution:
        left.add(order.INVALIDATE)
    if run.settings.app.contract != "ship":
        left.add(order.CONTRACT)
    return order.parts(early=_early(run), without=left)


def _early(run: Run) -> bool:
    """Return whether the image may be begun before restart-all: nothing may need or change the management instance meanwhile."""
    image, hooks = run.settings.image, run.settings.hooks
    around = [
        hook for section in (hooks.before, hooks.after) for name in (order.RESTART, order.WARM) for hook in section.get(name, ())
    ]
    # SSH goes through it by default, and EC2 reboots it whenever it likes once the image has begun.
    return image.early and not image.reboot and not any(hook.where == "management" for hook in around)


def show_order(run: Run, ordered: Sequence[Part], versions: Mapping[str, Version]) -> None:
    """Show the parts of a release, how long each took when it was last recorded, what runs side by side, and the critical path.

    `versions`: as of `rollout`, whose duration is foreseen by the groups as they are now.
    """
    shown = order.outlook(ordered, _seconds(run, ordered, versions))
    rows = [
        [
            part.name,
            duration(part.begins_after),
            "not known" if part.takes is None else duration(part.takes),
            ", ".join(part.beside),
            "yes" if part.critical else "",
        ]
        for part in shown.parts
    ]
    run.out.table("a whole release", ("part", "begins after", "takes", "beside", "critical path"), rows)
    if not shown.whole:
        run.out.say("what is not known yet is recorded by the next `ship` that makes an image")
    path = ", ".join(shown.critical_path)
    run.out.say(f"critical path: {path}: {'about' if shown.whole else 'more than'} {duration(shown.seconds)}")


def order_as_data(run: Run) -> dict[str, object]:
    """Return what `show_order` shows of the next release, for programs; durations in seconds, None where they are not known."""
    ordered = parts_of(run)
    shown = order.outlook(ordered, _seconds(run, ordered, {}))
    return {**asdict(shown), "critical_path": shown.critical_path}


def _seconds(run: Run, ordered: Sequence[Part], versions: Mapping[str, Version]) -> dict[str, float]:
    return _last(run, ordered) | _rollout(run, versions)


def _last(run: Run, ordered: Sequence[Part]) -> dict[str, float]:
    """Return what each part took in the last release that recorded it."""
    found = images.find(run.cloud, {tags.SITE: run.settings.image.name})
    texts = [image.tags[tags.TOOK] for image in found if tags.TOOK in image.tags]
    return durations.latest(texts, [part.name for part in ordered])


def _rollout(run: Run, versions: Mapping[str, Version]) -> dict[str, float]:
    """Return how long the rollout takes: as long as that of the slowest group; empty where it is not known."""
    targets = [target_of(run, name, versions, None) for name in run.settings.groups]
    expected = [expect(run, target, planned(run, target)).expected for target in targets]
    known = [seconds for seconds in expected if seconds is not None]
    return {order.ROLLOUT: max(known)} if known and len(known) == len(expected) else {}
