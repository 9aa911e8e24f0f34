"""`init` in repositories of real generators: what it writes, shows, keeps and proves."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from tasks.decisions.setup import texts as setup_texts
from tasks.errors import DeployError, Refused, SettingsError
from tasks.operations import init as operation
from tasks.operations.init import Options, writing
from tests.worlds.operator_folder import ROOT

SNIPPETS = ROOT / "settings_snippets"
OURS = {"fabfile.py", "tasks.py", "fabric.yaml", "requirements.txt", "deploy", ".ramped"}
DROP_INS = {"__init__.py", "local_manifest_storage.py", "health.py", "health_middleware.py", "migration_rules", "management"}
YES = Options(yes=True, python=sys.executable)


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts}


def texts(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in files(folder) if not name.startswith(".git/")}


def manage(folder: Path, *arguments: str, **variables: str) -> str:
    command = [sys.executable, "-W", "error", "manage.py", *arguments]
    environment = {**os.environ, **variables}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """What `django-admin startproject` makes, in a git repository."""
    folder = tmp_path / "bakery"
    folder.mkdir()
    subprocess.run([sys.executable, "-m", "django", "startproject", "bakery", str(folder)], check=True)
    subprocess.run(["git", "init", "-q", "-b", "trunk", str(folder)], check=True)
    return folder


def split(site: Path) -> None:
    """Split its settings as cookiecutter-django and wagtail do: those for visitors need variables, and lack a key."""
    old = site / "bakery/settings.py"
    text = old.read_text().replace("parent.parent", "parent.parent.parent")
    old.unlink()
    settings = site / "bakery/settings"
    settings.mkdir()
    (settings / "__init__.py").touch()
    (settings / "base.py").write_text("\n".join(line for line in text.splitlines() if not line.startswith("SECRET_KEY")))
    (settings / "dev.py").write_text("from .base import *\nSECRET_KEY = 'x'\n")
    production = "import os\nfrom .base import *\nDEBUG = False\nSECRET_KEY = os.environ['BAKERY_KEY']\n"
    production += "ALLOWED_HOSTS = ['.bread.example.org']\nSTATICFILES_DIRS = [BASE_DIR / 'assets']\n"
    production += "STATIC_URL = 'https://static.bread.example.org/'\n"
    production += "STORAGES = {'default': {'BACKEND': 'django.core.files.storage.FileSystemStorage'},"
    production += " 'staticfiles': {'BACKEND': 'bakery.storage.Own', 'OPTIONS': {}}}\n"
    (settings / "production.py").write_text(production)
    own = "from django.contrib.staticfiles.storage import ManifestStaticFilesStorage\n\n\n"
    (site / "bakery/storage.py").write_text(f"{own}class Own(ManifestStaticFilesStorage):\n    mark = 'own'\n")
    for name in ("manage.py", "bakery/wsgi.py"):
        path = site / name
        path.write_text(path.read_text().replace("bakery.settings", "bakery.settings.dev"))
    (site / "assets").mkdir()
    (site / "assets/site.css").write_text("p { color: red }\n")


Printed = Callable[[], str]


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Printed:
    return lambda: capsys.readouterr().out


def test_a_new_project_is_set_up_and_proven(site: Path, printed: Printed) -> None:
    before = texts(site)
    operation.init(site / "bakery", Options(dry=True, python=sys.executable))
    assert texts(site) == before and "would write: fabric.yaml" in printed()

    operation.init(site, Options(python=sys.executable))
    out = printed()
    assert {name: content for name, content in texts(site).items() if name in before} == before
    assert {name.partition("/")[0] for name in files(site / "bakery/deployment")} == DROP_INS
    assert "+++ b/bakery/settings.py" in out and "+++ b/.gitignore" in out and "To change these files, add --yes" in out
    assert "bakery/settings.py:23: SECRET_KEY stands in the code" in out
    assert "bakery/settings.py:26: DEBUG is on" in out and "ALLOWED_HOSTS is empty" in out
    assert "proven: collectstatic twice: " in out and 'proven: "/" answered' in out
    mode = (SNIPPETS / "systemd/ramped-image").stat().st_mode
    assert (site / "deploy/systemd/ramped-image").stat().st_mode == mode

    operation.init(site, YES)
    assert (site / "bakery/settings.py").read_bytes().startswith(before["bakery/settings.py"])
    fabric = yaml.safe_load((site / "fabric.yaml").read_text())
    assert fabric["app"]["branch"] == "trunk" and fabric["app"]["requirements"] == ["requirements.txt"]
    assert "whitenoise" in (site / "requirements.txt").read_text()
    assert "System check identified no issues" in manage(site, "check")
    assert manage(site, "pendingmigrations", "--help")
    printed()

    done = texts(site)
    operation.init(site, YES)
    assert texts(site) == done
    out = printed()
    assert "Everything is as the installed version has it." in out and "proven: collectstatic twice" in out


def test_the_changes_of_a_file_without_a_last_line_end_are_a_patch(site: Path, printed: Printed) -> None:
    (site / ".gitignore").write_text("*.log\n/secret")
    operation.init(site, Options(dry=True, python=sys.executable))
    patch = printed().partition("\n--- a/.gitignore")[2].partition("\n--- a/")[0]
    subprocess.run(["git", "apply"], cwd=site, input=f"--- a/.gitignore{patch}\n", text=True, check=True)
    assert (site / ".gitignore").read_text().startswith("*.log\n/secret\n\n# ---- ramped: begin\n")


def test_split_settings_with_a_storage_of_their_own(site: Path, printed: Printed) -> None:
    split(site)
    dev = (site / "bakery/settings/dev.py").read_text()
    operation.init(site, YES)
    out = printed()
    production = (site / "bakery/settings/production.py").read_text()
    assert "bakery.deployment.site_storage.SiteStaticFilesStorage" in production
    assert "from bakery.storage import Own" in (site / "bakery/deployment/site_storage.py").read_text()
    assert (site / "bakery/settings/dev.py").read_text() == dev
    unit = (site / "deploy/systemd/gunicorn.service").read_text()
    assert (
        "Environment=DJANGO_SETTINGS_MODULE=bakery.settings.production\n" in unit
        and "EnvironmentFile=/srv/bakery/bakery.env" in unit
    )
    assert "server_name bread.example.org;" in (site / "deploy/nginx/site.conf").read_text()
    assert "the settings need BAKERY_KEY" in out and "DEBUG is on" not in out and "placeholder" not in out
    assert "proven: collectstatic twice" in out
    assert yaml.safe_load((site / "fabric.yaml").read_text())["static"]["url"] == "https://static.bread.example.org/"


def test_new_versions_are_merged_with_what_was_changed_by_hand(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, printed: Printed
) -> None:
    operation.init(site, YES)
    health = site / "bakery/deployment/health.py"
    settings = site / "bakery/settings.py"
    health.write_text(health.read_text().replace("MAX_PROBES = 8", "MAX_PROBES = 4"))
    settings.write_text(settings.read_text().replace('_os.environ.get("RUNTIME_DIRECTORY")', '"/run/mine"') + "LAST = 1\n")
    rules = site / "bakery/deployment/migration_rules/types.py"
    rules.write_text("# mine\n" + rules.read_text())
    (site / "deploy/systemd/image.conf").unlink()
    monkeypatch.setattr(operation, "_SNIPPETS", (newer(tmp_path),))
    printed()
    operation.init(site, YES)
    out = printed()
    text = health.read_text()
    assert "MAX_PROBES = 4" in text and text.endswith("# newer\n") and "health.py (updated, with your changes)" in out
    assert rules.read_text().startswith("# mine\n"), "a conflict leaves the file as it is"
    assert "migration_rules/types.py: changed by hand where the installed version changed too" in out
    assert not (site / "deploy/systemd/image.conf").exists()
    text = settings.read_text()
    assert '"/run/mine"' in text and text.endswith("LAST = 1\n")


def newer(folder: Path) -> Path:
    """Return drop-ins as a later version may have them."""
    from shutil import copytree, ignore_patterns

    target = copytree(SNIPPETS, folder / "newer", ignore=ignore_patterns("__pycache__"))
    for name, line in (("health.py", ""), ("migration_rules/types.py", "# theirs\n")):
        path = target / "django" / name
        path.write_text(line + path.read_text() + ("# newer\n" if not line else ""))
    return target


def test_all_is_written_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "old").write_text("as before")
    real, moved = Path.replace, []

    def fails(self: Path, target: Path) -> Path:
        if len(moved) == 2:
            raise OSError(28, "No space left on device", str(target))
        moved.append(Path(target).name)
        return real(self, target)

    monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(DeployError, match="No space left on device: nothing was written"):
        writing.write_all(tmp_path, {name: writing.File("new") for name in ("old", "a/b/c", "a/d")})
    assert moved == ["old", "c"] and texts(tmp_path) == {"old": b"as before"} and not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    "name, requirements, install, said",
    [
        ("backend/requirements.txt", ["backend/requirements.txt"], None, "+++ b/backend/requirements.txt"),
        ("backend/uv.lock", ["requirements.txt"], "cd backend && uv sync", "backend/uv.lock: uv add 'whitenoise"),
        ("environment.yml", [], None, "fabric.yaml: app.install: environment.yml says what the site needs: name the commands"),
    ],
)
def test_what_installs_a_site_is_found_and_not_made_up(
    site: Path,
    name: str,
    requirements: list[str],
    install: str | None,
    said: str,
    printed: Printed,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In a monorepo it lies beside manage.py: a requirements.txt of ours, with Django alone, would install the site wrongly."""
    monkeypatch.setattr(setup_texts, "requirement_lines", lambda *_: ["whitenoise>=6.7"])  # this machine has it
    (site / "backend").mkdir()
    for part in ("manage.py", "bakery"):
        (site / part).rename(site / "backend" / part)
    (site / name).write_text("django\n")
    operation.init(site, YES)
    app = yaml.safe_load((site / "fabric.yaml").read_text())["app"]
    assert app["requirements"] == requirements and not (site / "requirements.txt").exists()
    assert (app["install"] or [""])[0].startswith(install or "") and bool(app["install"]) is bool(install)
    assert said in printed()


