"""The gate of `deploy`, and `check-migrations`, on the real shop with real migrations."""

import json
import signal
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.errors import Refused
from tasks.operations.deploy import deploy_release
from tests.rehearsal.hosts.support import marked, until
from tests.worlds.operator_folder import Folder
from tests.worlds.shop_looks import applied
from tests.worlds.shop_world import Golden, ShopWorld, credentials, golden_of, sh

RENAME = """
from django.db import migrations

class Migration(migrations.Migration):
    dependencies = [("shop", "0003_notes_and_reviews")]
    operations = [migrations.RenameField("product", "name", "title")]
"""
PYTHON = """
from django.db import migrations

class Migration(migrations.Migration):
    dependencies = [("shop", "0003_notes_and_reviews")]
    operations = [migrations.RunPython(lambda apps, editor: None)]
"""


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Golden:
    return golden_of(tmp_path_factory)


@pytest.fixture
def world(golden: Golden, tmp_path: Path) -> Iterator[ShopWorld]:
    with ShopWorld(golden, tmp_path / "world") as made:
        yield made


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


def state(world: ShopWorld) -> list[object]:
    """Everything that a refusal must leave as it was."""
    disk = world.disk()
    schema = sh(
        '../venv/bin/python -c \'import sqlite3; print(list(sqlite3.connect("../database/shop.sqlite3")'
        '.execute("select name, sql from sqlite_master")))\'',
        disk / "app",
    )
    files = sorted(str(path.relative_to(disk)) for path in disk.iterdir())
    return [
        sh("git rev-parse HEAD; git status --porcelain", disk / "app"),
        (disk / "app/REVISION").read_text(),
        schema,
        files,
        world.tags().get("ramped:revision"),
    ]


