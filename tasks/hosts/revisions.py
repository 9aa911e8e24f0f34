"""What instances answer over HTTP: their revision and their pages; through the management instance, without SSH to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..aws import instances
from ..decisions.rollout.snapshot import FleetInstance
from ..runtime.run import Run
from .pages import listed, page_faults
from .site import ask_health
from .ssh import Host

# Requests of pages take time, and a poll must not become too old to act upon.
_AT_A_TIME = 8


class Revisions:
    """Ask web instances for the revision that they serve, and for their pages, from a `host` near them."""

    def __init__(self, run: Run) -> None:
        self.host: Host | None = None
        self._run = run
        self._addresses: dict[str, str] = {}
        self._faults: dict[str, str] = {}

    def ask(self, silent: Sequence[FleetInstance]) -> Mapping[str, str]:
        """Return the revisions by instance id, without instances that do not answer 200."""
        self._find([i.id for i in silent])
        found = {i.id: self.of(self._addresses[i.id])[0] for i in silent if i.id in self._addresses}
        return {id: revision for id, revision in found.items() if revision}

    def answers(self, asked: Sequence[FleetInstance]) -> Mapping[str, str]:
        """Return the answers of instances to the health check, by id; empty without a host to ask from."""
        if self.host is None:
            return {}
        self._find([i.id for i in asked])
        found = {i.id: self.of(self._addresses[i.id])[1] for i in asked if i.id in self._addresses}
        return {id: "; ".join(filter(None, (answer, self._faults.get(id, "")))) for id, answer in found.items()}

    def pages(self, asked: Sequence[FleetInstance]) -> Mapping[str, str]:
        """Return what is wrong with the pages of instances that report a revision, by id; some wait for the next time."""
        self._find([i.id for i in asked])
        for waits in asked[_AT_A_TIME:]:
            self._faults[waits.id] = "its pages are not requested yet"
        for now in asked[:_AT_A_TIME]:
            self._faults[now.id] = self.faults(self._addresses[now.id]) if now.id in self._addresses else "it has no address"
        return {i.id: fault for i in asked if (fault := self._faults[i.id])}

    def faults(self, address: str) -> str:
        """Return what is wrong with the pages of an address, or an empty text."""
        if self.host is None:
            return "there is no host to ask from"
        return listed(page_faults(self._run, self.host, address))

    def of(self, address: str) -> tuple[str | None, str]:
        """Return the revision that an address reports, or None, and a description of the answer."""
        if self.host is None:
            return None, "there is no host to ask from"
        return ask_health(self.host, self._run.settings.app, address, fresh=True)

    def _find(self, ids: Sequence[str]) -> None:
        unknown = [id for id in ids if id not in self._addresses]
        # One call for all of them, or the number of calls would grow with the fleet.
        self._addresses |= {m.id: m.address for m in instances.with_ids(self._run.cloud, unknown) if m.address}
