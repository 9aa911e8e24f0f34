"""Groups without a target group: an instance serves when its units are active, and finishes its tasks before it is terminated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from types import TracebackType

from ..aws import instances
from ..aws.instances import Ec2Instance
from ..decisions.rollout.groups import Instruction
from ..decisions.rollout.snapshot import Fleet, FleetInstance
from ..decisions.rollout.steps import Retire, Return, Step, Terminate, Wait
from ..errors import DeployError
from ..hosts.http import NoAnswer
from ..hosts.pool import Hosts
from ..hosts.shell import commands
from ..hosts.ssh import Host
from ..runtime.run import Run
from .engine import Observation, RampedEngine

_WIDTH = 20  # instances that are asked at a time
_STOPPING = 100  # instances that finish at a time; they need threads of their own, for a question must not wait for them
_Answer = tuple[list[str], str] | str  # the states of the units and the revision; or why there is none
_ACTIVE = "active"
_NONE = "none"  # the revision of a checkout without one


class Workers:
    """Ask instances over SSH for the state of their units and their port, and stop and start these; a context manager."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._hosts = Hosts(run, patient=False)
        self._pool = ThreadPoolExecutor(_WIDTH)
        self._stopping = ThreadPoolExecutor(_STOPPING)
        self._stops: dict[str, Future[None]] = {}
        self._since: dict[str, float] = {}
        self.back = False  # instances that finish have to work again

    def __enter__(self) -> Workers:
        """Return the workers themselves."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close the connections; a stop that was begun goes on in systemd."""
        self._hosts.close()
        for pool in (self._pool, self._stopping):
            pool.shutdown(wait=True, cancel_futures=True)

    @property
    def finishing(self) -> frozenset[str]:
        """Return the ids of the instances that finish their tasks, or have."""
        return frozenset(self._since)

    def revisions(self, asked: Sequence[FleetInstance]) -> Mapping[str, str]:
        """Return the revision of each instance whose units are all active, by id; "none" where none is recorded."""
        found = self._each([i.id for i in asked], self._state)
        if self.back:
            idle = [id for id, states in found.items() if isinstance(states, tuple) and "inactive" in states[0]]
            self.start(idle)
        return {id: states[1] for id, states in found.items() if isinstance(states, tuple) and set(states[0]) == {_ACTIVE}}

    def answers(self, asked: Sequence[FleetInstance]) -> Mapping[str, str]:
        """Return the states of the units of instances in words, by id."""
        found = self._each([i.id for i in asked], self._state)
        return {id: said if isinstance(said, str) else f"units {', '.join(said[0])}" for id, said in found.items()}

    def start(self, ids: Sequence[str]) -> None:
        """Start the units of instances again."""
        for id in ids:
            self._since.pop(id, None)
            self._stops.pop(id, None)
        self._each(ids, self._started)

    def finish(self, ids: Sequence[str]) -> str:
        """Stop the units of instances; return what is waited for, "" when all have stopped or their time is over."""
        now, limit = self._run.clock.now(), self._run.settings.workers.timeout
        for id in ids:
            self._since.setdefault(id, now)
            failed = id in self._stops and self._stops[id].done() and self._stops[id].exception()
            if failed or id not in self._stops:
                self._stops[id] = self._stopping.submit(self._stop, id)
        left = [id for id in ids if not self._stops[id].done() or self._stops[id].exception()]
        late = [id for id in left if now - self._since[id] > limit]
        if left and left == late:
            why = next((str(error) for id in late if self._stops[id].done() and (error := self._stops[id].exception())), "")
            self._run.out.warn_once(f"{', '.join(late)} did not finish within {limit:.0f} s{f': {why}' if why else ''}")
            return ""
        return f"{', '.join(left)} finishes its tasks, for {limit:.0f} s at most" if left else ""

    def _stop(self, id: str) -> None:
        for instance in instances.with_ids(self._run.cloud, [id]):
            if instance.state == "running":
                host = self._hosts.open(instance)
                for unit in self._run.settings.workers.services:
                    # systemd itself waits for the unit's TimeoutStopSec.
                    host.run(commands.systemctl("stop", unit), timeout=self._run.settings.workers.timeout)

    def _started(self, host: Host) -> str:
        for unit in self._run.settings.workers.services:
            host.run(commands.systemctl("start", unit), timeout=self._run.settings.app.boot_timeout)
        return ""

    def _state(self, host: Host) -> tuple[list[str], str]:
        units = self._run.settings.workers.services
        lines = host.read(commands.units(self._run.settings.app, units), check=False).stdout.split()
        states, revision = lines[: len(units)], (lines[len(units) :] or [_NONE])[0]
        return [*states, *self._port(host, states)], revision

    def _port(self, host: Host, states: Sequence[str]) -> list[str]:
        """Return the state of the port, where there is a setting for it and the units are active."""
        port, path = self._run.settings.workers.port, self._run.settings.workers.path
        if port is None or set(states) != {_ACTIVE}:
            return []
        try:
            answer = host.http(None, port, path)
        except NoAnswer as error:
            return [str(error)]
        return [_ACTIVE if answer.status == 200 else f"{path} on port {port}: {answer}"]

    def _each(
        self, ids: Sequence[str], ask: Callable[[Host], tuple[list[str], str] | str]
    ) -> dict[str, tuple[list[str], str] | str]:
        """Ask instances side by side; the answer of an instance that cannot be asked is why."""

        def answer(instance: Ec2Instance) -> _Answer:
            try:
                return ask(self._hosts.open(instance))
            except DeployError as error:
                return str(error)

        found = [i for i in instances.with_ids(self._run.cloud, ids) if i.state == "running"] if ids else []
        return dict(zip([i.id for i in found], self._pool.map(answer, found), strict=True))


@dataclass
class WorkerEngine(RampedEngine):
    """The default engine for a group without a target group: what is to be terminated finishes its tasks first."""

    workers: Workers = field(kw_only=True)

    def decide(self, observed: Observation, instruction: Instruction) -> Step:
        """Return the next step; a termination only once its instances have finished."""
        record = observed.fleet.record
        self.workers.back = record is not None and record.back
        step = super().decide(replace(observed, fleet=self._working(observed.fleet)), instruction)
        if isinstance(step, Terminate | Retire | Return):
            waits = self.workers.finish(step.ids)
            return Wait(waits) if waits else step
        return step

    def _working(self, fleet: Fleet) -> Fleet:
        """Return the fleet in which instances that finish their tasks serve no more: they are the next to go."""
        wanted = self.wanted(fleet)
        ends = {i.id for i in fleet.instances if i.id in self.workers.finishing and i.version != wanted}
        return replace(fleet, instances=tuple(replace(i, health="Finishing") if i.id in ends else i for i in fleet.instances))
