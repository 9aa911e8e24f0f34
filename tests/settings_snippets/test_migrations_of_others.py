"""The verdicts on all migrations of large apps that others wrote, one by one, against what happens on PostgreSQL.

One of five apps by default; all with RAMPED_ALL_MIGRATIONS=1. tests/run installs them into .venv/django-apps (what
migrations/requirements.txt names, with --no-deps --target); RAMPED_MIGRATION_APPS names another folder. Smaller packages are
tried by the long tests where they are installed there.
"""

import json
import os
import subprocess
import sys

import django
import pytest

from tests.settings_snippets import postgresql
from tests.settings_snippets.migrations.third_party import APPS, FOLDER, ROOT, SMALL

ALL = os.environ.get("RAMPED_ALL_MIGRATIONS") == "1"
BRIEF = ("django_celery_beat",)

pytestmark = [
    pytest.mark.skipif(not postgresql.INSTALLED, reason="PostgreSQL is not installed"),
    pytest.mark.skipif(not FOLDER.is_dir(), reason=f"the apps are not in {FOLDER}: tests/run installs them"),
    pytest.mark.skipif(django.VERSION[:2] != (5, 2), reason="these versions of the apps are made for Django 5.2"),
]


# On these nothing fails that the truth tries: a column that is renamed by hand, an update to NULL that no model makes of itself,
# a text whose values are all numbers, keys that become smaller, a row that no old code deletes.
ALARMS = {
    "admin_interface.0008_change_related_modal_background_opacity_type",
    "mailer.0004_auto_20190920_1512",
    "plans.0011_auto_20220208_1344",
    "plans.0019_order_userplan_plan_before",
    "schedule.0014_use_autofields_for_pk",
    "silk.0006_fix_request_prof_file_blank",
}


@pytest.mark.parametrize("name", [name for name in APPS if name not in SMALL])
def test_no_verdict_on_the_migrations_of_others_is_wrong(name: str) -> None:
    if not (ALL or name in BRIEF):
        pytest.skip(f"the migrations of {name}: only with RAMPED_ALL_MIGRATIONS=1")
    told, alarms = compared(name)
    assert told > 30 and len(alarms) <= told * 0.05, alarms


@pytest.mark.long
@pytest.mark.parametrize("name", SMALL)
def test_no_verdict_on_the_migrations_of_a_small_package_is_wrong(name: str) -> None:
    lacking = {app.partition(".")[0] for app in SMALL[name][0] if not (FOLDER / app.partition(".")[0]).is_dir()}
    if lacking:
        pytest.skip(f"not in {FOLDER}: {', '.join(sorted(lacking))}")
    told, alarms = compared(name)
    assert told and set(alarms) <= ALARMS


def compared(name: str) -> tuple[int, list[str]]:
    """Try the migrations of an app; return how many there are, and which are called unsafe though nothing fails."""
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
    return len(told), alarms
