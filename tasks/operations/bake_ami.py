"""`bake-ami`: an image of the management instance, and a launch template version that boots it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, suppress

from ..aws import autoscaling, images, instances, launch_templates, tags
from ..aws.autoscaling import Group
from ..aws.images import Image
from ..aws.instances import Ec2Instance
from ..aws.launch_sources import require_template
from ..aws.launch_templates import Version
from ..decisions.release.image_cleaning import BEGIN
from ..decisions.release.image_names import changes, description, token, too_small
from ..decisions.release.stages import waiting_text
from ..errors import DeployError, Refused, TimedOut
from ..fleet.host_image import adopted, available, begin, existing, tag
from ..fleet.pin import pin
from ..hosts.management import open_management
from ..hosts.shell import commands
from ..hosts.ssh import Host
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
    if run.dry:
        return _foresee_deployed(run, fresh)
    with Baking(run, fresh=fresh, proven=proven, waiting=waiting) as baking:
        baking.finish()
    return baking.versions()


def _foresee_deployed(run: Run, fresh: bool) -> dict[str, Version]:
    instance, host = open_management(run)
    with host:
        revision = _verified(run, instance, host, None)
    run.journal.note(revision=revision, instance=instance.id)
    return foresee(run, revision, fresh=fresh)


class Baking(AbstractContextManager["Baking"]):
    """An image that EC2 makes by itself once it has begun; its step lasts until it is available.

    with Baking(run, proven=revision) as baking:
        restart_fleet(run, added)
        baking.finish()
    versions = baking.versions()

    The parameters and errors are those of `bake`. A run that ends in between leaves an image that the next run uses.
    """

    def __init__(self, run: Run, *, fresh: bool = False, proven: str | None = None, waiting: Sequence[str] = ()) -> None:
        self._run, self._fresh, self._proven, self._names = run, fresh, proven, waiting
        self._step = ExitStack()
        self._open = False
        self._image: Image | None = None
        self.is_new = False  # made by this run

    def __enter__(self) -> Baking:
        """Begin the image, or find that of an earlier run."""
        run = self._run
        for name in run.settings.groups:
            autoscaling.group(run.cloud, name)
        self._instance, host = open_management(run)
        with host:
            self.revision = _verified(run, self._instance, host, self._proven)
            run.journal.note(revision=self.revision, instance=self._instance.id)
            with ExitStack() as step:
                step.enter_context(run.step("image"))
                found = None if self._fresh else adopted(run, self._instance, self.revision)
                self.is_new = found is None
                self.id = found or begin(run, self._instance, host, self.revision)
                self._began = run.clock.elapsed()
                self._step, self._open = step.pop_all(), True
        return self

    def finish(self) -> float:
        """Wait until the image is available; return the seconds that this took at most, from its beginning."""
        run, looked, self._open = self._run, self._run.clock.elapsed(), False
        with self._step:
            self._image, waited = available(run, self.id, looked - self._began)
            run.journal.note(image=self.id)
            if names := waiting_text(self._names) if self._proven else _waiting(run, self._instance):
                tag(run, self.id, {tags.WAITING: names})
        return (run.clock.elapsed() if waited else looked) - self._began

    def versions(self) -> dict[str, Version]:
        """Make the version of each template that boots the image. Raises Refused, DeployError."""
        run, image = self._run, self._image
        assert image is not None
        with run.step("template version"):
            self._require_same()
            for name in run.settings.groups:
                pin(run, name)
            groups = [autoscaling.group(run.cloud, name) for name in run.settings.groups]
            versions = {t: _version(run, t, v, self.revision, image) for t, v in _templates(groups).items()}
        # prune-images marks first and then looks for versions, so that one of both sees the other.
        now = images.image(run.cloud, image.id)
        if now is None or not now.usable:
            raise DeployError(f"image {image.id} is being removed by prune-images: run the same again, which makes a new one")
        return versions

    def _require_same(self) -> None:
        """Refuse where somebody has deployed since: the database may have the migrations of another release."""
        shown = _shown(self._run, self._instance, self.revision)
        if shown != self.revision:
            raise Refused(
                f"{self._instance.id} was deployed to meanwhile: its verified revision is {shown[:12] or 'none'}, not"
                f" {self.revision[:12]}, whose image {self.id} is not used. Agree on a revision, and ship that"
            )

    def __exit__(self, *_: object) -> None:
        """End the step of an image that was not waited for."""
        if self._open:
            self._run.out.say(f"EC2 goes on with image {self.id}: the same command uses it again")
            # No error of the image's own: it goes on, and no hook for its failure is to run.
            self._step.__exit__(GeneratorExit, GeneratorExit(), None)


def _waiting(run: Run, instance: Ec2Instance) -> str:
    """Return the tag of the management instance that names the migrations which wait."""
    found = instances.with_ids(run.cloud, [instance.id])
    return found[0].tags.get(tags.WAITING, "") if found else ""


def _verified(run: Run, instance: Ec2Instance, host: Host, proven: str | None) -> str:
    """Return the revision on the host, if a deploy has verified it."""
    there = host.read(commands.recorded_revision(run.settings.app)).text
    shown = _shown(run, instance, there, proven or instance.tags.get(tags.REVISION, ""))
    if there and shown == there:
        return there
    raise Refused(
        f"{instance.id} has {there[:12] or 'no revision'} checked out, but the verified revision is {shown[:12] or 'none'}: "
        "run deploy to its end first"
    )


def _shown(run: Run, instance: Ec2Instance, wanted: str, shown: str = "") -> str:
    """Return the verified revision by the instance's tag: that of a deploy that ended a moment ago may not show at once."""

    def probe() -> bool | Waiting:
        nonlocal shown
        if shown != wanted and (found := instances.with_ids(run.cloud, [instance.id])):
            shown = found[0].tags.get(tags.REVISION, "")
        return shown == wanted or Waiting(f"the verified revision is {shown[:12] or 'none'}")

    with suppress(TimedOut):
        if wanted:
            run.wait(f"the tag of {instance.id}", probe, timeout=_SETTLED * run.settings.rollout.poll, every=1.0)
    return shown


def _templates(groups: list[Group]) -> dict[str, str]:
    """Return the source version for each template; groups may share a template."""
    return {require_template(g.name, g.source): g.version for g in groups}


def foresee(run: Run, revision: str, *, fresh: bool = False) -> dict[str, Version]:
    """Say what would be baked of a revision; return the version of each template that would boot it, existing or not."""
    for name in run.settings.groups:
        pin(run, name)
    groups = [autoscaling.group(run.cloud, name) for name in run.settings.groups]
    found = None if fresh else existing(run, revision, None)
    run.out.say(f"would use image {found.id} again" if found else f"would make an image of revision {revision[:12]}")
    foreseen = {}
    for template, source in _templates(groups).items():
        known = launch_templates.versions(run.cloud, template)
        there = next((v for v in known if found and v.image == found.id), None)
        number = str(int(known[0].number) + 1)
        foreseen[template] = there or launch_templates.Version(template, number, description(revision, "a new image"), False, {})
        run.out.say(
            f"version {there.number} of {template} boots it already"
            if there
            else f"would make version {number} of {template} from version {source}"
        )
    run.hooks.foresee("image", "template-version")
    return foreseen


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
