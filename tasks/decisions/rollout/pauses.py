"""Where a rollout pauses: after the canary, at checkpoints and at the end; and what ends a pause."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from .snapshot import count
from .steps import Advance, Hold, Pause, Step, Wait
from .view import View, waiting


def pauses(canary: int, checkpoints: Sequence[str], size: int) -> tuple[int, ...]:
    """Return after how many new instances of `size` a rollout pauses; without the last pause, after all of them."""
    at = {canary} | {count(share, size) for share in checkpoints}
    return tuple(sorted(number for number in at if 0 < number < size))


def before_pause(view: View) -> int | None:
    """Return how many instances may be replaced until the next pause; None after the last."""
    at = _next(view)
    return None if at is None else max(0, at - len(view.new) - view.coming)


def pause(view: View) -> Iterator[Step]:
    """Yield the step of a pause that has been reached, if any."""
    at = _next(view)
    if at is None or before_pause(view):
        return
    rest = _rest(view, at)
    if rest is None:
        yield Wait(waiting(view))
    elif rest <= 0 and (view.policy.pause or view.policy.confirmed):
        yield Advance(replace(view.record, passed=at))
    elif view.policy.pause:
        yield Wait(f"{at} of {view.record.size} are new and bake, {rest:.0f} s to go; {waiting(view)}")
    else:
        yield Pause(f"{at} of {view.record.size} are new: look at the site, then go on with --yes")


def last_pause(view: View) -> Iterator[Step]:
    """Yield the step of the pause at the end, if any."""
    if not view.watched:
        return
    size = max(1, view.record.size)
    rest = _rest(view, min(size, len(view.new))) if view.new else 0
    if view.policy.pause and (rest or 0) > 0:
        yield Wait(f"all are new and bake, {rest:.0f} s to go; {waiting(view)}")
    if view.policy.hold:
        yield Hold(f"{view.fleet.group} is ready and waits for the other groups")
    yield Advance(replace(view.record, passed=size))


def _next(view: View) -> int | None:
    record = view.record
    ahead = (number for number in view.policy.pauses if record.passed < number < record.size)
    return None if record.back else next(ahead, None)


def _rest(view: View, number: int) -> float | None:
    """Return the seconds until `number` new instances have served long enough; None where fewer serve."""
    since = sorted(i.in_service_since or view.now for i in view.new if view.gated(i))
    return None if len(since) < number else since[number - 1] + view.policy.pause - view.now
