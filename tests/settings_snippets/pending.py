"""A project whose pending migrations are classified."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.settings_snippets.commands import commands
from tests.settings_snippets.project import PATIENCE, SNIPPETS, Ran

SETTINGS = """
from pathlib import Path
HERE = Path(__file__).parent
SECRET_KEY = "x"
USE_TZ = True
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "shop"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SHOP_CARD_MODEL = "shop.OwnCard"
DATABASES = {
    name: {"ENGINE": "django.db.backends.sqlite3", "NAME": HERE / f"{name}.sqlite3"} for name in ("default", "archive")
}
DATABASE_ROUTERS = ["settings.Router"]

class Router:
    def allow_migrate(self, db, app_label, model_name=None, **hints):
        return (db == "archive") == (model_name == "old" or hints.get("on") == "archive")
"""


HEAD = "from django.db import migrations, models\n\nclass Migration(migrations.Migration):\n"


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Path:
    """A project whose one app has the command, and whose first migration is applied on both databases."""
    return Path(shutil.copytree(made, tmp_path / "project"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tmp_path = tmp_path_factory.mktemp("made")
    app = tmp_path / "shop"
    (app / "migrations").mkdir(parents=True)
    shutil.copytree(SNIPPETS / "django/management", app / "management", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(SNIPPETS / "django/migration_rules", app / "migration_rules", ignore=shutil.ignore_patterns("__pycache__"))
    (app / "__init__.py").touch()
    (app / "migrations/__init__.py").touch()
    (tmp_path / "settings.py").write_text(SETTINGS)
    made = [
        "CreateModel('Book', [('id', models.BigAutoField(primary_key=True)), ('title', models.CharField(max_length=40))])",
        "CreateModel('Old', [('id', models.BigAutoField(primary_key=True)), ('title', models.CharField(max_length=40))])",
        "CreateModel('Card', [('id', models.BigAutoField(primary_key=True)), ('books', models.ManyToManyField('shop.Book'))],"
        " options={'swappable': 'SHOP_CARD_MODEL'})",
        "CreateModel('OwnCard', [('id', models.BigAutoField(primary_key=True))])",
        "CreateModel('View', [('id', models.BigAutoField(primary_key=True))], options={'managed': False})",
    ]
    migration(tmp_path, "0001_initial", *made, initial=True)
    for alias in ("default", "archive"):
        assert manage(tmp_path, "migrate", "--database", alias).code == 0
    return tmp_path


def migration(project: Path, name: str, *operations: str, after: str = "", more: str = "", initial: bool = False) -> None:
    dependencies = [("shop", after)] if after else []
    listed = "".join(f"        migrations.{one},\n" for one in operations)
    text = f"{HEAD}    initial = {initial}\n    dependencies = {dependencies}\n{more}    operations = [\n{listed}    ]\n"
    (project / f"shop/migrations/{name}.py").write_text(text)


def manage(project: Path, *arguments: str) -> Ran:
    path = os.pathsep.join([str(project), os.environ.get("PYTHONPATH", "")])
    path = os.pathsep.join(str(Path(one).resolve()) for one in path.split(os.pathsep) if one)
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "settings", "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    ran = commands().run(list(arguments), folder=project, environment=environment, umask=0o022, strict=False, patience=PATIENCE)
    return Ran(*ran)


def judged(project: Path, *aliases: str, options: tuple[str, ...] = ()) -> dict[str, Any]:
    done = manage(project, "pendingmigrations", *(word for alias in aliases for word in ("--database", alias)), *options)
    assert done.code == 0, done.err
    told: dict[str, Any] = json.loads(done.out)
    assert told["format"] == 2
    return told
