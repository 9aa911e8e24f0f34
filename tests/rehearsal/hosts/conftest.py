"""Disks, keys and hosts for the tests of this folder; all is gone afterwards."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.rehearsal.hosts.support import Fleet, Instance, Key, golden_disk, service


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Key:
    return Key(tmp_path_factory.mktemp("key"))


@pytest.fixture(scope="session")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return golden_disk(tmp_path_factory.mktemp("golden") / "disk", unit=service())


@pytest.fixture
def fleet(tmp_path: Path, key: Key) -> Iterator[Fleet]:
    fleet = Fleet(tmp_path / "hosts", key)
    yield fleet
    fleet.hosts.close()


@pytest.fixture(scope="module")
def shared_fleet(tmp_path_factory: pytest.TempPathFactory, key: Key, disk: Path) -> Iterator[Fleet]:
    fleet = Fleet(tmp_path_factory.mktemp("shared") / "hosts", key)
    fleet.image(disk)
    yield fleet
    fleet.hosts.close()


@pytest.fixture(scope="module")
def instance(shared_fleet: Fleet) -> Instance:
    """One healthy host for all tests of a module that only look."""
    return shared_fleet.launch()


@pytest.fixture
def launched(fleet: Fleet, tmp_path: Path) -> Callable[..., Instance]:
    """Launch one host whose unit file is made to order."""

    def launch(*, activated: bool = True, unit: str | None = None, **options: object) -> Instance:
        text = unit if unit is not None else service(activated=activated, **options)  # type: ignore[arg-type]
        fleet.image(golden_disk(tmp_path / "disk", unit=text, activated=activated))
        return fleet.launch()

    return launch


@pytest.fixture
def closing_all() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack
