"""A process that stands still longer than its lease, while a colleague goes on: it writes nothing more when it wakes up."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.worlds.operator_folder import ROOT
from tests.worlds.rolling_world import rolling
from tests.worlds.shop_world import credentials

LEASE = 20.0


def test_a_process_that_was_stopped_writes_nothing_more_once_its_lease_is_another_s(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)
    with rolling(2) as world:
        command = [sys.executable, "-u", "-m", "tests.worlds.short_lease", world.cloud.url, "web", world.next, str(LEASE)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            while "1 new, 2 old" not in (line := process.stdout.readline()):
                assert line, "it ended before it waited"
            os.kill(process.pid, signal.SIGSTOP)
            try:
                # By AWS's clock the lease has run out when that long has passed.
                time.sleep(LEASE + 1)
                with world.watched():
                    world.roll()
                world.assert_done(world.next, launches=2)
                world.cloud.control("calls/clear", {})
            finally:
                os.kill(process.pid, signal.SIGCONT)
            said = process.stdout.read()
            assert process.wait() == 3 and "the lock is no longer ours" in said
        assert world.cloud.control("calls")["changes"] == []
        world.assert_done(world.next, launches=2)