def test_settings_in_classes_are_left_to_do(site: Path, printed: Printed) -> None:
    """As django-configurations leaves them: the module has what is in its classes only after its last line."""
    (site / "configurations.py").write_text(
        "import sys\nfrom importlib.abc import MetaPathFinder\nfrom importlib.machinery import PathFinder, SourceFileLoader\n\n\n"
        "class Loader(SourceFileLoader):\n    def exec_module(self, module):\n        super().exec_module(module)\n"
        "        vars(module).update({k: v for k, v in vars(module.Production).items() if k.isupper()}, CONFIGURATION='x')\n\n\n"
        "class Finder(MetaPathFinder):\n    def find_spec(self, name, path, target=None):\n"
        "        spec = PathFinder.find_spec(name, path) if name == 'bakery.settings' else None\n"
        "        if spec:\n            spec.loader = Loader(name, spec.origin)\n        return spec\n\n\n"
        "sys.meta_path.insert(0, Finder())\n"
    )
    settings, manage_py = site / "bakery/settings.py", site / "manage.py"
    body = settings.read_text().replace("\n", "\n    ")
    settings.write_text(f"class Production:\n    {body}\n")
    manage_py.write_text(manage_py.read_text().replace("import sys", "import sys\nimport configurations", 1))
    operation.init(site, YES)
    assert "bakery/settings.py: has no INSTALLED_APPS and no MIDDLEWARE of its own (settings in classes?)" in printed()
    assert (site / "bakery/deployment/health.py").exists() and "ramped: begin" not in settings.read_text()


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("a")
    (tmp_path / "link").symlink_to("real")
    writing.write_all(tmp_path, {"link": writing.File("b")})
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_text() == "b"


