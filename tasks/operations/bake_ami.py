"""`bake-ami`: an image of the management instance, and a launch template version that boots it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from invoke import Collection

from ..errors import CloudError, DeployError, Refused
from ..runtime.command import command
from ..runtime.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..aws.autoscaling import Group
    from ..aws.images import Image
    from ..aws.instances import Machine
    from ..aws.launch_templates import Version
    from ..aws.session import Cloud
    from ..hosts.ssh import Host
    from ..runtime.run import Run


@command(help={"fresh": "make a new image even if this revision has one"})
def bake_ami(run: Run, fresh: bool = False) -> None:
    """Bake an image of the management instance and make a launch template version of it; reuses what exists."""
    bake(run, fresh=fresh)


def bake(run: Run, *, fresh: bool = False) -> dict[str, Version]:
    """Bake what is deployed on the management instance; return the template version made for each template.

    `fresh`: do not reuse an image of the same revision. A dry run says what would be made. Raises Refused when the deploy there
    was not finished, CloudError when the image fails, TimedOut.
    """
    from ..aws import autoscaling
    from ..aws.session import Cloud
    from ..hosts.management import open_management

    cloud = Cloud(run.settings.aws)
    groups = [autoscaling.group(cloud, name) for name in run.settings.groups]
    machine, host = open_management(run, cloud)
    with host:
        revision = _verified(run, machine, host)
        if run.dry:
            return foresee(run, revision, fresh=fresh)
        with run.out.step("8  image"):
            image = _image(run, cloud, machine, host, revision, fresh)
    with run.out.step("9  template version"):
        return {t: _version(run, cloud, t, v, revision, image) for t, v in _templates(groups).items()}


def _verified(run: Run, machine: Machine, host: Host) -> str:
    """Return the revision on the host, if a deploy has verified just that one."""
    from ..hosts.shell import commands

    there = host.run(commands.recorded_revision(run.settings.app)).text
    proven = machine.tags.get("ramped:revision", "")
    if not there or there != proven:
        raise Refused(
            f"{machine.id} has {there[:12] or 'no revision'} checked out, but verified was {proven[:12] or 'none'}: "
            "run deploy to its end first"
        )
    return there


def _templates(groups: list[Group]) -> dict[str, str]:
    """Return the version that each template's next one is made from; groups may share a template."""
    without = [g.name for g in groups if not g.template]
    if without:
        raise Refused(f"{', '.join(without)}: no launch template of its own, so no version can be made. Nothing was changed")
    return {g.template: g.version for g in groups}


def foresee(run: Run, revision: str, *, fresh: bool = False) -> dict[str, Version]:
    """Say what would be baked of a revision; return the version of each template that would boot it, made or not."""
    from ..aws import autoscaling, launch_templates
    from ..aws.session import Cloud
    from ..decisions.release.image_names import description

    cloud = Cloud(run.settings.aws)
    groups = [autoscaling.group(cloud, name) for name in run.settings.groups]
    existing = None if fresh else _existing(run, cloud, revision)
    run.out.say(f"would use image {existing.id} again" if existing else f"would make an image of revision {revision[:12]}")
    foreseen = {}
    for template, source in _templates(groups).items():
        known = launch_templates.versions(cloud, template)
        there = next((v for v in known if existing and v.image == existing.id), None)
        next_one = str(int(known[0].number) + 1)
        foreseen[template] = there or launch_templates.Version(
            template, next_one, description(revision, "a new image"), False, {}
        )
        run.out.say(
            f"version {there.number} of {template} boots it already"
            if there
            else f"would make version {next_one} of {template} from version {source}"
        )
    return foreseen


def _existing(run: Run, cloud: Cloud, revision: str) -> Image | None:
    """Return an image of this revision that is there or coming, and whose making was seen to the moment of the snapshots."""
    from ..aws import images
    from ..decisions.release.image_cleaning import CLEAN

    found = images.find(cloud, {"ramped:revision": revision, "ramped:site": run.settings.image.name})
    usable = [i for i in found if i.state in ("available", "pending")]
    for one in (i for i in usable if CLEAN not in i.tags):
        run.out.say(f"image {one.id} of {revision[:12]} is not used: the run that began it died; deregister it")
    return next((i for i in usable if CLEAN in i.tags), None)


def _image(run: Run, cloud: Cloud, machine: Machine, host: Host, revision: str, fresh: bool) -> Image:
    from ..aws import images
    from ..decisions.release.image_cleaning import CLEAN
    from ..decisions.release.image_names import image_name, image_tags
    from ..hosts.management import reboot_management
    from ..runtime.operator import who

    existing = None if fresh else _existing(run, cloud, revision)
    if existing:
        run.out.say(f"image {existing.id} of {revision[:12]} is {existing.state}: using it again")
        if existing.tags[CLEAN] == "no" and run.settings.image.cleaner:
            run.out.warn(f"{existing.id} was made without image.cleaner: bake-ami --fresh makes one that holds no secrets")
        return _available(run, cloud, existing.id)
    cleaner = _cleaner(run, host)
    prefix, now = run.settings.image.name, run.clock.now()
    tags = image_tags(prefix, revision, who(), now, run.settings.image.tags)
    with ExitStack() as stack:
        if cleaner and run.settings.image.reboot:
            host = stack.enter_context(reboot_management(run, cloud, machine, host))
        stack.enter_context(quiet(run, host, cleaner))
        id = images.create(cloud, machine.id, image_name(prefix, revision, now), tags, reboot=_by_ec2(run, cleaner))
        _begun(run, cloud, id, tags)
    _tag(run, cloud, id, {CLEAN: "yes" if cleaner else "no"})
    run.out.say(f"image {id} of {revision[:12]} begun")
    return _available(run, cloud, id)


