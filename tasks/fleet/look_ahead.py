"""Everything that a look at the fleet will ask AWS, asked side by side, so that a look takes as long as three calls.

The answers are kept by `Cloud.one_look`; what then asks the same gets them. Nothing depends on this: what is left out here costs
time only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

from botocore.exceptions import BotoCoreError, ClientError

from ..aws import (
    alarms,
    autoscaling,
    group_settings,
    images,
    instances,
    launch_templates,
    log,
    quotas,
    records,
    refreshes,
    target_groups,
)
from ..aws.autoscaling import Group
from ..errors import DeployError
from ..runtime.run import Run
from .lock import lock_of
from .smoke_boot import left_over, tags_of

_WIDTH = 40  # calls at a time

Question = Callable[[], object]


@contextmanager
def look_ahead(run: Run, *, health: bool = True, history: bool = False, release: bool = False) -> Iterator[None]:
    """Ask what a look needs: the groups, then what has their names or is named by them, then what the versions name.

    Within, all of it is answered at once. `health`: targets and instances; `history`: images and the log; `release`: what a
    rollout is checked for.
    """
    with run.cloud.one_look():
        _ask_all(run, health=health, history=history, release=release)
        yield


def _ask_all(run: Run, *, health: bool, history: bool, release: bool) -> None:
    cloud, names = run.cloud, run.settings.groups
    groups: dict[str, Group] = {}
    with ThreadPoolExecutor(_WIDTH, thread_name_prefix="look") as pool:

        def ask(questions: Sequence[Question]) -> None:
            for future in [pool.submit(_try, question) for question in questions]:
                future.result()

        def find(name: str) -> None:
            groups[name] = autoscaling.group(cloud, name)

        # What must be known first: the groups name the rest.
        ask([lambda name=name: find(name) for name in names])  # type: ignore[misc]
        second: list[Question] = [lambda: instances.find_management(cloud, run.settings.management)]
        for name in names:
            second.append(lambda name=name: records.kept(cloud, name))  # type: ignore[misc]
            second += _by_name(run, name) if release else []
        if history:
            second.append(lambda: log.entries(cloud, names[0]))
        if release:
            second += [lambda: quotas.running(cloud), lambda: autoscaling.templates(cloud, names)]
            second.append(lambda: alarms.states(cloud, run.settings.rollout.alarms))
        second += [one for group in groups.values() for one in _by_group(run, group, health=health, release=release)]
        ask(second)
        third = list[Question]()
        for group in groups.values():
            _try(lambda group=group: third.extend(_by_version(run, group, history=history, release=release)))  # type: ignore[misc]
        ask(third)


def _try(question: Question) -> None:
    # What fails is asked again by what needs the answer, which explains the error.
    with suppress(BotoCoreError, ClientError, DeployError, ValueError):
        question()


def _by_name(run: Run, name: str) -> list[Question]:
    cloud = run.cloud
    return [
        lambda: lock_of(run, name, "doctor").held(),
        lambda: left_over(cloud, name),
        lambda: group_settings.hooks(cloud, name),
        lambda: group_settings.scheduled(cloud, name),
        lambda: refreshes.under_way(cloud, name),
    ]


def _by_group(run: Run, group: Group, *, health: bool, release: bool) -> list[Question]:
    cloud, found = run.cloud, list[Question]()
    if group.template:
        found.append(lambda: launch_templates.versions(cloud, group.template))
        found.append(lambda: launch_templates.version(cloud, group.template, group.version))
    for arn in group.target_groups:
        found += [lambda arn=arn: target_groups.health(cloud, arn)] if health or release else []  # type: ignore[misc]
        found += [lambda arn=arn: target_groups.attributes(cloud, arn)] if release else []  # type: ignore[misc]
    if health:
        found.append(lambda: instances.with_ids(cloud, [member.id for member in group.members]))
    if release and group.target_groups:
        found.append(lambda: target_groups.checks(cloud, group.target_groups))
    if release:
        serving = sorted(member.id for member in group.members if member.lifecycle == "InService")
        found.append(lambda: instances.with_ids(cloud, serving))
    return found


def _by_version(run: Run, group: Group, *, history: bool, release: bool) -> list[Question]:
    cloud, found = run.cloud, list[Question]()
    if not group.template:
        return found
    if history:
        known = launch_templates.versions(cloud, group.template)
        ids = sorted({version.image for version in known if version.image})
        found.append(lambda: images.existing(cloud, ids))
    if release:
        version = launch_templates.version(cloud, group.template, group.version)
        kind = str(version.data.get("InstanceType", ""))
        found.append(lambda: images.image(cloud, version.image))
        found.append(
            lambda: instances.launch_error(
                cloud, version.template, version.number, version.data, group.subnets, tags_of(group), group.kinds
            )
        )
        if kind:
            found += [lambda: quotas.limit(cloud, kind), lambda: quotas.sizes_beside(cloud, kind)]
    return found
