"""The one process of the rehearsal's world."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rehearsal.addresses import Octet
from tests.rehearsal.standin import PATIENCE

ROOT = Path(__file__).parents[2]


@contextmanager
def server(directory: Path, *more: str, options: str = "{}") -> Iterator[tuple["subprocess.Popen[str]", dict[str, Any]]]:
    """Start it with bare hosts; yield the process and its line, and end it."""
    with Octet() as octet:
        command = [sys.executable, "-m", "rehearsal.server", "--directory", str(directory), "--octet", str(octet.number)]
        process = subprocess.Popen(
            [*command, "--hosts", "bare", "--options", options, *more],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONWARNINGS": "default"},
        )
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            yield process, json.loads(line) if line else {}
        finally:
            process.kill()
            process.communicate()


def get(url: str) -> tuple[int, Any]:
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
        return answer.status, json.load(answer)


def test_it_says_where_it_is_and_ends_with_its_standard_input(tmp_path: Path) -> None:
    with server(tmp_path, options='{"boot": 0.5}') as (process, world):
        status, report = get(world["control"] + "calls")
        assert (status, report["total"]) == (200, 0)
        assert get(world["control"] + "balancer") == (200, {})
        assert world["balancer"] == f"http://127.{world['octet']}.0.3:8080"
        assert world["cdn"] == f"http://127.{world['octet']}.0.4:8080"
        _, errors = process.communicate(timeout=PATIENCE)
        assert (process.returncode, errors) == (0, "")


def test_the_term_signal_ends_it_and_ctrl_c_is_left_to_the_parent(tmp_path: Path) -> None:
    with server(tmp_path) as (process, world):
        process.send_signal(signal.SIGINT)
        assert get(world["control"] + "faults")[0] == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE) == 0


@pytest.mark.parametrize("options", ['{"nonsense": 1}', '{"hosts": {"nonsense": 1}}'])
def test_an_option_that_does_not_exist_is_named(tmp_path: Path, options: str) -> None:
    with server(tmp_path, options=options) as (process, world):
        assert world == {}
        _, errors = process.communicate(timeout=PATIENCE)
        assert process.returncode == 1
        assert "nonsense" in errors
        assert len(errors.strip().splitlines()) == 1
