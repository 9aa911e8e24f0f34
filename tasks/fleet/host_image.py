"""An image of the management instance: found, begun without secrets, waited for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from ..aws import images, tags
from ..aws.images import Image
from ..aws.instances import Ec2Instance
from ..decisions.release import image_cleaning
from ..decisions.release.image_cleaning import BEGIN, CLEAN
from ..decisions.release.image_names import image_name, image_tags
from ..errors import CloudError
from ..hosts.holding import held, own_keys
from ..hosts.management import reboot_management
from ..hosts.shell import commands
from ..hosts.ssh import Host
from ..runtime.operator import who
from ..runtime.run import Run
from ..runtime.waiting import Waiting


def existing(run: Run, revision: str, instance: str | None) -> Image | None:
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


def adopted(run: Run, instance: Ec2Instance, revision: str) -> str | None:
    """Return the image that an earlier run has made or begun of this revision, or None."""
    known = existing(run, revision, instance.id)
    if known is None:
        return None
    run.out.say(
        f"image {known.id} of {revision[:12]} is {known.state}: using it again; it holds what was there at {known.created}"
    )
    if known.tags[CLEAN] == "no" and run.settings.image.cleaner:
        run.out.warn(f"{known.id} was made without image.cleaner: bake-ami --fresh makes an image without secrets")
    return known.id


def begin(run: Run, instance: Ec2Instance, host: Host, revision: str) -> str:
    """Begin an image and return its id once its snapshots have begun: the instance may change from then on."""
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
    tag(run, id, {CLEAN: "yes" if cleaner else "no"})
    run.out.say(f"image {id} of {revision[:12]} begun")
    return id


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


def tag(run: Run, id: str, tags: Mapping[str, str]) -> None:
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


def available(run: Run, id: str, passed: float) -> tuple[Image, bool]:
    """Return the image once it is available, and whether it was waited for; `passed`: seconds since it was begun."""
    waited = False

    def probe() -> Image | Waiting:
        nonlocal waited
        # Right after CreateImage EC2 may not know the image yet.
        image = images.image(run.cloud, id)
        if image and image.state in ("failed", "error", "invalid", "deregistered"):
            raise CloudError(
                f"image {id} is {image.state}: {image.reason or 'no reason given'}. Run bake-ami again for a new one"
            )
        if image and image.state == "available":
            run.out.say(f"image {id} holds {', '.join(f'{device} ({size} GiB)' for device, size in image.sizes.items())}")
            return image
        waited = True
        return Waiting(f"{id} is {image.state if image else 'not known yet'}")

    limit = run.settings.image.timeout
    what = f"image {id}, begun {passed:.0f} s ago (image.timeout: {limit:.0f})" if passed >= 1 else f"image {id}"
    return run.wait(what, probe, timeout=max(0.0, limit - passed), every=run.settings.rollout.poll), waited
