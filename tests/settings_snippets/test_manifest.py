"""What the storage says of the manifest: where it lies, and what happens without a good one."""

from pathlib import Path

import pytest

from tests.settings_snippets.project import ASSETS, Project, ask, gunicorn

NAME = "print(static('css/site.css'))"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def last_line(text: str) -> str:
    return text.strip().splitlines()[-1]


def test_the_manifest_lies_in_base_dir_and_not_in_the_static_root(project: Project) -> None:
    project.collectstatic()
    assert set(project.paths()) == set(ASSETS)
    assert not (project.static / "staticfiles.json").exists()


def test_a_setting_moves_the_manifest_and_its_folder_is_made(project: Project) -> None:
    project.configure('STATICFILES_MANIFEST_ROOT = BASE_DIR.parent / "state" / "deep"')
    project.collectstatic(umask=0o077)
    manifest = project.root / "state/deep/staticfiles.json"
    assert manifest.exists()
    assert manifest.parent.stat().st_mode & 0o777 == 0o755
    assert not project.manifest.exists()
    assert project.django(NAME).out.startswith("/static/css/site.")


def test_without_either_setting_the_error_names_both(project: Project) -> None:
    project.configure("BASE = BASE_DIR\ndel BASE_DIR")
    assert last_line(project.django(NAME).err).endswith(
        "ImproperlyConfigured: Set BASE_DIR or STATICFILES_MANIFEST_ROOT: the directory of this machine's staticfiles.json."
    )


def test_djangos_own_option_wins(project: Project) -> None:
    project.configure(
        "from django.core.files.storage import FileSystemStorage\n"
        'STORAGES["staticfiles"]["OPTIONS"] = {"manifest_storage": FileSystemStorage(location=BASE_DIR.parent / "mine")}'
    )
    project.collectstatic()
    assert (project.root / "mine/staticfiles.json").exists()
    assert not project.manifest.exists()
    project.collectstatic()
    (project.root / "mine/staticfiles.json").unlink()
    assert f"manifest {project.root}/mine/staticfiles.json cannot be used" in project.django(NAME).err


def test_two_checkouts_name_their_own_files_of_one_static_root(tmp_path: Path) -> None:
    old, new = Project(tmp_path, "old"), Project(tmp_path, "new")
    old.collectstatic()
    new.write({"css/site.css": "body { color: red }"})
    new.collectstatic()
    names = [one.django(NAME).out.strip() for one in (old, new)]
    assert names[0] != names[1]
    assert all((tmp_path / name.lstrip("/")).exists() for name in names)


def test_a_missing_manifest_says_what_to_run(project: Project) -> None:
    assert last_line(project.django(NAME).err) == (
        f"config.local_manifest_storage.ManifestError: The static files manifest {project.manifest} cannot be used: "
        "it does not exist. Run `manage.py collectstatic` on this machine, with this code."
    )


@pytest.mark.parametrize(
    "content",
    ["", '{"paths": {"css/si', "[]", '"x"', "null", '{"version": "9", "paths": {}}', '{"version": "1.1", "paths": []}', "\udcff"],
)
def test_a_broken_manifest_says_what_to_run_and_collectstatic_mends_it(project: Project, content: str) -> None:
    project.manifest.write_bytes(content.encode(errors="surrogateescape"))
    error = last_line(project.django(NAME).err)
    assert f"ManifestError: The static files manifest {project.manifest} cannot be used: " in error
    assert "Run `manage.py collectstatic`" in error
    project.collectstatic()
    assert project.django(NAME).out.startswith("/static/css/site.")


def test_a_manifest_that_cannot_be_opened_says_why(project: Project) -> None:
    project.manifest.mkdir()
    assert "cannot be used: Is a directory. Run" in last_line(project.django(NAME).err)


def test_a_name_that_is_not_in_the_manifest_is_an_error_with_its_name(project: Project) -> None:
    project.collectstatic()
    assert last_line(project.django("static('css/sight.css')").err) == (
        f"config.local_manifest_storage.ManifestError: 'css/sight.css' is not in the static files manifest {project.manifest}. "
        "Mind the spelling; if the file is new, run `manage.py collectstatic`."
    )


def test_the_errors_are_value_errors_as_djangos_own(project: Project) -> None:
    assert project.django("try:\n    static('css/site.css')\nexcept ValueError:\n    print('caught')").out == "caught\n"


def test_a_process_that_found_none_finds_the_one_that_comes(project: Project) -> None:
    code = (
        "from pathlib import Path\nfrom django.core.management import call_command\nimport subprocess, sys\n"
        "try:\n    static('css/site.css')\nexcept ValueError as error:\n    print('none')\n"
        "subprocess.run([sys.executable, '-m', 'django', 'collectstatic', '--noinput', '-v0'], check=True)\n"
        "print(static('css/site.css'))\n"
    )
    assert project.django(code).out.split()[0] == "none"
    project.manifest.unlink()
    assert project.django(code).out.split()[1].startswith("/static/css/site.")


def test_a_process_that_has_one_keeps_it(project: Project) -> None:
    project.collectstatic()
    code = (
        "from pathlib import Path\nbefore = static('css/site.css')\n"
        f"Path({str(project.manifest)!r}).write_text('broken')\nassert static('css/site.css') == before\n"
        f"Path({str(project.manifest)!r}).unlink()\nassert static('css/site.css') == before\nprint('kept')"
    )
    assert project.django(code).out == "kept\n"


def test_an_empty_manifest_is_a_good_one(project: Project) -> None:
    project.configure("STATICFILES_DIRS = []")
    (project.base / "config/settings.py").write_text(
        (project.base / "config/settings.py").read_text().replace('"django.contrib.auth", ', "")
    )
    project.collectstatic()
    assert project.paths() == {}
    assert "is not in the static files manifest" in project.django(NAME).err


def test_under_debug_no_manifest_is_needed(project: Project) -> None:
    project.configure("DEBUG = True")
    assert project.django(NAME).out == "/static/css/site.css\n"


def test_with_a_lenient_manifest_names_are_made_up_as_in_django(project: Project) -> None:
    project.collectstatic()
    named = project.paths()["css/base.css"]
    project.manifest.unlink()
    project.configure("WHITENOISE_MANIFEST_STRICT = False")
    # The hash of the unprocessed file, which nobody published: the reason to keep it strict.
    assert project.django("print(static('css/base.css'))").out.strip() not in ("", f"/static/{named}")


def test_gunicorn_starts_without_a_manifest_and_serves_after_collectstatic_without_a_restart(project: Project) -> None:
    project.static.mkdir()
    with gunicorn(project) as (place, _):
        assert ask(place, "/").status == 500
        project.collectstatic()
        answer = ask(place, "/")
        assert (answer.status, answer.body.decode()) == (200, f"https www.example.com /static/{project.paths()['css/site.css']}")


def test_whitenoise_serves_this_releases_files_for_ever_and_compressed(project: Project) -> None:
    project.collectstatic()
    with gunicorn(project) as (place, _):
        name = f"/static/{project.paths()['css/site.css']}"
        answer = ask(place, name, headers={"Host": "x", "X-Forwarded-Proto": "https", "Accept-Encoding": "gzip"})
        assert (answer.status, answer.headers["Content-Encoding"]) == (200, "gzip")
        assert "immutable" in answer.headers["Cache-Control"]
