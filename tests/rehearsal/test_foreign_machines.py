"""What of somebody's site comes onto machines, and where: its files under deploy/, its virtual environment, its packages."""

import shlex
import shutil
import stat
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from rehearsal.foreign import for_machines, libraries, machine_files, moving, packages, prepare
from rehearsal.foreign.on_machines import OnMachines
from rehearsal.hosts.machines import golden, image_files
from rehearsal.hosts.units import ServiceUnit
from rehearsal.hosts.units import parse as parse_unit
from rehearsal.installation import SNIPPETS
from rehearsal.sandbox import Refusal

APP = {"directory": "/srv/gazette/app", "virtualenv": "/srv/gazette/venv", "services": ["worker.service", "web.service"]}
FACTS = {"server": "gunicorn", "application": "gazette.wsgi", "settings": "gazette.settings.production"}
UNIT = """[Service]
User=gazette
EnvironmentFile=-/srv/gazette/gazette.env
Environment=DJANGO_SETTINGS_MODULE=gazette.settings.production
ExecStart=/srv/gazette/venv/bin/python -m gunicorn \\
    --name gazette.wsgi.app gazette.wsgi
"""


def tree(folder: Path, text: str = UNIT) -> Path:
    (folder / "deploy/systemd").mkdir(parents=True)
    (folder / "deploy/systemd/web.service").write_text(text)
    return folder


def test_a_host_is_as_the_site_describes_it(tmp_path: Path) -> None:
    host = machine_files.read(tree(tmp_path), APP, "gunicorn")
    assert (host.service, host.user, host.group, host.home) == ("web.service", "gazette", "gazette", "/srv/gazette")
    assert host.environment_files == ("/srv/gazette/gazette.env",)
    text = machine_files.drop_in(host, FACTS, "/srv/gazette/rehearsal/site.env", "/ours")
    unit = parse_unit("web.service", text.replace("ExecStart=\n", ""), {"h": "/h", "t": "/t"})
    assert isinstance(unit, ServiceUnit)
    # The name of the processes stays, the application is ours.
    assert list(unit.start.argv)[-2:] == ["gazette.wsgi.app", "rehearsal_wsgi"] and "ExecStart=\nExecStart=" in text
    assert unit.environment["REHEARSAL_APPLICATION"] == "gazette.wsgi:application"
    assert unit.environment["DJANGO_SETTINGS_MODULE"] == "rehearsal_settings"
    assert "EnvironmentFile=" not in machine_files.drop_in(host, FACTS, "/srv/gazette/gazette.env", "/ours")


@pytest.mark.parametrize("server, name", [("uvicorn", "config.asgi"), ("uwsgi", "config.wsgi"), ("gunicorn", "config.wsgi")])
def test_the_units_of_the_snippets_start_the_application_of_the_rehearsal(tmp_path: Path, server: str, name: str) -> None:
    folder = tree(tmp_path, (SNIPPETS / f"systemd/{server}.service").read_text())
    host = machine_files.read(folder, {**APP, "services": ["web.service"]}, server)
    text = machine_files.drop_in(host, {**FACTS, "server": server, "application": name}, "/x", "/ours")
    wanted = "rehearsal_asgi:application" if server == "uvicorn" else "rehearsal_wsgi"
    assert text.partition("ExecStart=\nExecStart=")[2].splitlines()[0].split()[-1] == wanted


@pytest.mark.parametrize(
    "unit, app, expected",
    [
        (UNIT, {"services": ["other.service"]}, "app.services: deploy/systemd has no other.service"),
        (UNIT, {"directory": "app"}, "app.directory: machines need a full path"),
        (UNIT.replace("User=", "#"), {}, "web.service: User is missing"),
        (UNIT.replace("gazette.wsgi", "other.wsgi"), {}, "ExecStart does not name the application gazette.wsgi"),
    ],
)
def test_files_that_do_not_fit_together_are_named(tmp_path: Path, unit: str, app: dict[str, object], expected: str) -> None:
    with pytest.raises(Refusal, match=expected):
        machine_files.drop_in(machine_files.read(tree(tmp_path, unit), {**APP, **app}, "gunicorn"), FACTS, "/x", "/ours")


def test_every_file_of_deploy_has_its_place() -> None:
    places = machine_files.places("gunicorn.service")
    assert all((SNIPPETS / name).is_file() for name in places)
    assert places["systemd/sudoers"] == ("etc/sudoers.d/ramped", 0o440)
    # What machines of the shop have by our own snippets, machines of others have by theirs.
    assert {place for place, _ in places.values()} <= set(image_files.settings())


