"""Which instances and versions of a group run code that needs what contracting migrations take away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..release.stages import unknown
from .snapshot import Fleet, FleetInstance
from .versions import Candidate


@dataclass(frozen=True)
class OldCode:
    """`reasons`: why the migrations must not run yet; `leaving`: instances with such code that are terminating; `versions`: with
    such code, that could still be booted.
    """

    reasons: tuple[str, ...] = ()
    leaving: tuple[str, ...] = ()
    versions: tuple[Candidate, ...] = ()


def old_code(fleet: Fleet, candidates: Sequence[Candidate], live: str, names: Sequence[str], revision: str) -> OldCode:
    """Return what of a group is in the way of contracting migrations.

    `live`: the version that it launches; `names`: the migrations; `revision`: of the release that has them. What is no version
    that is known may hold any code.
    """
    unfit = {c.number: c for c in candidates if c.revision != revision and unknown(c.waiting, names)}
    known = {c.number for c in candidates}
    there = [i for i in (*fleet.instances, *fleet.pool) if i.version in unfit or i.version not in known]
    staying = [i for i in there if not i.leaving]
    return OldCode(
        tuple(f"{fleet.group}: {reason}" for reason in _reasons(fleet, staying, unfit, live)),
        tuple(i.id for i in there if i.leaving),
        tuple(c for c in unfit.values() if c.revision and c.exists and not c.outdated),
    )


def _reasons(fleet: Fleet, there: Sequence[FleetInstance], unfit: Mapping[str, Candidate], live: str) -> Iterator[str]:
    if fleet.record:
        yield f"the rollout to version {fleet.record.target} is unfinished: `rollout` ends it"
    if live in unfit:
        yield f"it launches version {unfit[live]}: `ship` or `rollout` first"
    for instance in there:
        yield f"{instance.id} ({instance.lifecycle}) runs version {unfit.get(instance.version, instance.version or 'unknown')}"
