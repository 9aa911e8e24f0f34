"""Which tests share a process of pytest-xdist, and in which order they begin.

The tests of a file stay together, for they may share a world. Files whose tests share nothing are spread, and what takes longest
begins first, so that no process is left with half of an hour at the end.
"""

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

# Measured, in seconds on an idle machine; a file that is not named takes less than ten.
LONGEST: dict[str, int] = {}
SPREAD = frozenset(
    {
        "tests/decisions/rollout/test_properties.py",
        "tests/fleet/test_instance_refresh.py",
        "tests/fleet/test_loop.py",
        "tests/fleet/test_loop_groups.py",
        "tests/fleet/test_loop_killed.py",
        "tests/operations/test_rehearse.py",
    }
)


def file_of(nodeid: str) -> str:
    return nodeid.partition("::")[0]


class Files(LoadScopeScheduling):
    """Hand out whole files, and single tests of those that are spread."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid if file_of(nodeid) in SPREAD else file_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Files:
    config.option.loadscopereorder = False  # it would begin with the files of many tests, which are the quick ones
    return Files(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: -LONGEST.get(file_of(item.nodeid), 0))