def test_a_link_out_of_the_repository_is_not_followed(tmp_path: Path) -> None:
    top, outside = tmp_path / "site", tmp_path / "elsewhere"
    top.mkdir()
    (outside / "folder").mkdir(parents=True)
    (outside / "bashrc").write_text("alias ls=ls\n")
    before = texts(outside)
    links = {"file": outside / "bashrc", "new": outside / "new.yaml", "deploy": outside / "folder", "up": Path("..")}
    for name, target in (*links.items(), ("round", Path("round"))):
        (top / name).symlink_to(target)
    for name in ("file", "new", "deploy/nginx/site.conf", "up/elsewhere/bashrc", "round", "../elsewhere/bashrc"):
        with pytest.raises(DeployError, match=f"{name}: .*: nothing was written"):
            writing.write_all(top, {"first": writing.File("a"), name: writing.File("b")})
    assert texts(outside) == before and not (top / "first").exists()


def test_the_copy_in_which_changes_are_proven_leads_nowhere_else(site: Path, tmp_path: Path) -> None:
    (tmp_path / "bashrc").write_text("alias ls=ls\n")
    (site / ".gitignore").symlink_to(tmp_path / "bashrc")
    with pytest.raises(DeployError, match=r"\.gitignore: a link leads out of the repository, to .*bashrc: nothing was written"):
        operation.init(site, Options(dry=True, python=sys.executable))
    assert (tmp_path / "bashrc").read_text() == "alias ls=ls\n"


