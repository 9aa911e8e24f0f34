"""The parts of a release, each carried out once, in an order that is data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack

from botocore.exceptions import BotoCoreError, ClientError

from ..aws import images, tags
from ..aws.launch_templates import Version
from ..decisions.release import durations, order
from ..decisions.release.order import Part
from ..decisions.release.releases import Release
from ..runtime.cloud import error_code
from ..runtime.run import Run
from .bake_ami import Baking, foresee
from .contract import contract_in_ship
from .deploy import deploy_release
from .invalidate import invalidate_paths
from .management import stop
from .restart_all import restart_fleet
from .rollout import roll_out
from .warm_cdn import warm


class Releasing(AbstractContextManager["Releasing"]):
    """A release under way.

    with Releasing(run, revision, yes=yes) as releasing:
        releasing.carry_out(order.parts(early=True))

    `revision`: as of `deploy`; `yes`: go past reviews and pauses; `apart`: called before `migrate` to stop all traffic. Killed
    anywhere, the same again finishes it: each part finds what was done before.
    """

    def __init__(self, run: Run, revision: str | None, *, yes: bool, apart: Callable[[], None] | None = None) -> None:
        self._run, self._revision, self._yes, self._apart = run, revision, yes, apart
        self._open = ExitStack()  # an image under way
        self._release: Release | None = None
        self._baking: Baking | None = None
        self.versions: dict[str, Version] = {}
        self._serving = 0
        self.seconds: dict[str, float] = {}  # by part
        self._jobs: dict[str, Callable[[], float | None]] = {
            order.DEPLOY: self._deploy,
            order.BEGIN: self._begin_image,
            order.RESTART: self._restart,
            order.WARM: self._warm,
            order.IMAGE: self._image,
            order.VERSION: self._version,
            order.ROLLOUT: self._rollout,
            order.INVALIDATE: self._invalidate,
            order.CONTRACT: self._contract,
            order.STOP: lambda: stop(run, foreseen=run.dry),
        }

    def carry_out(self, ordered: Sequence[Part]) -> None:
        """Carry the parts out, each when those that it waits for have ended. Raises the errors of the parts."""
        clock = self._run.clock
        for part in ordered:
            assert all(name in self.seconds for name in part.after), part
            began = clock.elapsed()
            took = self._jobs[part.name]()
            self.seconds[part.name] = clock.elapsed() - began if took is None else took

    def warn_of_waiting(self) -> None:
        """Warn of the migrations that nothing runs in this release."""
        if self._released.waiting:
            names = ", ".join(self._released.waiting)
            self._run.out.warn(f"these migrations wait until no old code runs: {names}; `contract` runs them")

    def record(self) -> None:
        """Record how long the parts took that have ended; a failure is a warning, for only forecasts depend on it."""
        if self._baking is None or not self._baking.is_new:
            return
        try:
            known = images.tag(self._run.cloud, self._baking.id, {tags.TOOK: durations.value(self.seconds)})
            why = "" if known else "EC2 does not know the image"
        except (BotoCoreError, ClientError) as error:
            why = error_code(error) or str(error)
        if why:
            self._run.out.warn(f"image {self._baking.id} could not be tagged {tags.TOOK}: {why}")

    def __exit__(self, *_: object) -> None:
        """Leave an image that was not waited for to EC2."""
        self._open.close()

    @property
    def _released(self) -> Release:
        assert self._release is not None
        return self._release

    def _deploy(self) -> None:
        self._release = deploy_release(self._run, self._revision, yes=self._yes, apart=self._apart)

    def _begin_image(self) -> None:
        if not self._run.dry:
            own = self._released
            self._baking = self._open.enter_context(Baking(self._run, proven=own.revision, waiting=own.waiting))

    def _restart(self) -> None:
        self._serving = restart_fleet(self._run, self._released.added)

    def _warm(self) -> None:
        if self._serving:
            warm(self._run, self._released.added, self._released.digests)

    def _image(self) -> float | None:
        return self._baking.finish() if self._baking else None

    def _version(self) -> None:
        baking, own = self._baking, self._released
        self.versions = baking.versions() if baking else foresee(self._run, own.revision)

    def _rollout(self) -> None:
        # A pause ends this run, and the next finds the image made.
        self.record()
        roll_out(self._run, self.versions, yes=self._yes)

    def _invalidate(self) -> None:
        if self._run.dry:
            static = self._run.settings.static
            self._run.out.say(f"would invalidate every static file of the release that {static.cdn} answers with an error")
            self._run.hooks.foresee("invalidate")
        else:
            invalidate_paths(self._run)

    def _contract(self) -> None:
        if self._released.waiting:
            contract_in_ship(self._run)
