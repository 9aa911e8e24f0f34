"""`bake-ami`: an image of the management instance, and a launch template version that boots it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress

from ..aws import autoscaling, images, instances, launch_templates, tags
from ..aws.autoscaling import Group
from ..aws.images import Image
from ..aws.instances import Ec2Instance
from ..aws.launch_sources import require_template
from ..aws.launch_templates import Version
from ..decisions.release import image_cleaning
from ..decisions.release.image_cleaning import BEGIN, CLEAN
from ..decisions.release.image_names import changes, description, image_name, image_tags, token, too_small
from ..decisions.release.stages import waiting_text
from ..errors import CloudError, DeployError, Refused, TimedOut
from ..fleet.pin import pin
from ..hosts.holding import held, own_keys
from ..hosts.management import open_management, reboot_management
from ..hosts.shell import commands
from ..hosts.ssh import Host
from ..runtime.operator import who
from ..runtime.run import Run
from ..runtime.waiting import Waiting

_CONSISTENT = 3  # answers in a row
_SETTLED = 4  # polls, after which EC2 shows what was written before


def bake_ami(run: Run, fresh: bool = False) -> None:
    """Bake an image of the management instance and make a launch template version of it; reuses what exists."""
    bake(run, fresh=fresh)


def bake(run: Run, *, fresh: bool = False, proven: str | None = None, waiting: Sequence[str] = ()) -> dict[str, Version]:
    """Bake the release on the management instance; return the new version of each template.

    `fresh`: do not reuse an image of the same revision; `proven`: the revision that this run has just verified there, whose tag
    EC2 may not show yet; `waiting`: the migrations that it left for later. A dry run says what would be made. Raises Refused
    when the deploy there is unfinished, CloudError when the image fails, TimedOut.
    """
    groups = [autoscaling.group(run.cloud, name) for name in run.settings.groups]
    instance, host = open_management(run)
    with host:
        revision = _verified(run, instance, host, proven)
        run.journal.note(revision=revision, instance=instance.id)
        if run.dry:
            return foresee(run, revision, fresh=fresh)
        with run.step("image"):
            image = _image(run, instance, host, revision, fresh)
            run.journal.note(image=image.id)
            if names := waiting_text(waiting) if proven else _waiting(run, instance):
                _tag(run, image.id, {tags.WAITING: names})
    with run.step("template version"):
        for name in run.settings.groups:
            pin(run, name)
        groups = [autoscaling.group(run.cloud, name) for name in run.settings.groups]
        versions = {t: _version(run, t, v, revision, image) for t, v in _templates(groups).items()}
    # prune-images marks first and then looks for versions, so that one of both sees the other.
    now = images.image(run.cloud, image.id)
    if now is None or not now.usable:
        raise DeployError(f"image {image.id} is being removed by prune-images: run the same again, which makes a new one")
    return versions


def _waiting(run: Run, instance: Ec2Instance) -> str:
    """Return the tag of the management instance that names the migrations which wait."""
    found = instances.with_ids(run.cloud, [instance.id])
    return found[0].tags.get(tags.WAITING, "") if found else ""


def _verified(run: Run, instance: Ec2Instance, host: Host, proven: str | None) -> str:
    """Return the revision on the host, if a deploy has verified it."""
    there = host.read(commands.recorded_revision(run.settings.app)).text
    shown = proven or instance.tags.get(tags.REVISION, "")

    def probe() -> bool | Waiting:
        nonlocal shown
        found = instances.with_ids(run.cloud, [instance.id]) if shown != there else []
        shown = found[0].tags.get(tags.REVISION, "") if found else shown
        return shown == there or Waiting(f"the verified revision is {shown[:12] or 'none'}")

    with suppress(TimedOut):
        if there:
            # Of a deploy that ended a moment ago, the tag may not show yet.
            run.wait(f"the tag of {instance.id}", probe, timeout=_SETTLED * run.settings.rollout.poll, every=1.0)
            return there
    raise Refused(
        f"{instance.id} has {there[:12] or 'no revision'} checked out, but the verified revision is {shown[:12] or 'none'}: "
        "run deploy to its end first"
    )


def _templates(groups: list[Group]) -> dict[str, str]:
    """Return the source version for each template; groups may share a template."""
    return {require_template(g.name, g.source): g.version for g in groups}


def foresee(run: Run, revision: str, *, fresh: bool = False) -> dict[str, Version]:
    """Say what would be baked of a revision; return the version of each template that would boot it, existing or not."""
    for name in run.settings.groups:
        pin(run, name)
    groups = [autoscaling.group(run.cloud, name) for name in run.settings.groups]
    existing = None if fresh else _existing(run, revision, None)
    run.out.say(f"would use image {existing.id} again" if existing else f"would make an image of revision {revision[:12]}")
    foreseen = {}
    for template, source in _templates(groups).items():
        known = launch_templates.versions(run.cloud, template)
        there = next((v for v in known if existing and v.image == existing.id), None)
        number = str(int(known[0].number) + 1)
        foreseen[template] = there or launch_templates.Version(template, number, description(revision, "a new image"), False, {})
        run.out.say(
            f"version {there.number} of {template} boots it already"
            if there
            else f"would make version {number} of {template} from version {source}"
        )
    return foreseen


def _existing(run: Run, revision: str, instance: str | None) -> Image | None:
    """Return an available or pending image of this revision whose snapshots are known to have begun.

    `instance`: the management instance, where it is known. Anybody who may tag images can copy our tags: what EC2 itself says of
    an image decides whether it is ours.
    """
    found = images.find(run.cloud, {tags.REVISION: revision, tags.SITE: run.settings.image.name})
    for image in found:
        if not _is_of(image, instance):
            made = f"made from {image.source}" if image.source else "no image of an instance"
            run.out.say(f"image {image.id} has the tags of {revision[:12]}, but is {made}: not used")
    found = [image for image in found if _is_of(image, instance)]
    usable = [i for i in found if i.state in ("available", "pending") and tags.RETIRED not in i.tags]
    for image in (i for i in usable if CLEAN not in i.tags):
        run.out.say(f"image {image.id} of {revision[:12]} is not used: the run that began it died; deregister it")
    return next((i for i in usable if CLEAN in i.tags), None)


def _is_of(image: Image, instance: str | None) -> bool:
    return image.source == instance if instance is not None else bool(image.source)


def _image(run: Run, instance: Ec2Instance, host: Host, revision: str, fresh: bool) -> Image:
    existing = None if fresh else _existing(run, revision, instance.id)
    if existing:
        run.out.say(f"image {existing.id} of {revision[:12]} is {existing.state}: using it again")
        if existing.tags[CLEAN] == "no" and run.settings.image.cleaner:
            run.out.warn(f"{existing.id} was made without image.cleaner: bake-ami --fresh makes an image without secrets")
        return _available(run, existing.id)
    cleaner = _cleaner(run, host)
    prefix, now = run.settings.image.name, run.clock.now()
    tags = image_tags(prefix, revision, who(), now, run.settings.image.tags)
    with ExitStack() as stack:
        if cleaner and run.settings.image.reboot:
            host = stack.enter_context(reboot_management(run, instance, host))
        stack.enter_context(quiet(run, host, cleaner))
        name, reboot = image_name(prefix, revision, now), _by_ec2(run, cleaner)
        id = images.create(run.cloud, instance.id, name, tags, reboot=reboot, without=_left_out(run, instance))
        _begun(run, id, tags)
    _tag(run, id, {CLEAN: "yes" if cleaner else "no"})
    run.out.say(f"image {id} of {revision[:12]} begun")
    return _available(run, id)


def _left_out(run: Run, instance: Ec2Instance) -> list[str]:
    """Return the devices that the image does not hold: a volume for data would be copied to every web instance."""
    if run.settings.image.volumes == "all":
        return []
    found = [device for device in instance.devices if device != instance.root]
    if found and instance.root:
        run.out.say(f"not in the image: {', '.join(found)} (image.volumes: root)")
    return found if instance.root else []


def _cleaner(run: Run, host: Host) -> str | None:
    """Return the program that keeps secrets out of the image; warn and return None without one."""
    cleaner = run.settings.image.cleaner
    if cleaner is None or not host.read(image_cleaning.there(cleaner), check=False).code:
        return cleaner
    run.out.warn(
        f"{host.name} has no {cleaner} (image.cleaner): the image will hold its host keys, credentials and histories. "
        "Install settings_snippets/systemd/ramped-image"
    )
    return None


def _by_ec2(run: Run, cleaner: str | None) -> bool:
    """Return whether EC2 reboots the instance for the image: never while secrets are aside in its memory."""
    return run.settings.image.reboot and cleaner is None


def _begun(run: Run, id: str, tags: Mapping[str, str]) -> None:
    """Wait until the snapshots of the disk have begun."""

    def probe() -> bool | Waiting:
        return images.begun(run.cloud, id, tags) or Waiting(f"{id} has no snapshots yet")

    run.wait(f"the snapshots of {id}", probe, timeout=BEGIN, every=1.0)


def _tag(run: Run, id: str, tags: Mapping[str, str]) -> None:
    """Tag an image as soon as EC2 knows it."""

    def probe() -> bool | Waiting:
        return images.tag(run.cloud, id, tags) or Waiting(f"EC2 does not know {id} yet")

    run.wait(f"tagging {id}", probe, timeout=BEGIN, every=1.0)


@contextmanager
def quiet(run: Run, host: Host, cleaner: str | None = None) -> Iterator[None]:
    """Stop the site, set secrets aside and flush the disk until the snapshot has begun.

    Without a reboot an image is crash-consistent only (CreateImage, NoReboot): files just written may be empty in it. `cleaner`:
    the program on the host that sets secrets aside; it also stops and starts the units that it knows, so that they start again
    if this run is killed.
    """
    timeout = run.settings.app.boot_timeout
    known = host.read(image_cleaning.standing()).text.split() if cleaner else []
    services = () if _by_ec2(run, cleaner) else [u for u in run.settings.app.services if u not in known]
    try:
        for unit in services:
            host.run(commands.systemctl("stop", unit), timeout=timeout)
        with ExitStack() as stack:
            if cleaner:
                # Jobs that finish their current task take longer than the site.
                request = image_cleaning.request(run.settings.image.secrets, _keys(run))
                cleaned = stack.enter_context(held(host, cleaner, request, timeout=run.settings.image.timeout))
                run.out.say(str(cleaned))
                for line in cleaned.remarks():
                    run.out.warn(f"{host.name}: {line}")
            else:
                host.run("sync", timeout=timeout)
            yield
    finally:
        for unit in reversed(services):
            host.run(commands.systemctl("start", unit), timeout=timeout)


def _keys(run: Run) -> list[str] | None:
    """Return the keys that stay in the image's authorized_keys; None for all, where ours is unknown."""
    ours = own_keys(run.settings.ssh)
    if not ours:
        run.out.warn("neither ssh.key nor ssh-agent shows which key is ours: every authorized key stays in the image")
        return None
    return [*ours, *run.settings.image.authorized_keys]