@pytest.mark.parametrize(
    "name, text, expected",
    [
        ("bakery/settings.py", "\nSTATICFILES_FINDERS = ['away.Finder']\n", "fails its proof"),
        (
            "bakery/urls.py",
            "\nfrom django.http import HttpResponse\nurlpatterns += [path('', lambda r: 1 / 0)]\n",
            "ZeroDivisionError",
        ),
    ],
)
def test_what_the_project_does_wrong_itself_is_named_and_the_rest_written(
    site: Path, name: str, text: str, expected: str
) -> None:
    with (site / name).open("a") as file:
        file.write(text)
    with pytest.raises(DeployError, match=expected):
        operation.init(site, YES)
    assert (site / "fabric.yaml").exists()


def test_a_template_that_names_a_forgotten_file_unless_a_build_makes_it(site: Path, printed: Printed) -> None:
    folder = site / "bakery/templates"
    folder.mkdir()
    (folder / "home.html").write_text("{% load static %}\n{% if user %}<img src=\"{% static 'no/such.png' %}\">{% endif %}\n")
    settings = site / "bakery/settings.py"
    settings.write_text(settings.read_text().replace("'DIRS': []", "'DIRS': [BASE_DIR / 'bakery/templates']"))
    with pytest.raises(DeployError, match=r"bakery/templates/home.html:2: names the static file no/such.png"):
        operation.init(site, YES)
    assert yaml.safe_load((site / "fabric.yaml").read_text())["app"]["build"] is None
    printed()
    fabric = site / "fabric.yaml"
    fabric.write_text(fabric.read_text() + "# mine\n")
    (site / "Dockerfile").write_text(
        "FROM python\nRUN python manage.py build_art --size=10\nRUN python manage.py collectstatic\n"
    )
    operation.init(site, YES)
    out = printed()
    assert yaml.safe_load(fabric.read_text())["app"]["build"] is None, "nothing gets into what is there already"
    assert "app.build is left as it is; Dockerfile would add: python manage.py build_art --size=10: add" in out
    assert "not built here: bakery/templates/home.html:2: names the static file no/such.png" in out
    fabric.unlink()
    (site / ".ramped/base/fabric.yaml.base").unlink()
    operation.init(site, YES)
    assert yaml.safe_load(fabric.read_text())["app"]["build"] == ["python manage.py build_art --size=10"]
    assert "app.build: taken from Dockerfile: python manage.py build_art --size=10: read it" in printed()


def test_debug_is_turned_off_by_the_variable_of_the_settings(site: Path, printed: Printed) -> None:
    settings = site / "bakery/settings.py"
    text = settings.read_text().replace("DEBUG = True", 'import os\nDEBUG = os.environ.get("BAKERY_DEBUG", "True") == "True"')
    settings.write_text(
        text + "\nif DEBUG:\n    INSTALLED_APPS += ['no_such_app']\nTEMPLATE_DEBUG = os.getenv('TEMPLATE_DEBUG')\n"
    )
    operation.init(site, YES)
    out = printed()
    assert "\n  deploy/systemd/gunicorn.service: the settings need BAKERY_DEBUG: " in out
    assert "DEBUG is on unless BAKERY_DEBUG=False is in the site's environment" in out and "production needs DEBUG" not in out
    assert json.loads((site / ".ramped/project.json").read_text())["variables"] == {"BAKERY_DEBUG": "False"}


