"""The verdicts on all migrations of large apps that others wrote, one by one, against what happens on PostgreSQL.

One of five apps by default; all with RAMPED_ALL_MIGRATIONS=1. tests/run installs them into .venv/django-apps (what
migrations/requirements.txt names, with --no-deps --target); RAMPED_MIGRATION_APPS names another folder.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import django
import pytest

from tests.settings_snippets import postgresql
from tests.settings_snippets.migrations.third_party import APPS

ROOT = Path(__file__).parents[2]
FOLDER = Path(os.environ.get("RAMPED_MIGRATION_APPS") or ROOT / ".venv/django-apps")
ALL = os.environ.get("RAMPED_ALL_MIGRATIONS") == "1"
BRIEF = ("django_celery_beat",)

pytestmark = [
    pytest.mark.skipif(not postgresql.INSTALLED, reason="PostgreSQL is not installed"),
    pytest.mark.skipif(not FOLDER.is_dir(), reason=f"the apps are not in {FOLDER}: tests/run installs them"),
    pytest.mark.skipif(django.VERSION[:2] != (5, 2), reason="these versions of the apps are made for Django 5.2"),
]


@pytest.mark.parametrize("name", APPS)
def test_no_verdict_on_the_migrations_of_others_is_wrong(name: str) -> None:
    if not (ALL or name in BRIEF):
        pytest.skip(f"the migrations of {name}: only with RAMPED_ALL_MIGRATIONS=1")
    module = "tests.settings_snippets.migrations.third_party"
    with postgresql.cluster() as cluster:
        # What these apps warn of is theirs.
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", module, str(cluster.folder), name, str(FOLDER)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    fails = {one["name"]: one["failed"] or one["old"] or one["new"] or one["rows"] for one in told}
    passed = {one["name"] for one in told if one["verdict"] in ("none", "compatible")}
    assert not {name: why for name, why in fails.items() if why and name in passed}
    alarms = [one["name"] for one in told if not fails[one["name"]] and one["name"] not in passed and not one["opaque"]]
    print(f"{name}: {len(told)} migrations, {sum(map(bool, fails.values()))} fail, {len(alarms)} false alarms: {alarms}")
    assert len(told) > 30 and len(alarms) <= len(told) * 0.05, alarms
