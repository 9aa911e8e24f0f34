"""The shop of the rehearsal: its repository, both releases side by side, and the unit files that start it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rehearsal.hosts import units
from rehearsal.site import repository
from tests.settings_snippets.commands import commands
from tests.settings_snippets.project import PATIENCE, Answer, Ran, ask, gunicorn

HTTPS = {"Host": "shop.example.com", "X-Forwarded-Proto": "https"}
CDN = "http://127.77.0.4:8080"
NAMED = re.compile(r'(?:href|src)="([^"]*/static/[^"]+)"')
URL = re.compile(r'url\("([^"]+)"\)')


class Host:
    """The disk of an instance with a checkout of the shop; several share the static files and the database."""

    def __init__(self, home: Path, origin: Path, revision: str, shared: Path) -> None:
        self.base = home / "app"
        for name in ("static", "database"):
            (shared / name).mkdir(parents=True, exist_ok=True)
            home.mkdir(exist_ok=True)
            (home / name).symlink_to(shared / name)
        git("clone", "--quiet", str(origin), str(self.base))
        self.check_out(revision)

    def check_out(self, revision: str) -> None:
        git("-C", str(self.base), "checkout", "--quiet", "--detach", revision)
        (self.base / "REVISION").write_text(revision + "\n")

    def environment(self) -> dict[str, str]:
        return {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "PYTHONDONTWRITEBYTECODE": "1"}

    def manage(self, *arguments: str) -> Ran:
        ran = commands().run(
            list(arguments), folder=self.base, environment=self.environment(), umask=0o022, strict=True, patience=PATIENCE
        )
        assert ran[0] == 0, ran[2]
        return Ran(*ran)

    def deploy(self) -> None:
        self.manage("migrate", "-v0", "--noinput")
        self.manage("collectstatic", "-v0", "--noinput")


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    directory = tmp_path_factory.mktemp("repository")
    first, second = repository.build(directory)
    repository.publish(directory, second)
    return repository.origin_of(directory), first, second


@pytest.fixture
def hosts(tmp_path: Path, origin: tuple[Path, str, str]) -> tuple[Host, Host]:
    """An old host and a new one, after both deployments: the schema is the new release's."""
    where, first, second = origin
    old, new = (
        Host(tmp_path / name, where, revision, tmp_path / "shared") for name, revision in (("old", first), ("new", second))
    )
    old.deploy()
    new.deploy()
    return old, new


def page(place: Path, path: str) -> Answer:
    answer = ask(place, path, headers=HTTPS)
    assert answer.status == 200, (path, answer)
    return answer


def files_of(place: Path, path: str) -> dict[str, str]:
    """Return the static files of a page and of its CSS, by address; each must be there."""
    text = page(place, path).body.decode()
    names = set(NAMED.findall(text))
    assert names, "a page without static files proves nothing"
    found = {name: page(place, name).body.decode() for name in names}
    for name, content in list(found.items()):
        for reference in URL.findall(content):
            address = os.path.normpath(os.path.join(os.path.dirname(name), reference))  # noqa: PTH118, PTH120
            found[address] = page(place, address).body.decode()
    return found


def test_the_repository_repeats(tmp_path: Path, origin: tuple[Path, str, str]) -> None:
    assert repository.build(tmp_path) == origin[1:]


def test_the_branch_is_at_v1_until_v2_is_published(tmp_path: Path) -> None:
    first, second = repository.build(tmp_path)
    clone = tmp_path / "clone"
    git("clone", "--quiet", str(repository.origin_of(tmp_path)), str(clone))
    assert git("-C", str(clone), "rev-parse", "HEAD") == first
    assert git("-C", str(clone), "rev-list", "--all") == first, "v2 must not have come with the clone"
    repository.publish(tmp_path, second)
    git("-C", str(clone), "fetch", "--quiet", "origin", "main")
    assert git("-C", str(clone), "rev-parse", "FETCH_HEAD") == second
    assert git("-C", str(clone), "merge-base", "--is-ancestor", first, second) == ""


def test_the_drop_ins_come_from_the_folder_that_is_given(tmp_path: Path) -> None:
    snippets = tmp_path / "snippets"
    shutil.copytree(repository.SNIPPETS, snippets)
    with (snippets / "health.py").open("a") as file:
        file.write("\n# another\n")
    revisions = repository.build(tmp_path / "other", snippets)
    shown = git("-C", str(repository.origin_of(tmp_path / "other")), "show", f"{revisions[0]}:config/health.py")
    assert shown.endswith("# another")