def test_settings_that_have_less_with_debug_on_load_as_before(site: Path, printed: Printed) -> None:
    """A developer's own `manage.py` ended in a NameError: the block named what production alone has."""
    settings = site / "bakery/settings.py"
    text = settings.read_text().replace("DEBUG = True", 'import os\nDEBUG = os.environ.get("BAKERY_DEBUG", "True") == "True"')
    own = "{'default': {'BACKEND': 'bakery.storage.Uploads'}, 'staticfiles': {'BACKEND': 'bakery.storage.Own', 'OPTIONS': {}}}"
    security = "'django.middleware.security.SecurityMiddleware'"
    assert security in text
    text = text.replace(f"{security},", "") + f"\nif not DEBUG:\n    STORAGES = {own}\n    MIDDLEWARE.insert(0, {security})\n"
    settings.write_text(text)
    (site / "bakery/storage.py").write_text(
        "from django.core.files.storage import FileSystemStorage\n"
        "from django.contrib.staticfiles.storage import StaticFilesStorage\n\n\n"
        "class Uploads(FileSystemStorage):\n    pass\n\n\nclass Own(StaticFilesStorage):\n    pass\n"
    )
    operation.init(site, YES)
    assert "proven: collectstatic twice" in printed()
    show = "from django.conf import settings; print([values['BACKEND'] for values in settings.STORAGES.values()])"
    assert "FileSystemStorage', 'bakery.deployment.site_storage" in manage(site, "shell", "-c", show)
    assert "Uploads', 'bakery.deployment.site_storage" in manage(site, "shell", "-c", show, BAKERY_DEBUG="False")


def test_references_of_other_peoples_files_are_left_as_they_are(site: Path, printed: Printed) -> None:
    folder = site / "assets/vendor"
    folder.mkdir(parents=True)
    for name in ("one", "two"):
        (folder / f"{name}.css").write_text(f"p {{ color: red }}\n/*# sourceMappingURL={name}.css.map */\n")
    settings = site / "bakery/settings.py"
    settings.write_text(settings.read_text() + "\nSTATICFILES_DIRS = [BASE_DIR / 'assets']\n")
    operation.init(site, YES)
    block = settings.read_text().partition("ramped: begin")[2]
    assert '"allow_missing_references": ["vendor/one.css", "vendor/two.css"]' in block
    assert "vendor/one.css: references a static file that is not there" in (out := printed()) and "collectstatic twice" in out


def test_settings_that_do_not_load_stay_as_they_are(site: Path, printed: Printed) -> None:
    settings = site / "bakery/settings.py"
    settings.write_text(f"{settings.read_text()}\nimport no_such_library\n")
    before = settings.read_text()
    operation.init(site, YES)
    assert settings.read_text() == before
    assert "not proven: bakery.settings cannot be loaded by " in (out := printed())
    assert "if the site's requirements lack no_such_library, add it to them, or set app.install in fabric.yaml" in out
    assert "bakery/settings.py: nothing is known of it yet" in out


def test_the_settings_that_the_environment_file_names_serve(site: Path, tmp_path: Path) -> None:
    """It is that of the unit, whose variable wins over what wsgi.py sets where there is none."""
    (site / "bakery/live.py").write_text("from .settings import *\n")
    (tmp_path / "site.env").write_text("DJANGO_SETTINGS_MODULE=bakery.live\n")
    operation.init(site, Options(yes=True, python=sys.executable, environment_file=str(tmp_path / "site.env")))
    assert "ramped: begin" in (site / "bakery/live.py").read_text()
    assert "ramped: begin" not in (site / "bakery/settings.py").read_text()
    assert json.loads((site / ".ramped/project.json").read_text())["settings"] == "bakery.live"
    assert "Environment=DJANGO_SETTINGS_MODULE=bakery.live" in (site / "deploy/systemd/gunicorn.service").read_text()


def test_what_the_environment_file_gives_every_host_needs_too(site: Path, tmp_path: Path, printed: Printed) -> None:
    """The settings load here with it, and miss nothing: without it on a host the unit would not start."""
    settings = site / "bakery/settings.py"
    settings.write_text(f"{settings.read_text()}import os\nSECRET_KEY = os.environ['BAKERY_KEY']\n")
    (tmp_path / "site.env").write_text(
        "BAKERY_KEY=known-to-nobody\nDJANGO_SETTINGS_MODULE=bakery.settings\nPYTHONPATH=/etc/bread\n"
    )
    operation.init(site, Options(yes=True, python=sys.executable, environment_file=str(tmp_path / "site.env")))
    unit = (site / "deploy/systemd/gunicorn.service").read_text()
    assert "# BAKERY_KEY, PYTHONPATH: a line NAME=VALUE each" in unit and "EnvironmentFile=/srv/bakery/bakery.env\n" in unit
    assert "the settings need BAKERY_KEY, PYTHONPATH: /srv/bakery/bakery.env on every host" in printed()
    assert not any("known-to-nobody" in text for text in map(str, texts(site).values()))