def _cleaner(run: Run, host: Host) -> str | None:
    """Return the program that keeps secrets out of the image; None where there is none, which is told."""
    from ..decisions.release import image_cleaning

    cleaner = run.settings.image.cleaner
    if cleaner is None or not host.run(image_cleaning.there(cleaner), check=False).code:
        return cleaner
    run.out.warn(
        f"{host.name} has no {cleaner} (image.cleaner): the image will hold its host keys, credentials and histories. "
        "Install settings_snippets/systemd/ramped-image"
    )
    return None


def _by_ec2(run: Run, cleaner: str | None) -> bool:
    """Say whether EC2 is to reboot the instance for the image: never while secrets are aside in its memory."""
    return run.settings.image.reboot and cleaner is None


def _begun(run: Run, cloud: Cloud, id: str, tags: Mapping[str, str]) -> None:
    """Wait until the snapshots hold the disk as it is now."""
    from ..aws import images
    from ..decisions.release.image_cleaning import BEGIN

    def probe() -> tuple[bool | None, str]:
        return images.begun(cloud, id, tags) or None, f"{id} has no snapshots yet"

    wait_for(f"the snapshots of {id}", probe, clock=run.clock, deadline=BEGIN, every=1.0, seen=run.out.progress)


def _tag(run: Run, cloud: Cloud, id: str, tags: Mapping[str, str]) -> None:
    """Tag an image as soon as EC2 lets us."""
    from ..aws import images
    from ..decisions.release.image_cleaning import BEGIN

    def probe() -> tuple[bool | None, str]:
        return images.tag(cloud, id, tags) or None, f"EC2 does not know {id} yet"

    wait_for(f"tagging {id}", probe, clock=run.clock, deadline=BEGIN, every=1.0, seen=run.out.progress)


@contextmanager
def quiet(run: Run, host: Host, cleaner: str | None = None) -> Iterator[None]:
    """Stand the site still, put secrets aside and flush the disk while the snapshot is taken.

    Without a reboot an image is crash-consistent only (CreateImage, NoReboot): files just written may be empty in it. `cleaner`:
    the program on the host that puts aside; it also stops and starts the units that it knows, so that they come back though
    this run is killed.
    """
    from ..decisions.release import image_cleaning
    from ..hosts.holding import held
    from ..hosts.shell import commands

    deadline = run.settings.app.boot_timeout
    known = host.run(image_cleaning.standing()).text.split() if cleaner else []
    services = () if _by_ec2(run, cleaner) else [u for u in run.settings.app.services if u not in known]
    try:
        for unit in services:
            host.run(commands.systemctl("stop", unit), timeout=deadline)
        with ExitStack() as stack:
            if cleaner:
                # Jobs that finish what they are at take longer than the site.
                request = image_cleaning.request(run.settings.image.secrets, _keys(run))
                run.out.say(str(stack.enter_context(held(host, cleaner, request, deadline=run.settings.image.timeout))))
            else:
                host.run("sync", timeout=deadline)
            yield
    finally:
        for unit in reversed(services):
            host.run(commands.systemctl("start", unit), timeout=deadline)


def _keys(run: Run) -> list[str] | None:
    """Return the keys that stay in the image's authorized_keys; None, all of them, where ours is not known."""
    from ..hosts.holding import own_keys

    ours = own_keys(run.settings.ssh)
    if not ours:
        run.out.warn("neither ssh.key nor ssh-agent tells which key is ours: every authorized key stays in the image")
        return None
    return [*ours, *run.settings.image.authorized_keys]


def _available(run: Run, cloud: Cloud, id: str) -> Image:
    from ..aws import images

    def probe() -> tuple[Image | None, str]:
        # Right after CreateImage EC2 may not know the image yet.
        image = images.image(cloud, id)
        if image and image.state in ("failed", "error", "invalid", "deregistered"):
            raise CloudError(
                f"image {id} is {image.state}: {image.reason or 'no reason given'}. Run bake-ami again for a new one"
            )
        return (image if image and image.state == "available" else None), f"{id} is {image.state if image else 'not known yet'}"

    deadline = run.settings.image.timeout
    return wait_for(
        f"image {id}", probe, clock=run.clock, deadline=deadline, every=run.settings.rollout.poll, seen=run.out.progress
    )


def _version(run: Run, cloud: Cloud, template: str, source: str, revision: str, image: Image) -> Version:
    """Find the version of a template that boots an image, or make it from the source version."""
    from ..aws import launch_templates
    from ..decisions.release.image_names import changes, description, token

    text = description(revision, image.id)
    for there in launch_templates.versions(cloud, template):
        if there.description == text and there.image == image.id:
            run.out.say(f"version {there.number} of {template} boots {image.id} already")
            return there
    before = launch_templates.version(cloud, template, source)
    data = changes(before.data, image.id, image.snapshots)
    number = launch_templates.add(cloud, before, text, data, token(template, before.number, image.id))
    # The parameters of a version are not validated when it is made.
    made = launch_templates.version(cloud, template, number)
    if made.image != image.id:
        raise DeployError(f"version {number} of {template} names image {made.image or 'none'}, not {image.id}")
    run.out.say(f"version {number} of {template} made from {before.number}, boots {image.id} ({revision[:12]})")
    return made


ns = Collection(bake_ami)
