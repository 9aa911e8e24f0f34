"""Two stages: what waits until no old code runs, and, on PostgreSQL, that both releases live on each half."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import django
import pytest

from tests.settings_snippets import postgresql
from tests.settings_snippets.migrations.every_case import CASES
from tests.settings_snippets.migrations.stage_cases import SAFE, STAGED
from tests.settings_snippets.migrations.third_party import APPS, FOLDER, SMALL
from tests.settings_snippets.pending import HEAD, judged, made, manage, migration, project

__all__ = ["made", "project"]
ROOT = Path(__file__).parents[2]
# Nothing fails, but between two migrations of the first stage old code would; old code may write what is refused later.
ALARMS = {"add and drop", "sql words: foreign key not valid", "rolling: and another type"}
ALARMS |= {"back: model keeps its table", "back: field keeps its column", "back: and a column"}
ALARMS |= {"back: two columns under each other's name", "back: without what was in a column"}
SOME = [
    "drop table",
    "drop column",
    "text with a default",
    "time with a callable",
    "unique",
    "foreign key",
    "drop table that refers to another",
    "add and drop",
    "rename model",
    "sql: drop table",
]

ADD = "AddField('Book', 'n', models.IntegerField(null=True))"
DROP = "RemoveField('Book', 'title')"
NULL = "AlterField('Book', 'title', models.CharField(max_length=40, null=True))"


def staged(project: Path) -> dict[str, object]:
    (database,) = judged(project)["databases"]
    found: dict[str, object] = database["staged"]
    return found


def nullable(project: Path) -> None:
    migration(project, "0002_null", NULL, after="0001_initial")
    assert manage(project, "migrate").code == 0


def test_what_old_code_needs_waits_and_the_rest_runs_at_once(project: Path) -> None:
    nullable(project)
    migration(project, "0003_add", ADD, after="0002_null")
    migration(project, "0004_drop", DROP, after="0003_add")
    found = staged(project)
    assert (found["verdict"], found["waiting"]) == ("compatible", ["shop.0004_drop"])
    assert [(one["migration"], one["stage"]) for one in found["operations"]] == [  # type: ignore[attr-defined]
        ("0003_add", "expand"),
        ("0004_drop", "contract"),
    ]
    left = ("migraterolling", "--leave", "shop.0004_drop")
    assert "0004" not in manage(project, *left, "--plan").out
    assert manage(project, *left).code == 0
    assert "[X] 0003_add\n [ ] 0004_drop" in manage(project, "showmigrations", "shop").out
    assert "No planned migration operations" in manage(project, *left, "--plan").out
    # Another half-way run says the same, and for the release that has it nothing speaks against it.
    assert staged(project)["waiting"] == ["shop.0004_drop"]
    (own,) = judged(project, options=("--contract",))["databases"]
    assert (own["verdict"], own["waiting"]) == ("compatible", ["shop.0004_drop"])
    assert manage(project, "migraterolling").code == 0
    (own,) = judged(project, options=("--contract",))["databases"]
    assert own["operations"] == own["waiting"] == []


def test_what_depends_on_it_is_never_split_from_it(project: Path) -> None:
    nullable(project)
    migration(project, "0003_drop", DROP, after="0002_null")
    migration(project, "0004_index", "AddIndex('Old', models.Index(fields=['title'], name='i'))", after="0003_drop")
    assert (staged(project)["verdict"], staged(project)["waiting"]) == ("compatible", ["shop.0003_drop", "shop.0004_index"])
    refused = manage(project, "migraterolling", "--leave", "shop.0003_drop")
    assert refused.code != 0 and "shop.0004_index depends on shop.0003_drop, which is to be left out" in refused.err
    migration(project, "0005_add", ADD, after="0004_index")
    found = staged(project)
    assert found["verdict"] == "incompatible" and found["waiting"] == ["shop.0003_drop", "shop.0004_index", "shop.0005_add"]
    assert "its models use shop_book.n, which the database does not have" in json.dumps(found)


@pytest.mark.parametrize(
    "marked",
    [
        "    import syzygy\n    stage = syzygy.Stage.POST_DEPLOY\n",
        "    from datetime import timedelta\n    from django_safemigrate import Safe\n"
        "    safe = Safe.after_deploy(delay=timedelta(days=1))\n",
        "    from django_safemigrate import Safe\n    safe = Safe.after_deploy\n",
    ],
)
def test_marks_of_others_are_read(project: Path, marked: str) -> None:
    _packages(project)
    python = "RunPython(migrations.RunPython.noop), migrations.RunPython(lambda apps, editor: None)"
    migration(project, "0002_python", python, after="0001_initial", more=marked)
    found = staged(project)
    assert (found["verdict"], found["waiting"]) == ("compatible", ["shop.0002_python"])
    assert found["delay"] == (86400.0 if "delay" in marked else 0.0)


def test_what_is_marked_to_run_before_is_refused_where_it_depends_on_what_waits(project: Path) -> None:
    _packages(project)
    nullable(project)
    migration(project, "0003_drop", DROP, after="0002_null")
    before = "    from django_safemigrate import Safe\n    safe = Safe.before_deploy()\n"
    index = "AddIndex('Old', models.Index(fields=['title'], name='i'))"
    migration(project, "0004_index", index, after="0003_drop", more=before)
    found = staged(project)
    assert found["verdict"] == "incompatible"
    assert "it is marked to run before the rollout, and depends on shop.0003_drop" in json.dumps(found)
    # A mark against what is proven is no proof: it runs before, and is refused.
    migration(project, "0003_drop", DROP, after="0002_null", more=before)
    migration(project, "0004_index", index, after="0003_drop")
    assert "staged" not in judged(project)["databases"][0] and judged(project)["verdict"] == "incompatible"


def _packages(project: Path) -> None:
    """The names by which these packages mark migrations, as their releases 1.2.3 and 6.0 have them."""
    (project / "syzygy.py").write_text(
        'from enum import Enum\n\nclass Stage(Enum):\n    PRE_DEPLOY = "pre_deploy"\n    POST_DEPLOY = "post_deployment"\n'
    )
    (project / "django_safemigrate.py").write_text(
        "from dataclasses import dataclass\nfrom datetime import timedelta\nfrom enum import Enum\n\n"
        'class When(Enum):\n    ALWAYS = "always"\n    BEFORE_DEPLOY = "before_deploy"\n    AFTER_DEPLOY = "after_deploy"\n\n'
        "@dataclass\nclass Safe:\n    when: When\n    delay: timedelta | None = None\n\n"
        "    @classmethod\n    def before_deploy(cls):\n        return cls(When.BEFORE_DEPLOY)\n\n"
        "    @classmethod\n    def after_deploy(cls, *, delay=None):\n        return cls(When.AFTER_DEPLOY, delay)\n"
    )


def test_what_one_migration_needs_of_another_without_saying_so_is_no_two_stages(project: Path) -> None:
    nullable(project)
    (project / "zoo/migrations").mkdir(parents=True)
    (project / "zoo/__init__.py").touch()
    (project / "zoo/migrations/__init__.py").touch()
    settings = project / "settings.py"
    settings.write_text(settings.read_text().replace('"shop"]', '"shop", "zoo"]'))
    migration(
        project, "0003_late", DROP, "CreateModel('Late', [('id', models.BigAutoField(primary_key=True))])", after="0002_null"
    )
    operation = "migrations.CreateModel('Other', [('late', models.OneToOneField('shop.late', models.CASCADE, primary_key=True))])"
    text = f"{HEAD}    dependencies = [('shop', '0002_null')]\n    operations = [{operation}]\n"
    (project / "zoo/migrations/0001_initial.py").write_text(text)
    found = staged(project)
    assert found["verdict"] == "incompatible" and "a migration depends on one that has to wait" in json.dumps(found)


def lived_on(*arguments: str, names: Sequence[str] = ()) -> dict[str, Any]:
    """Return by name what was said and what happened, of those of which something waits."""
    module = ["-W", "ignore", "-m", "tests.settings_snippets.migrations.staged"]
    with postgresql.cluster() as cluster:
        done = subprocess.run(
            [sys.executable, *module, str(cluster.folder), *arguments],
            input=json.dumps(list(names)),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return {one["name"]: one for one in map(json.loads, done.stdout.splitlines())}


def failures(one: dict[str, Any]) -> list[str]:
    return [one[key] for key in ("failed", "old", "new", "rows", "contract", "after") if one[key]]


def safe(told: dict[str, Any]) -> set[str]:
    """Return what is called safe, after a look at what happened."""
    passed = {name for name, one in told.items() if one["verdict"] in ("none", "compatible")}
    assert not {name: why for name, one in told.items() if (why := failures(one)) and name in passed}
    return passed


@pytest.mark.skipif(not postgresql.INSTALLED, reason="PostgreSQL is not installed")
def test_a_column_that_waits_to_be_dropped_is_filled_by_the_database(project: Path) -> None:
    with postgresql.cluster() as cluster:
        settings = project / "settings.py"
        own = {"ENGINE": "django.db.backends.postgresql", "NAME": "postgres", "USER": "shop", "HOST": str(cluster.folder)}
        settings.write_text(f'{settings.read_text()}\nDATABASES["default"] = {own!r}\n')
        migration(project, "0002_n", "AddField('Book', 'n', models.IntegerField(default=5))", after="0001_initial")
        assert manage(project, "migrate").code == 0
        migration(project, "0003_drop", "RemoveField('Book', 'n')", after="0002_n")
        found = staged(project)
        assert (found["verdict"], found["waiting"]) == ("compatible", ["shop.0003_drop"])
        assert "Keep a default in the database for shop_book.n" in json.dumps(found)
        for _ in range(2):
            done = manage(project, "migraterolling", "--leave", "shop.0003_drop")
            assert done.code == 0 and "Keep a default in the database for shop_book.n" in done.out, done.err
        insert = "from django.db import connection as c; c = c.cursor(); c.execute("
        write = f"{insert}\"INSERT INTO shop_book (title) VALUES ('x') RETURNING n\"); print(c.fetchall())"
        assert "[(5,)]" in manage(project, "shell", "-c", write).out
        assert manage(project, "migraterolling").code == 0
        assert "[X] 0003_drop" in manage(project, "showmigrations", "shop").out


@pytest.mark.skipif(not postgresql.INSTALLED, reason="PostgreSQL is not installed")
@pytest.mark.parametrize("names", [SOME, pytest.param([*CASES, *STAGED], marks=pytest.mark.long)], ids=["some", "all"])
def test_no_two_stages_are_called_safe_on_which_a_release_fails(names: Sequence[str]) -> None:
    told = lived_on(names=names)
    assert {"drop table", "drop column", *(SAFE.keys() & set(names))} <= safe(told) and len(told) > len(names) / 4
    refused = {name for name, one in told.items() if one["verdict"] == "incompatible" and not one["opaque"]}
    assert {name for name in refused if not failures(told[name])} <= ALARMS


@pytest.mark.long
@pytest.mark.skipif(not postgresql.INSTALLED, reason="PostgreSQL is not installed")
@pytest.mark.skipif(not FOLDER.is_dir(), reason=f"the apps are not in {FOLDER}: tests/run installs them")
@pytest.mark.skipif(django.VERSION[:2] != (5, 2), reason="these versions of the apps are made for Django 5.2")
@pytest.mark.parametrize("name", [name for name in APPS if name not in SMALL])
def test_nor_those_of_the_migrations_of_others(name: str) -> None:
    told = lived_on(name, str(FOLDER))
    print(f"{name}: {len(told)} releases with migrations that would have to wait, {len(safe(told))} safe in two stages")