@pytest.mark.parametrize("directory", ["/srv/bakery/app", "/opt/bread"])
def test_the_python_path_of_the_environment_file_is_that_of_this_checkout(
    site: Path, tmp_path: Path, directory: str, printed: Printed
) -> None:
    """Production's leads nowhere here, or to the real site's code."""
    (site / "src").mkdir()
    (site / "src/bread.py").write_text("APPS = []\n")
    with (site / "bakery/settings.py").open("a") as settings:
        settings.write("from bread import APPS\nINSTALLED_APPS += APPS\n")
    if "srv" not in directory:
        (site / "fabric.yaml").write_text(f"app: {{directory: {directory}}}\n")
    (tmp_path / "site.env").write_text(f"PYTHONPATH={directory}/src:/etc/bread\n")
    operation.init(site, Options(yes=True, python=sys.executable, environment_file=str(tmp_path / "site.env")))
    assert json.loads((site / ".ramped/project.json").read_text())["python_path"] == ["src"]
    assert f"PYTHONPATH of the environment file: /etc/bread is not in app.directory ({directory})" in printed()


def test_changes_that_do_not_load_are_not_written(site: Path) -> None:
    """Here by an app label that the project has already."""
    (site / "other/deployment").mkdir(parents=True)
    for name in ("other/__init__.py", "other/deployment/__init__.py"):
        (site / name).touch()
    settings = site / "bakery/settings.py"
    settings.write_text(settings.read_text() + "\nINSTALLED_APPS += ['other.deployment']\n")
    before = texts(site)
    with pytest.raises(Refused, match="bakery.settings does not load with the changes, so nothing was written: .*deployment"):
        operation.init(site, YES)
    assert texts(site) == before


def test_the_whitenoise_that_the_drop_ins_need_is_named(site: Path, tmp_path: Path) -> None:
    """Most sites behind nginx have none yet, and would read of a module of ours that cannot be found."""
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    packages = next(venv.glob("lib/python3.*")) / "site-packages"
    for name in ("django", "asgiref", "sqlparse"):
        (packages / name).symlink_to(Path(import_module(name).__path__[0]))
    with pytest.raises(DeployError, match=f"uv pip install --python {venv}/bin/python whitenoise"):
        operation.init(site, Options(python=str(venv / "bin/python")))


def test_without_a_project_it_writes_what_a_repository_needs(tmp_path: Path, printed: Printed) -> None:
    (tmp_path / "fabric.yaml").write_text("mine\n")
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks/mine.py").touch()
    operation.init(tmp_path, Options())
    snippets = {f"settings_snippets/{name}" for name in files(SNIPPETS) - {"fabric.yaml"}}
    assert files(tmp_path) == {"fabfile.py", "fabric.yaml", "tasks/mine.py"} | snippets
    image = "settings_snippets/systemd/ramped-image"
    assert (tmp_path / image).stat().st_mode == (ROOT / image).stat().st_mode
    assert (tmp_path / "fabfile.py").read_text() == 'from tasks import ns\n\n__all__ = ["ns"]\n'
    assert (tmp_path / "fabric.yaml").read_text() == "mine\n"
    assert {"exists, kept: fabric.yaml", "exists, kept: tasks.py", "written: fabfile.py"} < set(printed().splitlines())


def test_without_a_project_dry_writes_nothing(tmp_path: Path, printed: Printed) -> None:
    operation.init(tmp_path, Options(dry=True))
    assert not files(tmp_path) and "would write: fabfile.py\n" in printed()


def test_without_the_drop_ins_it_says_what_to_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operation, "_SNIPPETS", (tmp_path / "nowhere",))
    with pytest.raises(SettingsError, match="init needs the folder settings_snippets beside .*: copy it too"):
        operation.init(tmp_path, Options())


