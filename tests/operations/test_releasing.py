"""The parts of a release: what is recorded at its end."""

import io
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from tasks.aws import images
from tasks.operations.releasing import Releasing
from tasks.runtime.output import Output
from tasks.runtime.run import Run
from tasks.runtime.waiting import SystemClock
from tests.runtime.test_guard import site


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
    releasing = Releasing(Run(site(), Output(screen, screen), SystemClock(), False, "fab ship"), None, yes=True)
    releasing._baking = SimpleNamespace(id="ami-1", is_new=True)  # type: ignore[assignment]
    releasing.record()
    assert f"image ami-1 could not be tagged ramped:took: {why}" in screen.getvalue()
