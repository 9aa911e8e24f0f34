"""A site of one's own in the rehearsal: which revisions, which Python, which environment, what a release has left behind."""

import json
import os
import runpy
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rehearsal.foreign import acts, commands, databases, findings, prepare, pythons, repositories, units
from rehearsal.foreign.existing import PER_HOST, PROGRAMS, Existing, _link_tools, _quoted, environment_file, say_step
from rehearsal.host_kinds import PROCESSES
from rehearsal.hosts.units import ServiceUnit
from rehearsal.hosts.units import parse as parse_unit
from rehearsal.sandbox import Refusal
from rehearsal.scenario import Rehearsal, _has_new_page
from rehearsal.traffic import Request
from tasks.decisions.release.stages import waiting_text
from tasks.decisions.setup.python_path import python_path
from tasks.errors import Refused, SettingsError
from tasks.hosts.shell.scripts.environment import parse
from tasks.operations import rehearse_project
from tasks.operations.init import Options
from tasks.operations.rehearse_project import Subject


def commit(folder: Path, *, tag: str = "") -> str:
    person = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    for words in (["commit", "-q", "--allow-empty", "-m", "x"], *([["tag", tag]] if tag else [])):
        subprocess.run(["git", "-C", str(folder), *person, *words], check=True)
    return subprocess.run(
        ["git", "-C", str(folder), "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    return tmp_path


def environment(folder: Path, *_: object) -> None:
    (folder / "bin").mkdir(parents=True)
    (folder / "bin/python").symlink_to(sys.executable)


def set_up_for(server: str, tree: Path) -> list[str]:
    """Leave what a rehearsal reads of what `init` writes."""
    (tree / ".ramped").mkdir()
    (tree / ".ramped/project.json").write_text(json.dumps({"server": server, "databases": {}}))
    (tree / "fabric.yaml").write_text("app: {domain: a.example.com}\nstatic: {url: /static/}\n")
    return []


def test_without_tags_the_last_two_commits_are_rehearsed(repository: Path) -> None:
    first = commit(repository)
    assert repositories.revisions(repository, None, None) == (first, first)
    second, third = commit(repository), commit(repository)
    assert repositories.revisions(repository, None, None) == (second, third)
    assert repositories.revisions(repository, None, second[:9]) == (first, second)
    assert repositories.revisions(repository, first, None) == (first, third)


def test_with_tags_the_last_two_are_rehearsed(repository: Path) -> None:
    first, second = commit(repository, tag="v1"), commit(repository, tag="v2")
    commit(repository)
    assert set(repositories.revisions(repository, None, None)) == {first, second}
    assert repositories.revisions(repository, "v1", "v2") == (first, second)


def test_tags_come_in_the_order_of_their_commits(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whenever they were made: a release would be rehearsed backwards, over migrations that it does not know."""
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-01-01T00:00:00+0000")
    commits = [commit(repository, tag=name) for name in ("a", "b", "c")]
    assert repositories.revisions(repository, None, None) == (commits[1], commits[2])
    last = commit(repository, tag="last")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-02-01T00:00:00+0000")
    commands.git(repository, "tag", "-a", "-m", "x", "late", commits[0])
    assert repositories.revisions(repository, None, None) == (commits[2], last)


def test_the_files_of_both_releases_are_there_whatever_the_clone_lacks(tmp_path: Path) -> None:
    """In a shallow clone, a partial one, and with submodules in each other."""

    def made(name: str, text: str = "") -> Path:
        folder = tmp_path / name
        if not folder.exists():
            subprocess.run(["git", "init", "-q", "-b", "main", str(folder)], check=True)
        (folder / "a.txt").write_text(text)
        commands.git(folder, "add", "--all")
        commit(folder)
        return folder

    def copied(name: str, *options: str) -> tuple[Path, Path]:
        commands.run("git", "clone", "-q", *options, f"file://{tmp_path / 'site'}", tmp_path / name, cwd=tmp_path)
        return tmp_path / name, tmp_path / f"{name}-tree"

    site = made("site", "one")
    made("site", "two")
    commands.git(site, "config", "uploadpack.allowFilter", "true")
    partial, tree = copied("partial", "--filter=blob:none")
    old, new = repositories.revisions(partial, None, None)
    repositories.clone(partial, tree, (old, new))
    commands.git(tree, "checkout", "-q", "--detach", old)
    assert (tree / "a.txt").read_text() == "one"

    shallow, tree = copied("shallow", "--depth=1")
    commands.git(site, "checkout", "-q", "-b", "other")
    made("site", "other")
    commands.git(shallow, "fetch", "-q", "--depth=1", "origin", "other:refs/remotes/origin/other")
    old, new = repositories.revisions(shallow, "HEAD", "origin/other")
    repositories.clone(shallow, tree, (old, new))
    commands.git(tree, "checkout", "-q", "--detach", new)
    assert (tree / "a.txt").read_text() == "other"

    for inner, outer in (("deepest", "lib"), ("lib", "site")):
        made(inner, inner)
        more = ["-c", "protocol.file.allow=always", "submodule", "add", "-q", str(tmp_path / inner), f"vendor/{inner}"]
        commands.git(made(outer, outer), *more)
        made(outer, outer)
    commands.git(site, "-c", "protocol.file.allow=always", "submodule", "update", "-q", "--init", "--recursive")
    tree = tmp_path / "tree"
    repositories.clone(site, tree, ())
    commands.git(tree, "checkout", "-q", "other")
    repositories.unfold(site, tree)
    commands.git(tree, "add", "--all", "--force")
    listed = commands.git(tree, "ls-files", "-s")
    assert "vendor/lib/vendor/deepest/a.txt" in listed and "160000" not in listed
    commands.run("git", "clone", "-q", site, tmp_path / "without", cwd=tmp_path)
    commands.git(tree, "checkout", "-q", "--force", "other")
    with pytest.raises(Refusal, match="the submodule vendor/lib is not there: git submodule update --init --recursive"):
        repositories.unfold(tmp_path / "without", tree)


def test_a_revision_that_is_not_there_is_named(repository: Path) -> None:
    commit(repository)
    with pytest.raises(Refusal, match="git rev-parse exited 128"):
        repositories.revisions(repository, "nothing", None)


def test_what_the_preparation_refuses_leaves_nothing(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(repository)
    place = tmp_path / "t"
    place.mkdir()
    monkeypatch.setattr(prepare.tempfile, "tempdir", str(place))
    tools = prepare.Tools(lambda tree, python: [], lambda tree: [], lambda tree: "", lambda tree: [], lambda tree, venv: None)
    with pytest.raises(Refusal, match="there is no requirements file, and pyproject.toml names no dependencies"):
        prepare.prepare(prepare.Wanted(repository, None, None, {}), tools, lambda line: None)
    assert not list(place.iterdir())


def test_releases_are_prepared_of_a_repository_whose_history_is_not_there(
    repository: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A partial clone, or one of a server that keeps large files elsewhere: only both releases' own files are needed."""
    large = repository / "large.bin"
    large.write_bytes(b"large")
    revisions = []
    for text in ("", "old", "new"):
        (repository / "a.txt").write_text(text)
        subprocess.run(["git", "-C", str(repository), "add", "--all"], check=True)
        revisions.append(commit(repository))
        large.unlink(missing_ok=True)
    blob = commands.git(repository, "rev-parse", f"{revisions[0]}:large.bin")
    (repository / f".git/objects/{blob[:2]}/{blob[2:]}").unlink()

    monkeypatch.setattr(pythons, "environment", environment)
    monkeypatch.setattr(pythons, "complete", lambda *_: None)
    monkeypatch.setattr(prepare.tempfile, "tempdir", str(tmp_path_factory.mktemp("prepared")))
    tools = prepare.Tools(
        lambda tree, _: set_up_for("gunicorn", tree), lambda tree: [], lambda tree: "", lambda tree: [], lambda tree, venv: None
    )
    top = prepare.prepare(prepare.Wanted(repository, *revisions[1:], {}), tools, lambda line: None)
    prepared = json.loads((top / prepare.PREPARED).read_text())
    shown = [commands.git(top / "origin.git", "show", f"{prepared[name]}:a.txt") for name in ("old", "new")]
    assert shown == ["old", "new"] and [prepared["of_old"], prepared["of_new"]] == revisions[1:]
    assert commands.git(top / "origin.git", "rev-list", prepared["new"]).split() == [prepared["new"], prepared["old"]]


@pytest.mark.parametrize("machines, added", [(False, ["gunicorn"]), (True, [])])
def test_the_server_is_added_when_init_has_chosen_it_for_both_releases(
    repository: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, machines: bool, added: list[str]
) -> None:
    """The second environment is a copy of the first; with gunicorn in it, a site on uWSGI got gunicorn's unit."""

    def complete(folder: Path, tree: Path, names: Sequence[str], say: object) -> None:
        (folder / "added").write_text(" ".join(names))

    def set_up(tree: Path, python: Path) -> list[str]:
        assert not (python.parents[1] / "added").exists()
        return set_up_for("uwsgi", tree)

    commit(repository)
    commit(repository)
    monkeypatch.setattr(pythons, "environment", environment)
    monkeypatch.setattr(pythons, "complete", complete)
    monkeypatch.setattr(prepare.for_machines, "fetch", lambda *_: [])
    monkeypatch.setattr(prepare.tempfile, "tempdir", str(tmp_path_factory.mktemp("prepared")))
    tools = prepare.Tools(set_up, lambda tree: [], lambda tree: "the same", lambda tree: [], lambda tree, venv: None)
    top = prepare.prepare(prepare.Wanted(repository, None, None, {}, machines=machines), tools, lambda line: None)
    assert [(top / f"{name}-venv/added").read_text().split() for name in ("old", "new")] == [added, added]


@pytest.mark.parametrize(
    "file, text, version",
    [
        (".python-version", "3.12.4\n", (3, 12)),
        ("runtime.txt", "python-3.13.1", (3, 13)),
        ("pyproject.toml", '[project]\nname = "x"\nrequires-python = ">=3.99"\n', (3, 99)),
        ("pyproject.toml", '[project]\nname = "x"\nrequires-python = ">=3.8"\n', None),
        ("pyproject.toml", "no toml", None),
    ],
)
def test_the_python_that_a_project_wants(tmp_path: Path, file: str, text: str, version: tuple[int, int] | None) -> None:
    (tmp_path / file).write_text(text)
    assert pythons._wanted(tmp_path) == version


def test_without_a_wish_this_python_comes_first(tmp_path: Path) -> None:
    assert pythons._version(pythons.choose(tmp_path)[0]) == sys.version_info[:2]
    assert pythons._version(Path("/bin/false")) is None


def test_a_new_release_has_the_python_of_the_old_one_where_it_names_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old one's requirements may want another than this one: that took pip seconds to find out, for each of both."""
    found = [tmp_path / f"python{minor}" for minor in (8, 9, *range(sys.version_info[1], 17))]
    for path in found:
        path.write_text(f"#!/bin/sh\necho 3 {path.name.removeprefix('python')}\n")
        path.chmod(0o755)
    monkeypatch.setattr(pythons, "_pythons", lambda: iter(found))
    this = tmp_path / f"python{sys.version_info[1]}"
    assert pythons.choose(tmp_path) == [this, *found[3:], *found[:2]]
    assert pythons.choose(tmp_path, found[1]) == [found[1], this, *found[3:], found[0]]
    (tmp_path / ".python-version").write_text("3.8")
    assert pythons.choose(tmp_path, found[1])[0] == found[0]


@pytest.mark.parametrize("value", ["plain", "two words", 'with "quotes" and \\', "$HOME `x`", ""])
def test_a_value_comes_out_of_the_environment_file_as_it_went_in(value: str) -> None:
    assert parse(f"NAME={_quoted(value)}\n") == {"NAME": value}


WORKER = """
import sys
sys.path.insert(0, sys.argv[1])
import django.conf
django.conf.settings.configure(STATIC_URL="/static/")
import rehearsal_worker
application = rehearsal_worker.application()
for path in sys.argv[2:]:
    rehearsal_worker.begin(path)
    application(path)
    print(*(name for name, _ in rehearsal_worker.headers()))
"""
SITE = """
from pathlib import Path
ROOT = Path(__file__).parent / "shared/static"

def application(path):
    name = "served.json" if path.startswith("/static/") else "read.json"
    (ROOT / name).read_text()
"""


def test_a_file_by_which_code_names_others_is_found_by_its_being_read(tmp_path: Path) -> None:
    static = tmp_path / "shared/static"
    static.mkdir(parents=True)
    for name in ("read.json", "served.json", "collected.json"):
        (static / name).write_text("{}")
    (tmp_path / "site_app.py").write_text(SITE)
    (tmp_path / "values.json").write_text(json.dumps({"static_root": str(static)}))
    names = {"REHEARSAL_CHECKOUT": str(tmp_path), "REHEARSAL_APPLICATION": "site_app:application"}
    environment = {**os.environ, **names, "REHEARSAL_VALUES": str(tmp_path / "values.json"), "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", WORKER, str(PROGRAMS), "/static/x.json", "/", "/"]
    said = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    (found,) = findings.manifests(tmp_path / "shared")
    assert found.startswith("the site reads read.json in STATIC_ROOT")
    # Of a page alone is it told how large its worker is: that is looked up each time.
    page = "X-Rehearsal-Release X-Rehearsal-Worker"
    assert said.splitlines() == ["X-Rehearsal-Release", page, page]


def test_tools_on_a_host_know_what_those_of_this_user_know(tmp_path: Path) -> None:
    (tmp_path / ".npmrc").touch()
    given = {
        "SSL_CERT_FILE": "/c.pem",
        "UV_INDEX_URL": "https://x",
        "UV_PROJECT_ENVIRONMENT": "/mine",
        "UV_PYTHON": "3",
        "HOME": "/h",
    }
    found = prepare.tool_variables(given, tmp_path)
    assert found == {"SSL_CERT_FILE": "/c.pem", "UV_INDEX_URL": "https://x", "npm_config_userconfig": str(tmp_path / ".npmrc")}


@pytest.mark.parametrize("tool", ["npm", "pnpm", "yarn"])
def test_a_host_has_the_tools_that_build_a_front_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool: str) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / f"here/{tool}").write_text("#!/bin/sh\necho built $1 $STORE\n")
    (tmp_path / f"here/{tool}").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "here"))
    _link_tools(tmp_path / "host", {"STORE": "there"})
    done = subprocess.run([tmp_path / "host" / tool, "it"], check=True, capture_output=True, text=True)
    assert done.stdout == "built it there\n"


