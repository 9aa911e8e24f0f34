"""A command on several hosts at a time: `--on`, threads that are joined, and what failed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, as_completed, wait
from contextlib import contextmanager

from botocore.exceptions import ClientError

from ..aws import instances, management, serving
from ..aws.instances import Ec2Instance
from ..decisions.access.selection import ALL, MANAGEMENT, WEB, select
from ..errors import Cancelled, DeployError, HostUnreachable
from ..hosts.pool import Hosts
from ..hosts.ssh import Host
from ..runtime.cloud import throttled
from ..runtime.failures import explain
from ..runtime.run import Run

WIDTH = 50  # connections at a time
_MOST = 1000  # of those that last
_LOOK = 10.0  # seconds until newcomers are looked for again

Act = Callable[[Host], str]  # what a host failed with, or ""


def chosen(run: Run, on: Sequence[str], default: str = ALL) -> list[Ec2Instance]:
    """Return the running instances that the words of `--on` mean.

    The management instance is started where it is named, not where it is only one of all. Raises SettingsError, Refused.
    """
    wanted = list(on) or [default]
    web = serving.running(run.cloud, run.settings.groups)
    own = _management(run, wanted)
    known = {instance.id: instance for instance in [*([own] if own else []), *web]}
    return [known[id] for id in select(wanted, [instance.id for instance in web], own.id if own else None)]


def newcomers(run: Run, on: Sequence[str]) -> list[Ec2Instance]:
    """Return the running web instances, where the words of `--on` mean all of them; while AWS throttles, none."""
    if on and not {WEB, ALL} & set(on):
        return []
    try:
        return serving.running(run.cloud, run.settings.groups)
    except ClientError as error:
        if not throttled(error):
            raise
        return []


def _management(run: Run, wanted: Sequence[str]) -> Ec2Instance | None:
    found = instances.find_management(run.cloud, run.settings.management)
    if MANAGEMENT in wanted or (found and found.id in wanted):
        return management.running_management(run)
    if found is None:
        return None
    found = management.find(run)
    if found.state != "running" and ALL in wanted:
        run.out.warn(f"the management instance {found.id} is {found.state}: left out (management-start starts it)")
    return found if found.state == "running" else None


def on_each(run: Run, targets: Sequence[Ec2Instance], act: Act) -> dict[str, str]:
    """Do something on several hosts side by side, wait for all of them, and return what failed by instance id.

    No lock is taken. When it is interrupted the connections are closed, and no further host is begun.
    """
    with _workers(run, act, min(WIDTH, len(targets))) as begin:
        tasks = {begin(instance): instance.id for instance in targets}
        return {tasks[task]: why for task in as_completed(tasks) if (why := _failure(run, task))}


def follow_each(
    run: Run, targets: Sequence[Ec2Instance], act: Act, newcomers: Callable[[], Sequence[Ec2Instance]]
) -> dict[str, str]:
    """Do something that lasts on several hosts at once, and on those that come meanwhile; return what failed by instance id.

    `newcomers`: asked for instances again and again; what cannot be reached yet is tried again while it is among them. Ends when
    it has ended everywhere.
    """
    failed: dict[str, str] = {}
    first = {instance.id for instance in targets}
    with _workers(run, act, _MOST) as begin:
        tasks = {begin(instance): instance.id for instance in targets}
        begun, looked = set(first), run.clock.elapsed()
        while tasks:
            done, _ = wait(tasks, timeout=_LOOK, return_when=FIRST_COMPLETED)
            for task in done:
                id, why = tasks.pop(task), _failure(run, task)
                failed |= {id: why} if why else {}
                if id not in first and isinstance(task.exception(), HostUnreachable):
                    begun.discard(id)  # it boots
                elif why:
                    run.out.warn(_named(id, why))
            if tasks and run.clock.elapsed() - looked >= _LOOK:
                looked = run.clock.elapsed()
                for instance in (one for one in newcomers() if one.id not in begun):
                    begun.add(instance.id)
                    failed.pop(instance.id, None)
                    tasks[begin(instance)] = instance.id
    return failed


@contextmanager
def _workers(run: Run, act: Act, width: int) -> Iterator[Callable[[Ec2Instance], Future[str]]]:
    """Return what begins the work on an instance in a thread; where it is interrupted the connections are closed."""
    stopped = threading.Event()

    def work(hosts: Hosts, instance: Ec2Instance) -> str:
        host = hosts.open(instance)
        if stopped.is_set():
            raise Cancelled("cancelled: the run was stopped")
        return act(host)

    with Hosts(run, patient=False) as hosts, ThreadPoolExecutor(width, "host") as pool:
        try:
            yield lambda instance: pool.submit(work, hosts, instance)
        except BaseException:
            stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)
            hosts.close()
            raise


def _failure(run: Run, task: Future[str]) -> str:
    error = task.exception()
    if error is None:
        return task.result()
    explained = error if isinstance(error, DeployError) else explain(error, run.command)
    if explained is None:
        raise error
    return str(explained)


def require_all(failed: dict[str, str], targets: Sequence[Ec2Instance]) -> None:
    """Raise DeployError with what failed on which instance, if anything did."""
    if failed:
        reasons = "".join(f"\n  - {_named(id, why)}" for id, why in sorted(failed.items()))
        raise DeployError(f"failed on {len(failed)} of {len(targets)} instances:{reasons}")


def _named(id: str, why: str) -> str:
    return why if why.startswith(id) else f"{id}: {why}"