@pytest.mark.parametrize(
    "options, expected",
    [
        (Options(python="/bin/true"), "--python: /bin/true is no Python that can import Django"),
        (Options(manage="other/manage.py"), "--manage: there is no other/manage.py"),
        (Options(settings="bakery.other"), "--settings: there is no file of bakery.other"),
        (
            Options(environment_file="site.env"),
            "--environment-file: DJANGO_SETTINGS_MODULE: there is no file of bakery.live in .; correct it there",
        ),
        (Options(environment_file="/no/such"), "--environment-file: /no/such: No such file"),
    ],
)
def test_wrong_options_are_one_line(site: Path, options: Options, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (site / "site.env").write_text("DJANGO_SETTINGS_MODULE=bakery.live\n")
    monkeypatch.chdir(site)
    before = texts(site)
    with pytest.raises(SettingsError, match=expected):
        operation.init(site, options)
    assert texts(site) == before


@pytest.mark.parametrize("name", [".gitignore", "deploy/nginx/site.conf", "requirements.txt", "fabric.yaml"])
def test_a_file_that_is_no_text_is_named_and_nothing_is_written(site: Path, name: str) -> None:
    (site / name).parent.mkdir(parents=True, exist_ok=True)
    (site / name).write_bytes("# für alle\nsecret.key\n".encode("utf-16"))
    before = texts(site)
    with pytest.raises(SettingsError, match=f"{name}: is no file in UTF-8: convert or rename it"):
        operation.init(site, YES)
    assert texts(site) == before


def test_a_module_of_the_project_keeps_its_name(site: Path) -> None:
    (site / "bakery/deployment.py").write_text("WHERE = 'here'\n")
    urls = site / "bakery/urls.py"
    urls.write_text(f"from bakery.deployment import WHERE\n{urls.read_text()}")
    operation.init(site, YES)
    assert (site / "bakery/site_deployment/health.py").exists() and not (site / "bakery/deployment").exists()
    manage(site, "check")


def test_what_breaks_the_settings_of_developers_alone_is_refused(site: Path) -> None:
    """Here by an app label that the project has already, with DEBUG on."""
    (site / "other/deployment").mkdir(parents=True)
    for name in ("other/__init__.py", "other/deployment/__init__.py"):
        (site / name).touch()
    settings = site / "bakery/settings.py"
    text = settings.read_text().replace("DEBUG = True", 'import os\nDEBUG = os.environ.get("BAKERY_DEBUG", "True") == "True"')
    settings.write_text(text + "\nif DEBUG:\n    INSTALLED_APPS += ['other.deployment']\n")
    with pytest.raises(Refused, match="nothing was written: .*deployment.* .with DEBUG on, as on a developer's machine"):
        operation.init(site, YES)


def test_what_stands_where_a_folder_has_to_be_is_named(site: Path) -> None:
    (site / "deploy").write_text("#!/bin/sh\n")
    before = texts(site)
    with pytest.raises(DeployError, match="deploy.*: nothing was written|deploy.*; nothing was written"):
        operation.init(site, YES)
    assert texts(site) == before


def test_static_files_that_are_kept_elsewhere_are_left_alone(site: Path, printed: Printed) -> None:
    (site / "bakery/bucket.py").write_text(
        "from pathlib import Path\nfrom django.core.files.storage import Storage\n\n\n"
        "class Bucket(Storage):\n    def _save(self, name, content):\n"
        f"        Path({str(site / 'uploaded')!r}).touch()\n        return name\n\n"
        "    def exists(self, name):\n        return False\n\n    def url(self, name):\n        return f'https://cdn/{name}'\n"
    )
    with (site / "bakery/settings.py").open("a") as settings:
        settings.write("STORAGES = {'default': {'BACKEND': 'django.core.files.storage.FileSystemStorage'},\n")
        settings.write("            'staticfiles': {'BACKEND': 'bakery.bucket.Bucket'}}\n")
    operation.init(site, Options(dry=True, python=sys.executable))
    assert not (site / "uploaded").exists() and "their storage is no folder of this machine" in printed()


def test_git_acts_on_the_project_also_within_a_hook_of_another_repository(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path / "other")], check=True)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other/.git"))
    operation.init(site, YES)
    assert (site / "bakery/deployment/health.py").exists()