def test_a_busy_machine_is_said_to_be_so() -> None:
    assert "43 programs want to run on 2 processors" in findings.overloaded(43.2, 2)
    assert findings.overloaded(7.9, 2) == ""


def test_a_static_file_that_the_build_has_made_is_no_finding(tmp_path: Path) -> None:
    (tmp_path / "static/css").mkdir(parents=True)
    (tmp_path / "static/css/a.css").touch()
    said = [
        "x.html:5: names the static file {}, which collectstatic does not find",
        "'{}' is not in the static files manifest /x",
    ]
    made = [line.format("css/a.css") for line in said]
    lacking = [line.format("css/b.css") for line in said]
    assert list(findings.lasting([*made, *lacking, "x.html: does not compile"], tmp_path)) == [
        *lacking,
        "x.html: does not compile",
    ]


def test_the_programs_of_an_environment_run_after_it_has_moved(tmp_path: Path) -> None:
    programs = tmp_path / "old-venv/bin"
    programs.mkdir(parents=True)
    (programs / "python").symlink_to(sys.executable)
    for name in ("python3.11", "python"):
        (programs / f"by-{name}").write_text(f"#!{programs}/{name}\nimport sys\nprint(sys.argv[1:], __file__)\n")
    (programs / "shell").write_text("#!/bin/sh\n")
    for program in programs.iterdir():
        if not program.is_symlink():
            program.chmod(0o755)
    pythons.relocate(tmp_path / "old-venv")
    moved = programs.parent.rename(tmp_path / "a disk") / "bin"
    for name in ("python3.11", "python"):
        done = subprocess.run([moved / f"by-{name}", "an 'argument'"], capture_output=True, text=True, check=True)
        assert done.stdout == f"""["an 'argument'"] {moved}/by-{name}\n"""
    assert (moved / "shell").read_text() == "#!/bin/sh\n" and (moved / "python").resolve() == Path(sys.executable).resolve()


