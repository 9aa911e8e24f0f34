"""What a run of the tests draws: again what a run before it drew, with the TESTS_SEED that this one shows where it failed."""

import os
import random
from typing import Any

import pytest

# In the environment, so that the workers of pytest-xdist draw by it too.
SEED = os.environ.setdefault("TESTS_SEED", str(random.randrange(10**6)))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let each test draw what it draws, whichever others run."""
    random.seed(f"{SEED} {item.nodeid}")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Name the seed where something failed."""
    if terminalreporter.stats.get("failed") or terminalreporter.stats.get("error"):
        terminalreporter.write_line(f"What was drawn is drawn again with TESTS_SEED={SEED}")