def test_a_repository_that_git_refuses_is_no_folder_to_guess_in(site: Path, tmp_path: Path) -> None:
    (site / ".git/HEAD").write_text("damaged")
    with pytest.raises(SettingsError, match="not a git repository"):
        operation.init(site, YES)


def test_files_that_git_ignores_are_named_with_the_line_that_shows_them(site: Path, printed: Printed) -> None:
    (site / ".gitignore").write_text("deploy/\n*.yaml\n.*/*\n")
    operation.init(site, YES)
    left = [line for line in printed().splitlines() if "which every host needs" in line]
    assert [line.strip().partition(" hides ")[0] for line in left] == [
        ".gitignore:3 (.*/*)",
        ".gitignore:1 (deploy/)",
        ".gitignore:2 (*.yaml)",
    ]
    with (site / ".gitignore").open("a") as file:
        file.write("\n".join(word for line in left for word in line.rpartition("below it: ")[2].split()) + "\n")
    operation.init(site, YES)
    assert "which every host needs" not in printed()
    shown = subprocess.run(["git", "-C", str(site), "add", "--all", "--dry-run"], check=True, capture_output=True, text=True)
    for name in ("fabric.yaml", "deploy/nginx/site.conf", ".ramped/project.json"):
        assert f"add '{name}'" in shown.stdout


def test_a_urlconf_of_other_modules_gets_the_health_view(site: Path) -> None:
    urls = site / "bakery/urls.py"
    urls.rename(site / "bakery/all_urls.py")
    urls.write_text("from .all_urls import *  # noqa\n")
    operation.init(site, YES)
    assert "_ApplicationStatus" in urls.read_text()
    manage(site, "shell", "-c", "from django.urls import reverse; assert reverse('health') == '/health/'")


def test_a_urlconf_that_is_elsewhere_is_left_to_do(site: Path, printed: Printed) -> None:
    (site / "bakery/urls.py").unlink()
    settings = site / "bakery/settings.py"
    settings.write_text(settings.read_text().replace("bakery.urls", "django.contrib.auth.urls"))
    operation.init(site, YES)
    assert "ROOT_URLCONF django.contrib.auth.urls is no file of this repository: make it" in printed()


def test_the_manifest_of_vite_goes_into_the_checkout(site: Path) -> None:
    """An app of the name is enough: the settings alone are changed. The real one is rehearsed."""
    (site / "django_vite").mkdir()
    (site / "django_vite/__init__.py").touch()
    with (site / "bakery/settings.py").open("a") as settings:
        settings.write("INSTALLED_APPS += ['django_vite']\nDJANGO_VITE = {'default': {'dev_mode': False}}\n")
        settings.write("STATICFILES_DIRS = [BASE_DIR / 'dist']\n")
    (site / "dist").mkdir()
    (site / "dist/manifest.json").write_text('{"main.js": {"file": "main.js"}}')
    (site / "dist/main.js").write_text("1\n")
    operation.init(site, YES)
    path = manage(site, "shell", "-v0", "-c", "from django.conf import settings as s; print(s.DJANGO_VITE['default'])")
    assert "/dist/manifest.json" in path and "'dev_mode': False" in path


def test_it_is_stopped_with_one_line_and_leaves_no_scratch_folder(site: Path, tmp_path: Path) -> None:
    with (site / "bakery/settings.py").open("a") as settings:
        settings.write(f"\nimport pathlib, time\npathlib.Path({str(tmp_path / 'loads')!r}).touch()\ntime.sleep(600)\n")
    (tmp_path / "tmp").mkdir()
    command = [sys.executable, "-m", "tasks", "init", "--python", sys.executable]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path / "tmp")}
    with subprocess.Popen(command, cwd=site, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as it:
        end = time.monotonic() + 60
        while not (tmp_path / "loads").exists():
            assert time.monotonic() < end and it.poll() is None
            time.sleep(0.02)
        it.send_signal(signal.SIGTERM)
        said, _ = it.communicate(timeout=60)
    assert it.returncode == 1 and said == "Stopped by SIGTERM. Nothing was changed.\n"
    assert not list((tmp_path / "tmp").iterdir()) and not (site / "fabric.yaml").exists()
