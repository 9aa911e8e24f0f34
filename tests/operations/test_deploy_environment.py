"""A site that has its database from its unit: what a deploy migrates is the database that serves."""

import sqlite3
from pathlib import Path

import pytest

from tasks.errors import Refused, RemoteFailed
from tasks.hosts.pool import Hosts
from tasks.operations.deploy import deploy_release
from tests.worlds.shipping_world import world_in
from tests.worlds.shop_world import ShopWorld, credentials, sh

OWN = '"NAME": HOME / "database" / "shop.sqlite3"'
GIVEN = '"NAME": os.environ.get("SHOP_SQLITE", BASE_DIR / "db.sqlite3")'


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


def read_from_the_unit(world: ShopWorld) -> str:
    """Let the site have its database from the unit's environment file alone; return the revision that does."""
    settings = sh(f"git show {world.v2}:config/settings.py", world.origin)
    assert OWN in settings and "\nimport os" in settings
    revision = world.commit({"config/settings.py": settings.replace(OWN, GIVEN), ".gitignore": "/db.sqlite3*\n__pycache__/\n"})
    unit = world.disk() / "systemd/shop.service"
    unit.write_text(unit.read_text().replace("[Service]\n", "[Service]\nEnvironmentFile=%h/site.env\n"))
    (world.disk() / "site.env").write_text(f"# the database\nSHOP_SQLITE='{database(world)}'\n")
    with Hosts(world.run()) as hosts:
        from tasks.aws.management import find

        hosts.wait(find(world.run()), 60).run("systemctl daemon-reload")
    return revision


def database(world: ShopWorld) -> Path:
    return world.disk() / "database/shop.sqlite3"


def migrations(path: Path) -> set[str]:
    with sqlite3.connect(path) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM django_migrations WHERE app = 'shop'")}


def test_the_database_of_the_unit_is_judged_and_migrated(tmp_path_factory: pytest.TempPathFactory) -> None:
    with world_in(tmp_path_factory) as world:
        revision, before = read_from_the_unit(world), migrations(database(world))
        assert deploy_release(world.run(), None).revision == revision
        assert migrations(database(world)) > before
        assert not (world.disk() / "app/db.sqlite3").exists()
        # Its value stands nowhere in what was shown.
        assert str(database(world)) not in world.printed

        # As startproject's siblings do it: manage.py has other settings by default than the service.
        local = "from config.settings import *\nDATABASES['default']['NAME'] = BASE_DIR / 'local.sqlite3'\n"
        manage = sh(f"git show {world.v2}:manage.py", world.origin)
        assert "config.settings" in manage
        apart = {"config/local.py": local, "manage.py": manage.replace("config.settings", "config.local")}
        sqlite = rf"database default: manage.py has sqlite3 .*/local\.sqlite3, the service sqlite3 {database(world).resolve()}"
        with pytest.raises(
            Refused, match=rf"settings module: manage.py has config\.local, the service config\.settings; {sqlite}"
        ):
            deploy_release(world.run(), world.commit(apart, onto=revision))
        assert "-> migrate" not in world.printed.rpartition("-> git")[2]

        (world.disk() / "site.env").unlink()
        with pytest.raises(RemoteFailed, match="shop.service reads its environment from .*/site.env, which the user here cannot"):
            deploy_release(world.run(), world.v2)


@pytest.mark.long
def test_a_site_in_a_folder_of_its_repository_finds_its_revision_there(tmp_path_factory: pytest.TempPathFactory) -> None:
    with world_in(tmp_path_factory) as world:
        work = world.folder / "monorepo"
        sh(f"git clone -q {world.origin} {work}", world.folder)
        who = "-c user.name=a -c user.email=a@example.com"
        sh(f"git fetch -q origin '+refs/*:refs/o/*' && git checkout -q {world.v2} && mkdir backend && ls -A", work)
        sh("git ls-files -z | cut -z -d/ -f1 | sort -uz | grep -zv '^.gitignore$' | xargs -0 -I@ git mv @ backend/", work)
        sh(f"git {who} commit -qam monorepo && git push -q --force origin HEAD:refs/heads/main", work)
        moved = sh("git rev-parse HEAD", work)
        unit = world.disk() / "systemd/shop.service"
        unit.write_text(unit.read_text().replace("WorkingDirectory=%h/app", "WorkingDirectory=%h/app/backend"))
        settings = sh("cat backend/config/settings.py", work)
        assert "HOME = BASE_DIR.parent" in settings
        settings = settings.replace("HOME = BASE_DIR.parent\n", "HOME = BASE_DIR.parent.parent\n")
        (work / "backend/config/settings.py").write_text(settings)
        sh(f"git {who} commit -qam home && git push -q --force origin HEAD:refs/heads/main", work)
        moved = sh("git rev-parse HEAD", work)
        with Hosts(world.run()) as hosts:
            from tasks.aws.management import find

            hosts.wait(find(world.run()), 60).run("systemctl daemon-reload")
        inside = {"manage": "backend/manage.py", "requirements": ("backend/requirements.txt",)}
        # As a first deploy: the folder has been there before.
        sh(f"git fetch -q origin && git checkout -q {moved}", world.disk() / "app")
        assert deploy_release(world.run(app=inside), moved).revision == moved
        for name in ("REVISION", "backend/REVISION"):
            assert (world.disk() / "app" / name).read_text() == f"{moved}\n"
        assert sh("git status --porcelain", world.disk() / "app") == ""
