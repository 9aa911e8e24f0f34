"""`manage.py pendingmigrations` in a project of its own: several databases, squashed, swapped, unmanaged, and what crashes."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.settings_snippets import mariadb
from tests.settings_snippets.pending import HEAD, judged, made, manage, migration, project

__all__ = ["made", "project"]  # fixtures


def verdicts(told: dict[str, Any]) -> list[list[str]]:
    return [[one["verdict"] for one in database["operations"]] for database in told["databases"]]


def test_nothing_pending_is_none(project: Path) -> None:
    told = judged(project, "default", "archive")
    assert told["verdict"] == "none"
    assert [one["alias"] for one in told["databases"]] == ["default", "archive"] and verdicts(told) == [[], []]


def test_each_database_is_judged_by_what_the_router_lets_it_have(project: Path) -> None:
    sql = "RunSQL('alter table shop_old add column n integer', hints={'on': 'archive'})"
    migration(project, "0002_next", "RemoveField('Old', 'title')", "AddField('Book', 'n', models.IntegerField(null=True))", sql,
              after="0001_initial")  # fmt: skip
    told = judged(project, "default", "archive")
    assert verdicts(told) == [["none", "compatible", "none"], ["incompatible", "none", "compatible"]]
    assert told["verdict"] == "incompatible"
    assert judged(project)["verdict"] == "compatible"


def test_the_databases_may_be_at_different_migrations(project: Path) -> None:
    migration(project, "0002_next", "RemoveField('Book', 'title')", after="0001_initial")
    assert manage(project, "migrate", "--database", "archive").code == 0
    assert verdicts(judged(project, "default", "archive")) == [["incompatible"], []]


def test_a_squashed_migration_whose_parts_are_applied_is_not_pending(project: Path) -> None:
    migration(project, "0002_next", "AddField('Book', 'n', models.IntegerField(null=True))", after="0001_initial")
    assert manage(project, "migrate").code == 0
    migration(project, "0002_squashed", "AddField('Book', 'n', models.IntegerField(null=True))",
              after="0001_initial", more="    replaces = [('shop', '0002_next')]\n")  # fmt: skip
    migration(project, "0003_last", "RemoveField('Book', 'n')", after="0002_squashed")
    (one,) = judged(project)["databases"][0]["operations"]
    assert (one["migration"], one["verdict"]) == ("0003_last", "incompatible")


def test_a_squashed_migration_of_which_a_part_is_missing_is_judged_part_by_part(project: Path) -> None:
    migration(project, "0002_next", "AddField('Book', 'n', models.IntegerField(null=True))", after="0001_initial")
    assert manage(project, "migrate").code == 0
    migration(project, "0003_more", "AddField('Book', 'm', models.IntegerField(default=0))", after="0002_next")
    migration(project, "0002_squashed", "AddField('Book', 'n', models.IntegerField(null=True))",
              "AddField('Book', 'm', models.IntegerField(default=0))", after="0001_initial",
              more="    replaces = [('shop', '0002_next'), ('shop', '0003_more')]\n")  # fmt: skip
    (one,) = judged(project)["databases"][0]["operations"]
    assert (one["migration"], one["verdict"]) == ("0003_more", "incompatible")


def test_models_that_are_swapped_out_or_unmanaged_have_no_table_here(project: Path) -> None:
    migration(project, "0002_next", "DeleteModel('Card')", "DeleteModel('View')", "DeleteModel('OwnCard')", after="0001_initial")
    assert verdicts(judged(project)) == [["none", "none", "incompatible"]]


def test_migrations_of_contrib_apps_are_judged_too(project: Path) -> None:
    assert manage(project, "migrate", "auth", "0010").code == 0
    told = judged(project)
    assert {one["app"] for one in told["databases"][0]["operations"]} == {"auth"}
    assert told["verdict"] == "review"  # 0011 runs Python


def test_a_migration_that_cannot_be_loaded_is_no_verdict(project: Path) -> None:
    (project / "shop/migrations/0002_next.py").write_text("import does_not_exist\n")
    done = manage(project, "pendingmigrations")
    assert done.code != 0 and not done.out and "does_not_exist" in done.err


def test_an_operation_that_cannot_be_followed_is_no_verdict(project: Path) -> None:
    migration(project, "0002_next", "RemoveField('Book', 'never')", after="0001_initial")
    done = manage(project, "pendingmigrations")
    assert done.code != 0 and not done.out


WRITE = """
import django
django.setup()
from django.db import connection, transaction
with connection.cursor() as cursor:
    cursor.execute("INSERT INTO shop_book (title) VALUES ('old code')")
    cursor.execute("SELECT * FROM shop_book")
    print(cursor.fetchall())
