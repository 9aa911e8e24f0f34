"""The journal of process hosts: what `logs` and the tasks ask of it."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rehearsal.hosts import journalctl

NOW = datetime(2026, 1, 1, 0, 10, tzinfo=UTC)
PRINTED = """\
Dec 31 23:50:00 ip-1 systemd[1]: Starting The shop...
[2026-01-01 00:05:00 +0000] [22] [INFO] Starting gunicorn
  a second line
[2026-01-01 00:09:30 +0000] [22] [ERROR] Worker failed
"""


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    (tmp_path / "shop.service").write_text(PRINTED)
    (tmp_path / "nginx.service").write_text("[2026-01-01 00:06:00 +0000] [7] ready\n")
    return tmp_path


def entries(journal: Path, *options: str) -> list[tuple[str, str, str]]:
    asked = ["--unit=shop.service", "--unit=nginx", "--output=json", "--output-fields=MESSAGE", "--all", "--no-pager", *options]
    printed, code = journalctl.answer(asked, journal, NOW)
    assert code == 0
    found = [json.loads(line) for line in printed.splitlines()]
    at = [datetime.fromtimestamp(int(one["__REALTIME_TIMESTAMP"]) / 1e6, UTC) for one in found]
    return [(f"{when:%Y-%m-%d %H:%M:%S}", one["_SYSTEMD_UNIT"], one["MESSAGE"][:12]) for when, one in zip(at, found, strict=True)]


def test_a_line_has_its_own_time_or_that_of_the_line_before(journal: Path) -> None:
    assert entries(journal) == [
        ("2025-12-31 23:50:00", "shop.service", "Starting The"),
        ("2026-01-01 00:05:00", "shop.service", "[2026-01-01 "),
        ("2026-01-01 00:05:00", "shop.service", "  a second l"),
        ("2026-01-01 00:06:00", "nginx.service", "[2026-01-01 "),
        ("2026-01-01 00:09:30", "shop.service", "[2026-01-01 "),
    ]


def test_times_and_patterns_choose(journal: Path) -> None:
    assert [one[0][-8:] for one in entries(journal, "--since=5 min ago")] == ["00:05:00", "00:05:00", "00:06:00", "00:09:30"]
    assert [one[0][-8:] for one in entries(journal, "--since=2026-01-01 00:09")] == ["00:09:30"]
    assert len(entries(journal, "--grep=error")) == 1
    assert journalctl.answer(["--unit=shop", "--output=json", "--grep=Failed"], journal, NOW) == ("", 1)
    assert journalctl.answer(["-u", "shop", "-n", "1"], journal, NOW)[0].endswith("Worker failed\n")


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (["-u", "shop", "--follow"], "--follow is not modelled"),
        (["-n", "3"], "name one with -u"),
        (["-u", "shop", "--since=yesterday"], "--since=yesterday is not modelled"),
        (["-u", "shop", "--grep=("], "--grep=("),
        (["-u", "shop", "-n", "all"], "invalid int value"),
    ],
)
def test_what_is_not_modelled_is_refused(journal: Path, asked: list[str], why: str) -> None:
    with pytest.raises(journalctl.Unmodelled) as refused:
        journalctl.answer(asked, journal, NOW)
    assert why in str(refused.value)