def test_what_looks_like_a_secret_is_in_every_image(repository: Path) -> None:
    (repository / "bin").mkdir()
    (repository / "bin/settings.ini").write_text("key = ghp_" + "a1B2" * 9 + "\n")
    (repository / "tmp").mkdir()
    (repository / "tmp/note").write_text("nothing\n")
    subprocess.run(["git", "-C", str(repository), "add", "--all"], check=True)
    assert list(findings.secrets(repository, "site")) == ["in every image: bin/settings.ini (token of GitHub)"]


FACTS = {"manage": "app/manage.py", "settings": "x.settings", "application": "x.asgi:site", "server": "uvicorn"}


@pytest.mark.parametrize("facts, version", [(FACTS, "0.37.0"), ({**FACTS, "server": "uwsgi", "application": "x.wsgi"}, "25.1.0")])
def test_the_unit_is_that_of_the_server(tmp_path: Path, facts: dict[str, str], version: str) -> None:
    server = "uvicorn" if facts is FACTS else "gunicorn"
    (tmp_path / f"lib/python3.12/site-packages/{server}-{version}.dist-info").mkdir(parents=True)
    text = units.service("site", facts, "rehearsal", "%h/rehearsal", tmp_path)
    unit = parse_unit("shop.service", text, {"h": "/h", "t": "/t"})
    assert isinstance(unit, ServiceUnit) and unit.start.argv[2] == server and unit.directory == "/h/app/app"
    assert unit.environment["REHEARSAL_APPLICATION"] == ("x.asgi:site" if facts is FACTS else "x.wsgi:application")
    assert ("--timeout-worker-healthcheck" in unit.start.argv) is (facts is FACTS)


