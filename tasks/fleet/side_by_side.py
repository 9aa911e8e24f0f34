"""A command on several hosts at a time: `--on`, threads that are joined, and what failed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager

from ..aws import instances, management, serving
from ..aws.instances import Ec2Instance
from ..decisions.access.selection import ALL, MANAGEMENT, select
from ..errors import Cancelled, DeployError
from ..hosts.pool import Hosts
from ..hosts.ssh import Host
from ..runtime.failures import explain
from ..runtime.run import Run

WIDTH = 50  # connections at a time

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
    with workers(run, act, min(WIDTH, len(targets))) as begin:
        tasks = {begin(instance): instance.id for instance in targets}
        return {tasks[task]: why for task in as_completed(tasks) if (why := failure(run, task))}


@contextmanager
def workers(run: Run, act: Act, width: int) -> Iterator[Callable[[Ec2Instance], Future[str]]]:
    """Return what begins the work on an instance in a thread; where it is interrupted the connections are closed.

    `width`: threads at a time.
    """
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


def failure(run: Run, task: Future[str]) -> str:
    """Return what a task failed with, or ""; raises what is a bug of ours."""
    error = task.exception()
    if error is None:
        return task.result()
    explained = error if isinstance(error, DeployError) else explain(error, run.command)
    if explained is None:
        raise error
    return str(explained)


def require_all(failed: dict[str, str], begun: int) -> None:
    """Raise DeployError with what failed on which of the instances that were begun, if anything did."""
    if failed:
        reasons = "".join(f"\n  - {named(id, why)}" for id, why in sorted(failed.items()))
        raise DeployError(f"failed on {len(failed)} of {begun} instances:{reasons}")


def named(id: str, why: str) -> str:
    """Return what failed, with its instance in front."""
    return why if why.startswith(id) else f"{id}: {why}"
