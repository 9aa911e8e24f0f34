"""A stand-in cloud and our own clients of it, for tests of the edges."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tasks.runtime.cloud import Cloud as Api
from tasks.settings.model import Aws
from tests.rehearsal.standin import REGION, Cloud, stand_in


def api_of(cloud: Cloud) -> Api:
    return Api(Aws(region=REGION, endpoint=cloud.url))


@contextmanager
def world(**options: Any) -> Iterator[tuple[Cloud, Api]]:
    with stand_in(**options) as cloud:
        yield cloud, api_of(cloud)


def changes(cloud: Cloud) -> list[str]:
    """Return the changing calls since the log was cleared, in order."""
    return [one["action"].split(":")[1] for one in cloud.control("calls")["changes"]]