def test_an_environment_file_is_read_as_the_unit_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "site.env").write_text('A="two \\"words\\""  \nB=say "hi"\n; C=1\n')
    seen: list[prepare.Wanted] = []

    def noted(wanted: prepare.Wanted, tools: prepare.Tools, say: prepare.Say) -> Path:
        seen.append(wanted)
        return tmp_path

    monkeypatch.setattr(prepare, "prepare", noted)
    rehearse_project.prepare("rehearsal", Subject(str(tmp_path), environment_file=str(tmp_path / "site.env")))
    assert seen[0].environment == {"A": 'two "words"', "B": 'say "hi"'}
    with pytest.raises(SettingsError, match="--environment-file: .*none: No such file"):
        rehearse_project.prepare("rehearsal", Subject(str(tmp_path), environment_file=str(tmp_path / "none")))


def test_an_environment_file_does_not_lead_to_the_real_site(tmp_path: Path) -> None:
    """It wins over what the unit says, and production's names the settings with production's database."""
    odd = '50% "off"\\n'
    found = {**FACTS, "variables": {}, "python_path": [".", "src", odd]}
    (tmp_path / "gazette/.ramped").mkdir(parents=True)
    (tmp_path / "gazette/.ramped/project.json").write_text(json.dumps(found))
    given = {"DJANGO_SETTINGS_MODULE": "x.settings", "PYTHONPATH": "/srv/gazette/app/src", "REGION": "north"}
    site = Existing(tmp_path, prepare.Prepared("gazette", "", "", "", "", "", given, [], [], [], [], "", {}, []))
    path = site.python_path(f"%h/{PER_HOST}", "%h/app", units.quoted)
    text = units.service("gazette", site.facts, PER_HOST, path, tmp_path)
    unit = parse_unit("shop.service", text, {"h": "/h", "t": "/t"})
    assert isinstance(unit, ServiceUnit)
    has = {**unit.environment, **parse(environment_file(site.variables()))}
    assert has["DJANGO_SETTINGS_MODULE"] == "rehearsal_settings" and has["REGION"] == "north"
    assert has["PYTHONPATH"] == f"/h/{PER_HOST}:/h/app/.:/h/app/src:/h/app/{odd}"
    assert site.python_path("/m", "/srv/gazette/app") == f"/m:/srv/gazette/app/.:/srv/gazette/app/src:/srv/gazette/app/{odd}"


