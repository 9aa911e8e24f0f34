"""`ramped-role` against the metadata service of the rehearsal: rather no job than the same job twice."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal.hosts.metadata import Described, MetadataService
from tests.settings_snippets.project import SNIPPETS

PROGRAM = SNIPPETS / "systemd/ramped-role"


class Host:
    """What an instance is told, and what its role becomes."""

    def __init__(self, folder: Path) -> None:
        self.run, self.calls = folder / "run", folder / "calls"
        self.tags = {"ramped:role": "management", "Name": "web management"}
        self.shows = True
        systemctl = folder / "bin/systemctl"
        systemctl.parent.mkdir()
        systemctl.write_text(f'#!/bin/sh\necho "$*" >>{self.calls}\n')
        systemctl.chmod(0o755)
        self.path = f"{systemctl.parent}:{os.environ['PATH']}"
        self.service = MetadataService(lambda _: Described("i-1", "127.0.0.1", "", self.tags, self.shows), "127.0.0.1", 0)
        self.service.start()

    def ask(self, *words: str, patience: int = 60, **environment: str) -> tuple[int, str, str]:
        """Return exit code, role and what it did with the jobs."""
        self.calls.unlink(missing_ok=True)
        given = {"PATH": self.path, "RAMPED_RUN": str(self.run), "RAMPED_PATIENCE": str(patience), **environment}
        more = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": self.service.url}
        ran = subprocess.run(
            [sys.executable, str(PROGRAM), *words], env=more | given, capture_output=True, text=True, timeout=120
        )
        role = (self.run / "role").read_text().strip()
        assert sorted(path.name for path in self.run.iterdir()) == ["role", f"role-{role}"], ran.stderr
        return ran.returncode, role, self.calls.read_text().strip()


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(tmp_path)
    yield made
    made.service.close()


RUNS, NONE = "--no-block start ramped-jobs.target", "--no-block stop ramped-jobs.target"


def test_the_management_instance_runs_the_jobs(host: Host) -> None:
    assert host.ask() == host.ask("ramped:role", "management") == (0, "management", RUNS)


@pytest.mark.parametrize("value", ["web", "smoke", "", "../management", "management\nweb", "Management"])
def test_any_other_does_not(host: Host, value: str) -> None:
    host.tags["ramped:role"] = value
    code, role, jobs = host.ask()
    assert (code, jobs) == (0, NONE) and role == (value if value in ("smoke", "Management") else "web")


def test_without_the_tag_or_its_sight_it_is_a_web_instance_and_that_is_no_failure(host: Host) -> None:
    host.shows = False
    assert host.ask() == (0, "web", NONE)
    host.shows = True
    del host.tags["ramped:role"]
    assert host.ask() == (0, "web", NONE)


def test_another_tag_may_be_the_one(host: Host) -> None:
    host.tags = {"role": "builder"}
    assert host.ask("role", "builder") == (0, "management", RUNS)
    host.tags = {"role": "management"}
    assert host.ask("role", "builder") == (0, "web", NONE)


@pytest.mark.parametrize("fault", ["silent", "error", "slow", "absent"])
def test_without_an_answer_it_is_a_web_instance_whatever_it_was_before_and_the_timer_asks_again(host: Host, fault: str) -> None:
    assert host.ask()[1] == "management"
    host.service.change({"fault": fault, "seconds": 600})
    assert host.ask(patience=1) == (1, "web", NONE)


def test_a_service_that_is_late_is_waited_for(host: Host) -> None:
    host.service.fault = "error"
    threading.Timer(0.7, lambda: setattr(host.service, "fault", "")).start()
    assert host.ask() == (0, "management", RUNS)
    host.service.fault, host.service.seconds = "slow", 0.3
    assert host.ask() == (0, "management", RUNS)


def test_it_goes_past_every_proxy(host: Host) -> None:
    assert host.ask(http_proxy="http://127.0.0.1:9", HTTP_PROXY="http://127.0.0.1:9")[1] == "management"
