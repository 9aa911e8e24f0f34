"""The end of a rollout of a group with weights: desired is lowered in one call, and what is more than desired goes."""

from collections.abc import Iterator
from dataclasses import replace

from .snapshot import units
from .steps import Lower, Step, Terminate, Wait
from .view import View, waiting


def lower(view: View) -> Iterator[Step]:
    """Lower desired by the surge where whatever the group then terminates leaves enough that serve."""
    fleet, record = view.fleet, view.record
    gated, desired = [i for i in view.new if view.gated(i)], fleet.desired - view.returnable
    # Scale-in takes what is not protected: those that do not serve yet, of which there are enough without.
    shielded = not record.back and all(i.protected for i in gated) and units(gated) >= desired
    if len(gated) < len(view.new) and not (shielded or record.aborted):
        yield Wait(waiting(view))
    back = fleet.maximum == record.raised and desired <= record.maximum
    restores = back and record.raised != record.maximum
    lowering = -fleet.desired if restores else fleet.desired
    yield Lower(replace(record, lowering=lowering), desired, record.maximum if back else fleet.maximum)


def surplus(view: View) -> Iterator[Step]:
    """Wait until the group has terminated what is more than desired, or terminate it where all is protected."""
    spare = units(view.fleet.members) - view.fleet.desired
    for i in sorted(view.new, key=lambda i: (view.gated(i), -i.since, i.id)):
        # The group leaves what is protected: by its own default all, by ours also what passed and turned sick.
        stays = view.fleet.protects_new or (i.protected and not view.gated(i))
        if i.weight <= spare and stays and (not view.gated(i) or i.weight <= view.strength - view.floor):
            yield Terminate((i.id,))
        if i.weight <= spare and not view.gated(i) and not view.record.back:
            # While our protection stands, it takes none that serves.
            yield Wait(waiting(view))