def test_what_fabric_yaml_says_of_the_site_is_taken_and_of_its_hosts_is_not(tmp_path: Path) -> None:
    """A page may be a section with what it must answer; the environment file of production is none of a rehearsal's hosts."""
    pages = ["/news/", {"path": "/search/?q=tea", "status": 200, "text": "Results"}, "/"]
    app = {"domain": "example.com", "environment_file": "/etc/gazette.env", "pages": pages, "install": ["pip install ."]}
    (tmp_path / "gazette").mkdir()
    (tmp_path / "gazette/fabric.yaml").write_text(json.dumps({"app": app}))
    site = Existing(tmp_path, prepare.Prepared("gazette", "", "", "", "", "", {}, [], [], [], [], "", {}, []))
    assert site.pages == ("/", "/news/", "/search/?q=tea")
    deep = "/health_check/example.com/deep"
    assert site.app(PROCESSES) == {"pages": pages, "install": ["pip install ."], "deep_health_path": deep}


def test_each_command_that_sets_the_old_release_up_is_named_before_it_runs(capsys: pytest.CaptureFixture[str]) -> None:
    for command in (("sh", "-c", "npm ci\nnpm run build"), ("/v/bin/python", "manage.py", "migrate", "--noinput")):
        say_step(command)
    assert capsys.readouterr().out == "rehearsal: the old release: npm ci\nrehearsal: the old release: manage.py migrate\n"


