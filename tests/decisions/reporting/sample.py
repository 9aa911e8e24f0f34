"""An event as a run sends it."""

from tasks.decisions.reporting.events import Event, Kind


def event(kind: Kind, **more: object) -> Event:
    return Event(kind, 1_767_323_045.678, "r1", "ship", "fab ship", "ann@desk", {"groups": "web"}, **more)  # type: ignore[arg-type]