"""
KEPT = "AddField('Book', 'n', models.IntegerField(default=7))"


def test_a_default_stays_in_the_database_for_old_code(project: Path) -> None:
    rolling = ("--keep-defaults",)
    migration(project, "0002_next", KEPT, "AddField('Book', 'm', models.CharField(max_length=9, default='it\\'s'))",
              after="0001_initial")  # fmt: skip
    assert verdicts(judged(project)) == [["incompatible", "incompatible"]]
    assert verdicts(judged(project, options=rolling)) == [["compatible", "compatible"]]
    done = manage(project, "migraterolling", "--noinput", "--no-color")
    assert done.code == 0 and "Applying shop.0002_next... OK" in done.out
    assert "(1, 'old code', 7, \"it's\")" in python(project, WRITE)


def test_sqlite_loses_the_default_where_django_makes_the_table_anew(project: Path) -> None:
    migration(project, "0002_next", KEPT, "AlterField('Book', 'title', models.CharField(max_length=50))", after="0001_initial")
    assert verdicts(judged(project, options=("--keep-defaults",))) == [["incompatible", "compatible"]]


def test_migrate_is_unchanged(project: Path) -> None:
    migration(project, "0002_next", KEPT, after="0001_initial")
    assert manage(project, "migrate").code == 0
    with pytest.raises(AssertionError, match="NOT NULL constraint failed: shop_book.n"):
        python(project, WRITE)


@pytest.mark.skipif(not (mariadb.SERVER and mariadb.INSTALLER), reason="no MariaDB here: apt-get install mariadb-server")
@pytest.mark.skipif(not importlib.util.find_spec("MySQLdb"), reason="no driver for MariaDB here: pip install mysqlclient")
def test_mariadb_keeps_defaults_too(project: Path) -> None:
    with mariadb.server() as server:
        own = {"ENGINE": "django.db.backends.mysql", "NAME": "shop", "USER": "shop", "HOST": "127.0.0.1", "PORT": server.port}
        with (project / "settings.py").open("a") as settings:
            settings.write(f"DATABASES['default'] = {own}\n")
        assert manage(project, "migrate").code == 0
        texts = ["models.TextField(default='x')", "models.CharField(max_length=9, default='')", "models.JSONField(default=dict)"]
        added = [f"AddField('Book', 'a{number}', {field})" for number, field in enumerate(texts)]
        empty = "AddField('Book', 'z', models.TextField(default=''))"
        migration(project, "0002_next", KEPT, *added, after="0001_initial")
        migration(project, "0003_empty", empty, after="0002_next")
        told = judged(project, options=("--keep-defaults",))
        *others, last = verdicts(told)[0]
        assert others == ["compatible"] * 4
        assert not any(one["locks"] for one in told["databases"][0]["operations"])
        done = manage(project, "migraterolling", "shop", "0002", "--noinput")
        assert done.code == 0, done.err
        assert "(1, 'old code', 7, 'x', '', '{}')" in python(project, WRITE)
        done = manage(project, "migraterolling", "shop", "0003", "--noinput")
        assert done.code == 0, done.err
        # MySQL takes no empty text for a default, so newer versions of Django give it none, on MariaDB neither.
        if last == "compatible":
            assert "(2, 'old code', 7, 'x', '', '{}', '')" in python(project, WRITE)
        else:
            assert last == "incompatible"
            with pytest.raises(AssertionError, match="Field 'z' doesn't have a default value"):
                python(project, WRITE)


COUNT = """
import django
django.setup()
from shop.management.commands.pendingmigrations import database_verdicts
from shop.migration_rules import plan
made, describe = [], plan.describe
plan.describe = lambda model, editor: made.append(model.__name__) or describe(model, editor)
database_verdicts("default", keeps_defaults=False)
print(made.count("Book"), made.count("User"), made.count("OwnCard"))
"""


def test_only_what_an_operation_changes_is_made_anew(project: Path) -> None:
    fields = "".join(
        f"        migrations.AddField('Book', 'n{number}', models.IntegerField(null=True)),\n" for number in range(20)
    )
    (project / "shop/migrations/0002_next.py").write_text(
        f"{HEAD}    dependencies = [('shop', '0001_initial')]\n    operations = [\n{fields}    ]\n"
    )
    assert python(project, COUNT).split() == ["21", "1", "1"]


TENANTS = """
import django
django.setup()
from django.db import connection
from shop.management.commands.pendingmigrations import database_verdicts
connection.set_tenant = print
print(database_verdicts("default", keeps_defaults=False)["verdict"])
"""


def test_what_only_the_schemas_of_tenants_have_is_looked_at_too(project: Path) -> None:
    migration(project, "0002_next", "RemoveField('Old', 'title')", after="0001_initial")
    assert judged(project)["verdict"] == "none"
    assert python(project, TENANTS).split() == ["incompatible"]


def python(project: Path, program: str) -> str:
    path = os.pathsep.join(filter(None, [str(project), os.environ.get("PYTHONPATH", "")]))
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "settings", "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