def test_an_environment_works_at_another_place(tmp_path: Path) -> None:
    was, venv = tmp_path / "was", tmp_path / "elsewhere/venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(was)], check=True)
    script = was / "bin/hello"
    script.write_text(f"#!{was}/bin/python\nimport sys\nprint(sys.prefix)\n")
    script.chmod(0o755)
    site = next(was.glob("lib/python3.*")) / "site-packages"
    (site / "__editable__.pth").write_text("/checkout/of/before/src\n")
    venv.parent.mkdir()
    was.rename(venv)
    moving.move(venv, str(was), str(venv), str(Path(sys._base_executable).parent))  # type: ignore[attr-defined]
    moving.move_checkout(venv, "/checkout/of/before", "/srv/site/app")
    assert subprocess.run([venv / "bin/hello"], check=True, capture_output=True, text=True).stdout.strip() == str(venv)
    assert stat.S_IMODE((venv / "bin/hello").stat().st_mode) == 0o755
    assert (venv / site.relative_to(was) / "__editable__.pth").read_text() == "/srv/site/app/src\n"


def test_the_python_of_the_machines_serves_where_it_is_of_the_same_version(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    for name, expected in (
        (version, ("/usr/bin", {})),
        ("3.1", (f"/opt/python{version}/bin", {f"/opt/python{version}": sys.base_prefix})),
    ):
        base = tmp_path / name
        (base / "usr/bin").mkdir(parents=True)
        (base / f"usr/bin/python{name}").touch()
        assert golden.python_of(base) == name
        if sys.base_prefix != "/usr" or name == version:
            assert moving.python_on_machines(tmp_path / "venv", base) == expected
        else:
            with pytest.raises(Refusal, match=f"the site wants Python {version}; machines have 3.1"):
                moving.python_on_machines(tmp_path / "venv", base)


@pytest.mark.skipif(not shutil.which("dpkg-query"), reason="this is no Debian")
def test_what_the_programs_of_an_environment_are_linked_with_is_on_the_machines(tmp_path: Path) -> None:
    """As uWSGI, which pip builds with the libraries that are here."""
    programs, base, said = tmp_path / "venv/bin", tmp_path / "base", list[str]()
    programs.mkdir(parents=True)
    (programs / "hello").write_text("#!/bin/sh\n")
    assert libraries.packages([tmp_path / "venv"], base, said.append) == []
    shutil.copy(shutil.which("git") or "", programs / "uwsgi")
    wanted = libraries.packages([tmp_path / "venv"], base, said.append)
    assert {"zlib1g", "libc6"} <= set(wanted) and said == []
    for library in Path("/lib").glob("*-linux-gnu/libz.so.1"):
        (base / str(library).lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
        (base / str(library).lstrip("/")).touch()
    assert libraries.packages([tmp_path / "venv"], base, said.append) == [name for name in wanted if name != "zlib1g"]


def test_a_program_that_is_linked_with_its_python_takes_it_along(tmp_path: Path) -> None:
    """uWSGI is, where Python has its library as a file of its own."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    (tmp_path / "venv/bin/hello").write_text("#!/bin/sh\n")
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    (tmp_path / "base/usr/bin").mkdir(parents=True)
    (tmp_path / f"base/usr/bin/python{version}").touch()
    assert moving.python_on_machines(tmp_path / "venv", tmp_path / "base") == ("/usr/bin", {})
    shutil.copy(Path(sys._base_executable).resolve(), tmp_path / "venv/bin/uwsgi")  # type: ignore[attr-defined]
    own = sysconfig.get_config_var("Py_ENABLE_SHARED") and sys.base_prefix != "/usr"
    expected = (f"/opt/python{version}/bin", {f"/opt/python{version}": sys.base_prefix}) if own else ("/usr/bin", {})
    assert moving.python_on_machines(tmp_path / "venv", tmp_path / "base") == expected


def test_a_python_that_is_taken_along_comes_without_the_packages_of_this_computer(tmp_path: Path) -> None:
    """None of them is the site's, and `ramped-scan` found example keys in them."""
    site = OnMachines(tmp_path, prepare.Prepared("gazette", "", "", "", "", "", {}, [], [], [], [], "", {}, []))
    host = machine_files.read(tree(tmp_path), APP, "gunicorn")
    for place, expected in (
        (
            {"/opt/python3.12": "/p"},
            {"/opt/python3.12": "/p", "/opt/python3.12/lib/python3.12/site-packages": f"{tmp_path}/nothing"},
        ),
        ({}, {}),
    ):
        vars(site).update(_python=("", place), host=host)
        assert site.hosts()["readable"] == expected


def test_releases_of_two_pythons_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, version in (("old", "3 10"), ("new", "3 13")):
        python = tmp_path / f"{name}-venv/bin/python"
        python.parent.mkdir(parents=True)
        python.write_text(f"#!/bin/sh\necho {version}\n")
        python.chmod(0o755)
    monkeypatch.setattr(packages, "gather_wheels", lambda *_: pytest.fail("it fetches packages first"))
    with pytest.raises(Refusal, match=r"the old release has Python 3\.10 here, the new one 3\.13: machines keep one"):
        for_machines.fetch(tmp_path, tmp_path, (), print)


def test_packages_that_come_from_an_address_are_named_without_its_password() -> None:
    frozen = "a==1\nb @ git+https://x:secret@git.example.com/b.git@1a2b\nc @ https://example.com/c.zip\nd @ file:///src/d\n"
    named = ["b @ git+https://git.example.com/b.git@1a2b", "c @ https://example.com/c.zip"]
    assert packages.from_addresses(frozen) == named and packages.from_addresses("a==1\n") == []


def test_node_is_there_where_the_build_is_npms(tmp_path: Path) -> None:
    assert packages.needs_node(["{ command -v npm; } && npm ci", "make"]) and not packages.needs_node(["make npm-like"])
    assert ".npmrc" not in packages.settings(tmp_path)
    (tmp_path / "registry").write_text("https://registry.example.com/")
    assert "registry=https://registry.example.com/\n" in packages.settings(tmp_path)[".npmrc"]


def test_more_packages_give_another_image() -> None:
    assert image_files.base_key("bookworm", image_files.OF_SITES) != image_files.base_key("bookworm")


def test_nothing_of_the_computer_is_written_through_a_link_of_the_repository(tmp_path: Path) -> None:
    disk, outside = tmp_path / "disk", tmp_path / "outside"
    for folder in (disk / "srv/gazette/app", outside):
        folder.mkdir(parents=True)
    (outside / "env").write_text("theirs")
    (disk / "srv/gazette/app/.env").symlink_to(outside / "env")
    (disk / "srv/gazette/app/secrets").symlink_to(outside)
    machine_files.write(disk, "srv/gazette/app/.env", "KEY=x", 0o640)
    with pytest.raises(
        Refusal, match=r"^/srv/gazette/app/secrets/new/site.env: a link on the way leads out of the machine's disk"
    ):
        machine_files.write(disk, "srv/gazette/app/secrets/new/site.env", "KEY=x", 0o640)
    written = disk / "srv/gazette/app/.env"
    assert (written.read_text(), written.is_symlink(), stat.S_IMODE(written.stat().st_mode)) == ("KEY=x", False, 0o640)
    assert (outside / "env").read_text() == "theirs" and [path.name for path in outside.iterdir()] == ["env"]


@pytest.mark.parametrize(
    ("directory", "owned"),
    [("/srv/gazette/app", "/srv/gazette"), ("/opt/gazette", ""), ("/app", ""), ("/var/www/a b", "/var/www")],
)
def test_a_site_s_user_is_given_folders_of_the_site_alone(tmp_path: Path, directory: str, owned: str) -> None:
    script = machine_files.accounts(machine_files.read(tree(tmp_path), {**APP, "directory": directory}, "gunicorn"))
    given = {path for line in script.splitlines() if line.startswith("chown") for path in shlex.split(line)[3:] if path[0] == "/"}
    one, every = (set(shlex.split(line)) for line in script.splitlines() if line.startswith("chown"))
    assert "/srv/gazette/gazette.env" in one  # `deploy` reads it as the site does
    assert "--recursive" in every and {directory, "/srv/gazette/venv", "/home/deploy"} <= every
    assert not given & {"/", "/opt", "/srv"} and (owned in one) == bool(owned) and owned not in every


def test_what_deploy_lacks_is_named_and_never_the_shop_s(tmp_path: Path) -> None:
    lacking = machine_files.missing(tree(tmp_path), "web.service")
    assert {"systemd/sudoers", "systemd/ramped-image", "nginx/site.conf"} <= set(lacking)
    assert not {"systemd/web.service", "systemd/web.socket"} & set(lacking)
