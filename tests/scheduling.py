"""Which tests share a process of pytest-xdist, and in which order they begin.

The tests of a file stay together, for they may share a world; files whose tests share nothing are divided. What takes longest
begins first, so that no process is left with half of it at the end.
"""

from typing import Any
from zlib import crc32

import pytest
from xdist.scheduler import LoadScopeScheduling

# The longest first; a file that is not named takes less than twenty seconds.
LONGEST = (
    "tests/operations/test_rehearse.py",
    "tests/operations/test_restart_all.py",
    "tests/operations/test_deploy.py",
    "tests/packaging/test_installed.py",
    "tests/operations/test_maintenance.py",
    "tests/operations/test_check_migrations.py",
    "tests/operations/test_bake_ami.py",
    "tests/operations/test_ship.py",
    "tests/operations/test_bake_ami_clean.py",
    "tests/fleet/test_loop.py",
    "tests/fleet/test_loop_groups.py",
    "tests/fleet/test_instance_refresh.py",
    "tests/fleet/test_loop_killed.py",
    "tests/aws/test_lock.py",
    "tests/hosts/test_pool.py",
    "tests/rehearsal/test_site.py",
    "tests/rehearsal/hosts/test_services.py",
    "tests/rehearsal/hosts/test_supervisor.py",
)
# Files whose tests share nothing, and into how many parts each may be divided; a rehearsal alone keeps a processor busy.
PARTS = {
    "tests/decisions/rollout/test_properties.py": 4,
    "tests/fleet/test_instance_refresh.py": 4,
    "tests/fleet/test_loop.py": 8,
    "tests/fleet/test_loop_groups.py": 4,
    "tests/fleet/test_loop_killed.py": 8,
    "tests/operations/test_rehearse.py": 2,
}


def file_of(nodeid: str) -> str:
    return nodeid.partition("::")[0]


class Files(LoadScopeScheduling):
    """Hand out whole files, or parts of those that may be divided."""

    def _split_scope(self, nodeid: str) -> str:
        file = file_of(nodeid)
        return f"{file} {crc32(nodeid.encode()) % PARTS.get(file, 1)}"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Files:
    config.option.loadscopereorder = False  # it would begin with the files of many tests, which are the quick ones
    return Files(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = {file: number for number, file in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(file_of(item.nodeid), len(order)))
