"""One stand-in cloud for each test that asks for it."""

from collections.abc import Iterator

import pytest

from tests.rehearsal.standin import Cloud, stand_in


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with stand_in() as running:
        yield running
