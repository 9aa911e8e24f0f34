"""A stand-in cloud for each test that asks for one, or for a module."""

from collections.abc import Iterator

import pytest

from tests.rehearsal.standin import Cloud, stand_in


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with stand_in() as running:
        yield running


@pytest.fixture(scope="module")
def module_cloud() -> Iterator[Cloud]:
    with stand_in() as running:
        yield running