def test_what_init_leaves_out_of_the_python_path_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    left = python_path("/etc/gazette", "/srv/gazette/app", ".").left[0]
    monkeypatch.setattr(rehearse_project, "init", lambda tree, options: print(f"\nLeft to do:\n  {left}\n  other"))
    with pytest.raises(Refused):
        rehearse_project._set_up(tmp_path, Options())
    assert capsys.readouterr().out == f"rehearsal: {left}\n"


def test_a_database_that_a_rehearsal_has_not_is_named(tmp_path: Path) -> None:
    assert [name for name, _ in databases.parts({"a": ["x.backends.postgis", ""], "b": ["sqlite3", "f"]}, tmp_path)] == [
        "PostgreSQL"
    ]
    with pytest.raises(Refusal, match="the database is oracle: a rehearsal has SQLite, PostgreSQL and MariaDB"):
        databases.parts({"default": ["oracle", ""]}, tmp_path)


def request(version: str, worker: str) -> Request:
    return Request(0.0, "page", "/", 200, version, "", worker)


def test_pages_show_a_rollback_however_many_files_they_name() -> None:
    file = Request(0.0, "file", "/static/a.css", 200, "", "")
    assert acts.went_back([request("v2", ""), request("v1", ""), *[file] * 50])
    assert not acts.went_back([request("v1", ""), *[request("v2", "")] * 20, *[file] * 50])


def test_visitors_go_on_until_they_have_had_a_page_of_the_new_release(tmp_path: Path) -> None:
    """On a busy machine the first page of a new worker takes longer than a release that is over."""
    out = tmp_path / "requests.jsonl"
    out.touch()
    world = SimpleNamespace(places=SimpleNamespace(top=tmp_path), patience=1)
    asked: list[int] = []

    def seen(requests: Sequence[Request]) -> bool:
        asked.append(len(requests))
        with out.open("a") as file:
            file.write(json.dumps(asdict(request("v2" if len(asked) == 2 else "v1", ""))) + "\n")
        return _has_new_page(requests)

    Rehearsal(cast(Any, world), 1, ()).wait_for_visitors(seen)
    assert asked == [0, 1, 2]


DUMMY = "django.core.mail.backends.dummy.EmailBackend"
SETTINGS = """
from pathlib import Path
DATABASES = {
    alias: {"ENGINE": "django.db.backends.sqlite3", "NAME": Path(__file__).parent / alias} for alias in ("default", "other")
}
INSTALLED_APPS = ["news"]
"""
MIGRATION = "from django.db import migrations\nclass Migration(migrations.Migration):\n    dependencies = {}\n"
MANAGE = "from django.core.management import execute_from_command_line\nimport sys\nexecute_from_command_line(sys.argv)\n"


