"""The parts of a release: what is recorded of them, and what is said of an image that was not waited for."""

import io
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from tasks.aws import images
from tasks.decisions.release import order
from tasks.decisions.release.order import Part
from tasks.errors import Paused
from tasks.operations import releasing as operation
from tasks.operations.bake_ami import Baking
from tasks.operations.releasing import Releasing
from tasks.runtime.output import Output
from tasks.runtime.run import Run
from tasks.runtime.waiting import SystemClock
from tests.settings.site import site


def with_new_image(screen: io.StringIO) -> Releasing:
    releasing = Releasing(Run(site(), Output(screen, screen), SystemClock(), False, "fab ship"), None, yes=False)
    releasing._baking = SimpleNamespace(id="ami-1", is_new=True)  # type: ignore[assignment]
    return releasing


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (ClientError({"Error": {"Code": "UnauthorizedOperation"}}, "CreateTags"), "UnauthorizedOperation"),
        (EndpointConnectionError(endpoint_url="https://ec2"), "Could not connect to the endpoint URL"),
    ],
)
def test_a_release_that_has_ended_does_not_fail_because_it_could_not_be_recorded(
    error: Exception, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> bool:
        raise error

    monkeypatch.setattr(images, "tag", fails)
    screen = io.StringIO()
    with_new_image(screen).record()
    assert f"image ami-1 could not be tagged ramped:took: {why}" in screen.getvalue()


def test_what_is_known_is_recorded_before_a_rollout_that_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded: list[dict[str, str]] = []
    monkeypatch.setattr(images, "tag", lambda cloud, id, tags: recorded.append(tags) or True)

    def pauses(*_: Any, **__: Any) -> None:
        raise Paused("after 1 of 4", "fab ship --yes")

    monkeypatch.setattr(operation, "roll_out", pauses)
    releasing = with_new_image(io.StringIO())
    releasing.seconds = {order.DEPLOY: 60.0, order.IMAGE: 300.0}
    with pytest.raises(Paused):
        releasing.carry_out([Part(order.ROLLOUT, (order.IMAGE,))])
    assert recorded == [{"ramped:took": "deploy=60 image=300"}]


def test_an_image_that_was_not_waited_for_is_not_shown_as_failed() -> None:
    screen = io.StringIO()
    run = Run(site(), Output(screen, screen), SystemClock(), False, "fab ship")
    baking = Baking(run)
    with ExitStack() as step:
        step.enter_context(run.step("image"))
        baking._step, baking._open, baking.id = step.pop_all(), True, "ami-1"
    baking.__exit__(None, None, None)
    run.report("what was done")
    shown = screen.getvalue()
    assert "EC2 goes on with image ami-1" in shown and shown.count("goes on image") == 1 and "failed" not in shown
    assert [step.outcome for step in run.steps.ended] == ["goes-on"]
