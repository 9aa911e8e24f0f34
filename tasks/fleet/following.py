"""What lasts on several hosts at once, and on those that come meanwhile, such as in a rollout."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait

from botocore.exceptions import BotoCoreError, ClientError

from ..aws import serving
from ..aws.instances import Ec2Instance
from ..decisions.access.host_keys import CONSOLE_WAIT
from ..decisions.access.selection import ALL, WEB
from ..errors import DeployError, HostUnreachable
from ..hosts.connecting import LoginRefused
from ..hosts.keys import UnknownHostKey, WrongHostKey
from ..runtime.cloud import throttled
from ..runtime.failures import explain
from ..runtime.run import Run
from .side_by_side import Act, failure, named, workers

_MOST = 1000  # connections at a time
_LOOK = 10.0  # seconds until newcomers are looked for, and those that boot are tried, again

Look = Callable[[], Sequence[Ec2Instance]]


def newcomers(run: Run, on: Sequence[str]) -> list[Ec2Instance]:
    """Return the running web instances, where the words of `--on` mean all of them. Raises what AWS answers."""
    return serving.running(run.cloud, run.settings.groups) if not on or {WEB, ALL} & set(on) else []


def follow_each(run: Run, targets: Sequence[Ec2Instance], act: Act, look: Look) -> tuple[dict[str, str], int]:
    """Do something that lasts on several hosts at once, and on those that come meanwhile.

    `look`: asked for instances again and again; where AWS does not answer, what is followed goes on. An instance that cannot be
    reached while it may still boot (app.boot_timeout) is tried again. Ends when it has ended everywhere; returns what failed by
    instance id, and how many instances were begun.
    """
    with workers(run, act, _MOST) as begin:
        following = _Following(run, begin, look)
        following.begin_first(targets)
        while following.goes_on:
            following.turn()
        return following.failed, following.begun


class _Following:
    """The instances that are followed, those that boot, and those that failed."""

    def __init__(self, run: Run, begin: Callable[[Ec2Instance], Future[str]], look: Look) -> None:
        self._run = run
        self._begin = begin
        self._look = look
        self._tasks: dict[Future[str], Ec2Instance] = {}
        self._since: dict[str, float] = {}  # by id, of all that were begun: when they were launched or first seen
        self._booting: dict[str, Ec2Instance] = {}
        self._chosen: set[str] = set()
        self._warned: set[str] = set()
        self._blind = False
        self._looked = run.clock.elapsed()
        self.failed: dict[str, str] = {}

    @property
    def goes_on(self) -> bool:
        """Return whether anything is followed, or may be after its boot."""
        return bool(self._tasks or self._booting)

    @property
    def begun(self) -> int:
        """Return how many instances were begun."""
        return len(self._since)

    def begin_first(self, targets: Sequence[Ec2Instance]) -> None:
        """Begin on the instances that were chosen; those that come later are as old as they are known."""
        for instance in targets:
            self._chosen.add(instance.id)
            self._since[instance.id] = self._run.clock.elapsed() - max(0.0, self._run.clock.now() - instance.launched)
            self._tasks[self._begin(instance)] = instance

    def turn(self) -> None:
        """Wait until something ends, or it is time to look for instances."""
        if self._tasks:
            for task in wait(self._tasks, timeout=_LOOK, return_when=FIRST_COMPLETED).done:
                self._end(task, self._tasks.pop(task))
        else:
            self._run.clock.sleep(_LOOK)
        if self.goes_on and self._run.clock.elapsed() - self._looked >= _LOOK:
            self._looked = self._run.clock.elapsed()
            self._begin_more(self._here())

    def _end(self, task: Future[str], instance: Ec2Instance) -> None:
        why, error = failure(self._run, task), task.exception()
        if not why:
            return
        if not self._may_boot(instance, error):
            self.failed[instance.id] = why
            self._run.out.warn(named(instance.id, why))
            return
        self._booting[instance.id] = instance
        # What no boot mends as a rule, and what is missing of that which was asked for.
        said = isinstance(error, LoginRefused | UnknownHostKey) or instance.id in self._chosen
        if said and instance.id not in self._warned:
            self._warned.add(instance.id)
            self._run.out.warn(f"{named(instance.id, why)}. It is young, so it is tried again")

    def _may_boot(self, instance: Ec2Instance, error: BaseException | None) -> bool:
        if not isinstance(error, HostUnreachable) or isinstance(error, WrongHostKey):
            return False
        time: float = self._run.settings.app.boot_timeout
        if isinstance(error, UnknownHostKey) and self._run.settings.ssh.host_ca is None:
            time = max(time, CONSOLE_WAIT)
        return self._run.clock.elapsed() - self._since[instance.id] < time

    def _here(self) -> dict[str, Ec2Instance]:
        """Return the instances that AWS shows, by id; none where it does not answer, of which the first time is said."""
        try:
            found = {instance.id: instance for instance in self._look()}
        except (ClientError, BotoCoreError, DeployError) as error:
            if not (self._blind or throttled(error)):
                self._blind = True
                why = error if isinstance(error, DeployError) else explain(error, self._run.command)
                self._run.out.warn(f"instances that come are not seen until AWS shows them: {why}")
            return {}
        self._blind = False
        return found

    def _begin_more(self, here: dict[str, Ec2Instance]) -> None:
        booting, self._booting = self._booting, {}
        # A newcomer that is gone will not answer any more; where nothing is shown that is not known.
        again = [here.get(id, one) for id, one in booting.items() if not here or id in here or id in self._chosen]
        for instance in [*again, *(one for one in here.values() if one.id not in self._since)]:
            self._since.setdefault(instance.id, self._run.clock.elapsed())
            self._tasks[self._begin(instance)] = instance