def test_a_migration_that_waits_for_contract_is_not_lacking(tmp_path: Path) -> None:
    tree = tmp_path / "gazette"
    files = {
        "gazette/settings.py": SETTINGS,
        "gazette/manage.py": MANAGE,
        "gazette/news/__init__.py": "",
        "gazette/news/migrations/__init__.py": "",
        "gazette/news/migrations/0001_a.py": MIGRATION.format([]),
        "gazette/news/migrations/0002_b.py": MIGRATION.format([("news", "0001_a")]),
        "gazette/news/migrations/0003_c.py": MIGRATION.format([("news", "0002_b")]),
        "gazette/.ramped/project.json": json.dumps(
            {"manage": "manage.py", "settings": "settings", "variables": {}, "python_path": []}
        ),
        "gazette/fabric.yaml": "app: {domain: example.com, databases: [default, other]}\n",
        f"disk/{PER_HOST}/values.json": json.dumps({"static_root": "", "media_root": "", "domain": "", "databases": {}}),
        f"disk/{PER_HOST}/rehearsal_settings.py": (PROGRAMS / "rehearsal_settings.py").read_text(),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "new-venv").symlink_to(sys.prefix)
    prepared = prepare.Prepared("gazette", "", "", "", "", "", {}, [], [], [], [], "", {}, [])
    site, disk = Existing(tmp_path, prepared), tmp_path / "disk"
    site.manage(tmp_path / "new-venv", tree, disk, "migrate", "news", "0002", "--verbosity=0")
    site.manage(tmp_path / "new-venv", tree, disk, "migrate", "--database=other", "--verbosity=0")
    lacks = "the database default that serves lacks migrations of the new release: news.0003_c"
    assert list(findings.migrated(site, disk, "other:news.0003_c news.0002_b")) == [lacks]
    for names in (["news.0003_c"], ["news.0003_c", *(f"shop.{number:04}_{'x' * 60}" for number in range(20))]):
        assert list(findings.migrated(site, disk, waiting_text(names))) == []
    (tree / "manage.py").write_text("import sys\nsys.exit('no database')\n")
    assert [said.rpartition(": ")[2] for said in findings.migrated(site, disk, "")] == ["no database"] * 2