def test_it_can_be_built_from_a_copy_of_its_folders(tmp_path: Path) -> None:
    shutil.copytree(repository.SITE.parent, tmp_path / "copied")
    shutil.copytree(repository.SNIPPETS.parent, tmp_path / "settings_snippets")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\nfrom pathlib import Path\nfrom copied.site import repository\n"
        "print(*repository.build(Path(sys.argv[2]), Path(sys.argv[3])))"
    )
    command = [sys.executable, "-c", code, str(tmp_path), str(tmp_path / "made"), str(repository.SNIPPETS)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.split() == list(repository.build(tmp_path / "here"))


def test_a_deployed_checkout_is_clean_for_git(hosts: tuple[Host, Host]) -> None:
    assert [git("-C", str(host.base), "status", "--porcelain") for host in hosts] == ["", ""]


def test_the_models_and_the_migrations_agree(hosts: tuple[Host, Host]) -> None:
    for host in hosts:
        assert "No changes" in host.manage("makemigrations", "--check", "--dry-run").out


def test_the_database_lets_many_hosts_in(hosts: tuple[Host, Host], tmp_path: Path) -> None:
    code = "from django.db import connection as c; k = c.cursor(); k.execute('PRAGMA journal_mode'); print(k.fetchone()[0])"
    assert hosts[1].manage("shell", "-v0", "-c", code).out == "wal\n"
    assert (tmp_path / "shared/database/shop.sqlite3").exists()


def test_both_releases_serve_side_by_side_and_each_names_files_of_its_own(hosts: tuple[Host, Host]) -> None:
    old, new = hosts
    with gunicorn(old) as (old_place, _), gunicorn(new) as (new_place, _):
        assert [page(place, "/health/").json()["status"] for place in (old_place, new_place)] == ["ok", "ok"]
        for place, release, paths in (
            (old_place, "v1", ["/", "/products/1/", "/products/5/"]),
            (new_place, "v2", ["/", "/products/1/", "/products/5/", "/about/"]),
        ):
            for path in paths:
                assert f'<meta name="release" content="{release}">' in page(place, path).body.decode()
                changed = {name: text for name, text in files_of(place, path).items() if re.search(r"\.(css|js)$", name)}
                assert len(changed) == 2
                assert all(f"/* release {release} */" in text for text in changed.values())
        assert ask(old_place, "/about/", headers=HTTPS).status == 404
        # Restarted or not, the files of the other release are served too.
        for name in files_of(new_place, "/about/"):
            assert ask(old_place, name, headers=HTTPS).status == 200
        assert set(files_of(old_place, "/")) & set(files_of(new_place, "/")), "an unchanged file keeps its name"


def test_a_running_v1_does_not_have_the_files_of_v2_until_it_is_reloaded(tmp_path: Path, origin: tuple[Path, str, str]) -> None:
    where, first, second = origin
    old = Host(tmp_path / "old", where, first, tmp_path / "shared")
    old.deploy()
    with gunicorn(old) as (old_place, _):
        before = files_of(old_place, "/")
        new = Host(tmp_path / "new", where, second, tmp_path / "shared")
        new.deploy()
        with gunicorn(new) as (new_place, _):
            added = set(files_of(new_place, "/about/")) - set(before)
        assert len(added) == 3  # CSS, JS, the banner
        assert {name: ask(old_place, name, headers=HTTPS).status for name in added} == dict.fromkeys(added, 404)
        assert files_of(old_place, "/") == before


def test_v1_reads_and_writes_on_the_schema_of_v2(hosts: tuple[Host, Host]) -> None:
    code = (
        "from shop.models import Product\nProduct.objects.create(name='Rope', price='3.00')\n"
        "one = Product.objects.get(name='Kettle'); one.price = '41.00'; one.save()\n"
        "Product.objects.get(name='Lantern').delete()\n"
    )
    hosts[0].manage("shell", "-v0", "-c", code)
    told = hosts[1].manage(
        "shell", "-v0", "-c", "from shop.models import Product; print(list(Product.objects.values_list('name', 'note')))"
    )
    assert "('Rope', None)" in told.out
    assert "Lantern" not in told.out


def test_pages_name_the_cdn_when_the_host_says_so_and_the_cdns_visitors_are_let_in(hosts: tuple[Host, Host]) -> None:
    old = hosts[0]
    (old.base.parent / "shop.env").write_text(f"SHOP_CDN={CDN}\nSHOP_DOMAIN=other.example.com\n")
    with gunicorn(old) as (place, _):
        answer = ask(place, "/", headers={**HTTPS, "Host": "other.example.com"})
        names = NAMED.findall(answer.body.decode())
        assert names
        assert all(name.startswith(f"{CDN}/static/shop/") for name in names)
        through = {**HTTPS, "Host": "127.77.0.4:8080"}
        assert {ask(place, name.removeprefix(CDN), headers=through).status for name in names} == {200}
        assert ask(place, "/static/shop/css/none.css", headers=through).status == 404
        assert ask(place, "/", headers={**HTTPS, "Host": "127.77.1.9:8080"}).status == 400, "by address Django refuses"


def test_without_https_it_redirects(hosts: tuple[Host, Host]) -> None:
    with gunicorn(hosts[0]) as (place, _):
        assert ask(place, "/health/", headers={"Host": "shop.example.com"}).status == 301


def test_the_requirements_are_met_here(hosts: tuple[Host, Host]) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--no-index", "-r", "requirements.txt"]
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True).returncode:
        pytest.skip("this environment has no pip")
    done = subprocess.run(command, cwd=hosts[1].base, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("variant", sorted(repository.UNITS))
def test_the_units_are_understood_by_the_rehearsals_init(variant: str) -> None:
    specifiers = {"h": "/home/admin", "t": "/run/x"}
    read = {path.name: units.parse(path.name, path.read_text(), specifiers) for path in repository.UNITS[variant].iterdir()}
    service = read["shop.service"]
    assert isinstance(service, units.ServiceUnit)
    assert (service.type, service.kill_mode, service.directory) == ("notify", "mixed", "/home/admin/app")
    assert "--no-control-socket" in service.start.argv, "it would get into the images"
    assert ("--preload" in service.start.argv) == (variant == "preload")
    if variant == "bound":
        assert list(read) == ["shop.service"]
        assert "unix:/run/x/shop.sock" in service.start.argv
    else:
        socket = read["shop.socket"]
        assert isinstance(socket, units.SocketUnit)
        assert (socket.listen, service.requires) == ("/run/x/shop.sock", ("shop.socket",))