def _available(run: Run, id: str) -> Image:
    def probe() -> Image | Waiting:
        # Right after CreateImage EC2 may not know the image yet.
        image = images.image(run.cloud, id)
        if image and image.state in ("failed", "error", "invalid", "deregistered"):
            raise CloudError(
                f"image {id} is {image.state}: {image.reason or 'no reason given'}. Run bake-ami again for a new one"
            )
        if image and image.state == "available":
            run.out.say(f"image {id} holds {', '.join(f'{device} ({size} GiB)' for device, size in image.sizes.items())}")
            return image
        return Waiting(f"{id} is {image.state if image else 'not known yet'}")

    return run.wait(f"image {id}", probe, timeout=run.settings.image.timeout, every=run.settings.rollout.poll)


def _known(run: Run, template: str, number: str) -> Version:
    """Return a version that was just created, once EC2 shows it in several answers: each may come from a copy that lags."""
    shown = 0

    def probe() -> Version | Waiting:
        nonlocal shown
        found = launch_templates.find(run.cloud, template, number)
        shown = shown + 1 if found else 0
        return found if found and shown >= _CONSISTENT else Waiting(f"EC2 does not show version {number} of {template} yet")

    return run.wait(f"version {number}", probe, timeout=BEGIN, every=min(1.0, run.settings.rollout.poll))


def _version(run: Run, template: str, source: str, revision: str, image: Image) -> Version:
    """Find the version of a template that boots an image, or create it from the source version."""
    text = description(revision, image.id)
    for there in launch_templates.versions(run.cloud, template):
        if there.description == text and there.image == image.id:
            run.out.say(f"version {there.number} of {template} boots {image.id} already")
            return there
    before = launch_templates.version(run.cloud, template, source)
    small = too_small(before.data, image.sizes)
    if small:
        raise Refused(
            f"version {before.number} of {template} could not boot {image.id}: {small}. Make a version with larger ones"
        )
    data = changes(before.data, image.id, image.snapshots, run.settings.image.initialization_rate)
    number = launch_templates.add(run.cloud, before, text, data, token(template, before.number, image.id))
    # EC2 does not validate the parameters of a new version.
    made = _known(run, template, number)
    if made.image != image.id:
        raise DeployError(f"version {number} of {template} names image {made.image or 'none'}, not {image.id}")
    run.out.say(f"version {number} of {template} made from {before.number}, boots {image.id} ({revision[:12]})")
    return made