def settings_of(own: str, given: dict[str, dict[str, object]], folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the settings with which a site runs in a rehearsal; `given`: its databases there."""
    (folder / "own_settings.py").write_text(own)
    values = {"static_root": "/shared/static", "media_root": "/shared/media", "domain": "", "databases": given}
    (folder / "values.json").write_text(json.dumps(values))
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "own_settings", raising=False)
    monkeypatch.setenv("REHEARSAL_SETTINGS", "own_settings")
    monkeypatch.setenv("REHEARSAL_VALUES", str(folder / "values.json"))
    return runpy.run_path(str(PROGRAMS / "rehearsal_settings.py"))


@pytest.mark.parametrize("version, mode", [((5, 1), {"transaction_mode": "IMMEDIATE"}), ((4, 2), {})])
def test_a_transaction_waits_for_another_in_the_file_that_all_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: tuple[int, int], mode: dict[str, str]
) -> None:
    """One that has read and then writes failed at once beside another that wrote: status 500, database is locked."""
    monkeypatch.setattr("django.VERSION", version)
    own = "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3'}, 'other': {'ENGINE': 'django.db.backends.mysql'}}"
    path, served = PurePosixPath("/shared"), {"mariadb": {"host": "h", "user": "u", "password": "p"}}
    given = {
        alias: dict(databases.settings(alias, engine, path, served))
        for alias, engine in (("default", "sqlite3"), ("other", "mysql"))
    }
    found = settings_of(own, given, tmp_path, monkeypatch)["DATABASES"]
    assert found["default"]["OPTIONS"] == {"timeout": 20, **mode} and found["default"]["NAME"].startswith("/shared/")
    assert found["other"]["OPTIONS"] == {"connect_timeout": 5} and found["other"]["USER"] == "u"


@pytest.mark.parametrize(
    "own, sent",
    [
        ("", {"EMAIL_BACKEND": DUMMY}),
        ("MAILERS = {'default': {'OPTIONS': {'host': 'x'}}}", {"MAILERS": {"default": {"BACKEND": DUMMY}}}),
    ],
)
def test_no_mail_leaves_by_either_setting_of_django(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str, sent: dict[str, object]
) -> None:
    """Django 6.1 refuses settings with both."""
    found = settings_of(own, {}, tmp_path, monkeypatch)
    assert {name: found[name] for name in ("EMAIL_BACKEND", "MAILERS") if name in found} == sent


def test_the_folders_of_files_stay_what_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A site that asked whether its MEDIA_ROOT is a folder ended: it was a text then; what it keeps below stayed outside."""
    own = "from pathlib import Path\nMEDIA_ROOT = Path('/srv/media')\nTHUMBS = MEDIA_ROOT / 'thumbs'\nOTHER = '/srv/media2'\n"
    own += "STATIC_ROOT = '/static'\nSTATIC_URL = '/static/'\nCOMPRESS_ROOT = STATIC_ROOT\n"
    found = settings_of(own, {}, tmp_path, monkeypatch)
    assert (found["MEDIA_ROOT"], found["THUMBS"]) == (Path("/shared/media"), Path("/shared/media/thumbs"))
    assert found["OTHER"] == "/srv/media2"
    assert (found["STATIC_ROOT"], found["COMPRESS_ROOT"]) == ("/shared/static",) * 2 and found["STATIC_URL"] == "/static/"


def test_paths_stay_where_the_code_lies_among_the_files_of_visitors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = "from pathlib import Path\nMEDIA_ROOT = Path(__file__).resolve().parent\nTEMPLATES_ARE_IN = MEDIA_ROOT / 'templates'\n"
    found = settings_of(own, {}, tmp_path, monkeypatch)
    assert found["MEDIA_ROOT"] == Path("/shared/media")
    assert found["TEMPLATES_ARE_IN"] == tmp_path.resolve() / "templates"


def test_workers_that_are_slow_or_grow_are_found() -> None:
    old, new = request("v1", "11 102400 1.5"), request("v2", "12 204800 12.5")
    rows, found = findings.workers([old, new, new, request("v2", "")])
    assert rows == [("v1", 1, "100 MiB", "1.5 s"), ("v2", 1, "200 MiB", "12.5 s")]
    assert "takes 12 s of the processor to load" in found[0] and "needs 200 MiB, and needed 100 MiB" in found[1]
    assert findings.workers([old, old])[1] == []


def test_within_a_hook_of_git_the_repository_of_the_hook_is_left_alone(
    repository: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = commit(repository)
    other = tmp_path_factory.mktemp("other")
    subprocess.run(["git", "init", "-q", str(other)], check=True)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    assert commands.git(repository, "rev-parse", "HEAD") == first


def test_what_a_command_has_started_ends_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "PATIENCE", 1.0)
    with pytest.raises(Refusal, match="not within 1 s"):
        commands.run("sh", "-c", "sleep 600 & echo $! > child; wait", cwd=tmp_path)
    child = int((tmp_path / "child").read_text())
    end = time.monotonic() + 60
    while alive(child):
        assert time.monotonic() < end, "the child outlived its command"
        time.sleep(0.05)


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    "text, expected",
    [
        ("", "app.domain is missing"),
        ("app: {domain: x.org}", "static.url is missing"),
        ("run: {echo: true}", "app.domain is missing"),
    ],
)
def test_a_fabric_yaml_that_is_not_ours_is_named(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "fabric.yaml").write_text(text)
    with pytest.raises(Refusal, match=f"fabric.yaml: {expected}"):
        prepare._require(tmp_path)


def test_releases_of_which_the_same_is_installed_are_known(repository: Path) -> None:
    """The requirements of both releases are the same."""
    (repository / "requirements.txt").write_text("django\n")
    assert rehearse_project._same(repository) == rehearse_project._same(repository) != ""
    before = rehearse_project._same(repository)
    (repository / "requirements.txt").write_text("django\n-e .\n")
    assert rehearse_project._same(repository) == ""
    (repository / "requirements.txt").write_text("django>5\n")
    assert rehearse_project._same(repository) not in ("", before)