def cmdline(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_migrations_that_break_the_serving_release_are_refused_and_nothing_is_touched(world: ShopWorld, tmp_path: Path) -> None:
    deploy_release(world.run(), world.v2)
    before = state(world)
    models = (world.disk() / "app/shop/models.py").read_text().replace("max_length=80", "max_length=80, db_column='title'")
    breaking = world.commit({"shop/migrations/0004_title.py": RENAME, "shop/models.py": models})
    (tmp_path / "operator").mkdir()
    folder = Folder(tmp_path / "operator", "from ops import ns\n", world.fabric_yaml())
    refused = folder.run("fab", "deploy", "--revision", breaking)
    assert refused.code == 1 and "Traceback" not in refused.err
    assert "shop.0004_title" in refused.err and "which is called title then" in refused.err
    assert "db_column='name'" in refused.err and "ship --maintenance" in refused.err
    assert state(world) == before
    # Not even where somebody says yes.
    assert folder.run("fab", "deploy", "--revision", breaking, "--yes").code == 1
    assert state(world) == before
    # With nobody served meanwhile it may run.
    assert deploy_release(world.run(), breaking, apart=lambda: None).revision == breaking


def test_migrations_that_cannot_be_judged_want_a_word(world: ShopWorld, tmp_path: Path) -> None:
    unclear = world.commit({"shop/migrations/0004_python.py": PYTHON})
    (tmp_path / "operator").mkdir()
    folder = Folder(tmp_path / "operator", "from ops import ns\n", world.fabric_yaml())
    asked = folder.run("fab", "deploy", "--revision", unclear)
    assert asked.code == 1 and f"fab deploy --revision {unclear} --yes" in asked.err
    assert folder.run("fab", "deploy", "--revision", unclear, "--yes").code == 0


def test_check_migrations_tells_and_changes_nothing(world: ShopWorld, tmp_path: Path) -> None:
    deploy_release(world.run(), world.v1)
    (tmp_path / "operator").mkdir()
    folder = Folder(tmp_path / "operator", "from ops import ns\n", world.fabric_yaml())
    before = state(world)
    world.publish(world.v2)
    good = folder.run("fab", "check-migrations")
    assert good.code == 0 and "compatible    shop.0003" in good.out
    # A site that prints things of its own.
    chatty = (world.disk() / "app/config/settings.py").read_text() + '\nprint("connected to {somewhere}")\n'
    breaking = world.commit({"shop/migrations/0004_title.py": RENAME, "config/settings.py": chatty})
    bad = folder.run("inv", "check-migrations", "--revision", breaking, "--json")
    assert bad.code == 1
    told = json.loads(bad.out)
    assert told["verdict"] == "incompatible"
    assert [one["verdict"] for one in told["databases"][0]["operations"]] == ["compatible", "compatible", "incompatible"]
    assert state(world) == before


def test_a_site_without_the_command_is_told_what_to_copy(world: ShopWorld) -> None:
    sh("git rm -qr shop/management && git -c user.name=a -c user.email=a@example.com commit -qm x", world.disk() / "app")
    bare = sh("git push -q origin HEAD:refs/heads/bare && git rev-parse HEAD", world.disk() / "app")
    with pytest.raises(Refused, match=r"has no command pendingmigrations.* app\.check_migrations: false"):
        deploy_release(world.run(), bare)
    assert deploy_release(world.run(app={"check_migrations": False}), bare).revision == bare
    assert "app.check_migrations is false" in world.err.getvalue()


@pytest.mark.long
@pytest.mark.parametrize("when", ["revision ", "-> migrate"])
def test_killed_before_it_migrates_the_same_command_judges_again_and_finishes(
    world: ShopWorld, tmp_path: Path, when: str
) -> None:
    world.publish(world.v2)
    (tmp_path / "operator").mkdir()
    folder = Folder(tmp_path / "operator", "from ops import ns\n", world.fabric_yaml())
    killed = folder.interrupt("fab", "deploy", when=when, number=signal.SIGKILL)
    assert killed.code == -signal.SIGKILL
    # What it had begun on the host goes on, or was cut off with its connection.
    names = {b"migraterolling", b"pendingmigrations"}
    until(lambda: not [one for one in marked(world.hosts) if names & set(cmdline(one).split(b"\0"))])
    migrated = "0003_notes_and_reviews" in applied(world)
    assert not migrated or when == "-> migrate"
    done = folder.run("fab", "deploy")
    assert done.code == 0, done.err
    assert done.err.count("never ended: its process is gone") == 1
    assert ("no migration changes the database" if migrated else "compatible    shop.0003") in done.out
    assert world.tags()["ramped:revision"] == world.v2
    assert not list(world.disk().glob("app.judged*"))


def test_what_git_does_not_know_is_there_for_the_judge(world: ShopWorld) -> None:
    """A file of secrets that the settings read, in the checkout and in a folder of it."""
    (world.disk() / "app/.env").write_text("1")
    (world.disk() / "app/config/local.txt").write_text("1")
    settings = (world.disk() / "app/config/settings.py").read_text()
    reads = "\nassert (BASE_DIR / '.env').read_text() == (BASE_DIR / 'config/local.txt').read_text() == '1'\n"
    sha = world.commit({"config/settings.py": settings + reads, ".gitignore": ".env\nlocal.txt\n"})
    assert deploy_release(world.run(), sha).revision == sha


def test_requirements_that_the_site_meets_already_are_not_fetched_for_the_judge(world: ShopWorld) -> None:
    nowhere = "--index-url http://127.0.0.1:9/simple\n"
    sha = world.commit({"requirements.txt": f"{nowhere}django\nwhitenoise\n"})
    assert deploy_release(world.run(), sha).revision == sha


def test_requirements_that_the_site_lacks_are_there_for_the_judge_and_nowhere_else(world: ShopWorld, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "novelty-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("novelty.py", "")
        wheel.writestr("novelty-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: novelty\nVersion: 1.0\n")
        wheel.writestr(
            "novelty-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr("novelty-1.0.dist-info/RECORD", "")
    settings = (world.disk() / "app/config/settings.py").read_text()
    with_novelty = {
        "requirements.txt": f"--no-index\n--find-links {tmp_path}\nnovelty\n",
        "config/settings.py": f"{settings}\nimport novelty\n",
    }
    breaking = world.commit({**with_novelty, "shop/migrations/0004_title.py": RENAME})
    with pytest.raises(Refused, match=r"shop\.0004_title"):
        deploy_release(world.run(), breaking)
    assert not list((world.disk() / "venv").rglob("novelty*")) and not list(world.disk().glob("app.judged*"))
    harmless = world.commit(with_novelty)
    assert deploy_release(world.run(), harmless).revision == harmless
    assert list((world.disk() / "venv").rglob("novelty.py"))
