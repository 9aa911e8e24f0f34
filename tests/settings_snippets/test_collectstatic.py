"""What the storage publishes: real collectstatic over real projects."""

import gzip
import json
import stat
from pathlib import Path

import pytest

from tests.settings_snippets.project import ASSETS, STOCK, Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def hashed(project: Project) -> dict[str, tuple[int, int, bytes]]:
    """The hashed files and their compressed variants."""
    names = set(project.paths().values())
    return {name: file for name, file in project.published().items() if name.removesuffix(".gz").removesuffix(".br") in names}


def modes(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}


def test_it_publishes_what_whitenoise_would_and_nothing_else(tmp_path: Path) -> None:
    ours, stock = Project(tmp_path / "ours"), Project(tmp_path / "stock", settings=STOCK)
    ours.collectstatic()
    stock.collectstatic()
    expected = {name: content for name, (_, _, content) in stock.published().items()}
    assert expected.pop("staticfiles.json")
    assert {name: content for name, (_, _, content) in ours.published().items()} == expected
    assert ours.paths() == json.loads((stock.static / "staticfiles.json").read_text())["paths"]


def test_it_leaves_nothing_unfinished_behind(project: Project) -> None:
    project.collectstatic()
    assert [path for path in project.root.rglob("*.tmp*")] == []
    assert sorted(path.name for path in project.root.iterdir()) == [".static.incoming", "app", "static"]


def test_a_second_run_touches_no_hashed_file_even_if_every_source_is_newer(project: Project) -> None:
    project.collectstatic()
    before = hashed(project)
    project.write(ASSETS)
    assert "5 static files copied" in project.collectstatic().out
    assert hashed(project) == before


def test_the_next_release_adds_files_and_leaves_those_of_the_last(project: Project) -> None:
    project.collectstatic()
    first, before = project.paths(), hashed(project)
    project.write({"css/base.css": "p { color: red }" + "/* base */\n" * 60})
    project.collectstatic()
    second = project.paths()
    assert first["css/base.css"] != second["css/base.css"]
    assert first["css/site.css"] != second["css/site.css"], "it imports base.css"
    assert first["js/site.js"] == second["js/site.js"]
    assert {name: file for name, file in project.published().items() if name in before} == before


def test_a_file_that_the_release_before_published_under_other_rules_stays(tmp_path: Path) -> None:
    old = Project(tmp_path, "old")
    old.collectstatic()
    before = hashed(old)
    options = 'STORAGES["staticfiles"]["OPTIONS"] = {"support_js_module_import_aggregation": True}'
    new = Project(tmp_path, "new", settings=options)
    new.collectstatic()
    assert new.paths()["js/site.js"] != old.paths()["js/site.js"]
    part = new.paths()["js/part.js"].removeprefix("js/")
    assert f'from "./{part}";' in (new.static / new.paths()["js/site.js"]).read_text()
    assert hashed(old) == before


def test_module_imports_are_rewritten_by_a_subclass_too(project: Project) -> None:
    (project.base / "config/ours.py").write_text(
        "from config.local_manifest_storage import LocalManifestStaticFilesStorage\n"
        "class Storage(LocalManifestStaticFilesStorage):\n    support_js_module_import_aggregation = True\n"
    )
    project.configure('STORAGES["staticfiles"]["BACKEND"] = "config.ours.Storage"')
    project.collectstatic()
    assert project.paths()["js/part.js"].removeprefix("js/") in (project.static / project.paths()["js/site.js"]).read_text()


@pytest.mark.parametrize("name", ["css/site.css", "img/paper.png"])
def test_a_truncated_hashed_file_is_mended(project: Project, name: str) -> None:
    project.collectstatic()
    before = hashed(project)
    broken = project.paths()[name]
    inode = (project.static / broken).stat().st_ino
    with (project.static / broken).open("r+b") as file:
        file.truncate(7)
        project.collectstatic()
        file.seek(0)
        assert len(file.read()) == 7, "who had it open must not see it change"
    assert (project.static / broken).stat().st_ino != inode
    assert {key: file[2] for key, file in hashed(project).items()} == {key: file[2] for key, file in before.items()}
    untouched = [key for key in before if not key.startswith(broken)]
    assert {key: hashed(project)[key] for key in untouched} == {key: before[key] for key in untouched}


@pytest.mark.parametrize("damage", ["lost", "truncated", "of other content"])
def test_a_compressed_file_is_mended(project: Project, damage: str) -> None:
    project.collectstatic()
    name = project.paths()["css/site.css"]
    variant = project.static / f"{name}.gz"
    before = hashed(project)
    if damage == "lost":
        variant.unlink()
    else:
        variant.write_bytes(variant.read_bytes()[:25] if damage == "truncated" else gzip.compress(b"other"))
    project.collectstatic()
    after = hashed(project)
    assert after[f"{name}.gz"][2] == before[f"{name}.gz"][2]
    del after[f"{name}.gz"], before[f"{name}.gz"]
    assert after == before


def test_clear_is_refused_in_one_line_and_nothing_is_gone(project: Project) -> None:
    project.collectstatic()
    before = project.published()
    ran = project.manage("collectstatic", "--noinput", "--clear")
    assert ran.code == 1
    assert ran.err.startswith(f"CommandError: {project.static}/")
    assert ran.err.endswith("is not deleted: running instances may still serve it. Run collectstatic without --clear.\n")
    assert ran.err.count("\n") == 1
    assert project.published() == before


def test_clear_of_nothing_is_harmless(project: Project) -> None:
    project.collectstatic("--clear")
    assert set(project.paths()) == set(ASSETS)


def test_keeping_only_hashed_files_is_refused_in_one_line(project: Project) -> None:
    project.collectstatic()
    before, manifest = hashed(project), project.manifest.read_text()
    project.configure("WHITENOISE_KEEP_ONLY_HASHED_FILES = True")
    ran = project.manage("collectstatic", "--noinput")
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    assert ran.err.startswith("CommandError: WHITENOISE_KEEP_ONLY_HASHED_FILES deletes")
    assert (hashed(project), project.manifest.read_text()) == (before, manifest)


def test_deleting_by_the_api_is_refused_too(project: Project) -> None:
    project.collectstatic()
    code = "from django.contrib.staticfiles.storage import staticfiles_storage\nstaticfiles_storage.delete('css/site.css')"
    assert "CommandError" in project.django(code).err
    assert (project.static / "css/site.css").exists()


def test_a_dry_run_changes_nothing(project: Project) -> None:
    project.collectstatic("--dry-run")
    assert not project.static.exists()
    assert not project.manifest.exists()


def test_a_reference_to_a_missing_file_stops_it_before_the_manifest(project: Project) -> None:
    project.collectstatic()
    manifest = project.manifest.read_text()
    project.write({"css/base.css": "p { background: url(nowhere.png) }"})
    ran = project.manage("collectstatic", "--noinput")
    assert ran.code == 1
    assert "references a file which could not be found" in ran.err
    if not project.python("-c", "import django; raise SystemExit(django.VERSION < (6, 1))").code:
        assert "'css/base.css' contains this reference 'url(nowhere.png)' on line" in ran.err, "Django's note is to be passed on"
    assert project.manifest.read_text() == manifest


@pytest.mark.parametrize("umask", [0o077, 0o022, 0o000])
def test_modes_do_not_depend_on_the_umask(project: Project, umask: int) -> None:
    project.collectstatic(umask=umask)
    assert set(modes(project.static).values()) == {0o755, 0o644}
    assert all(mode == (0o755 if (project.static / name).is_dir() else 0o644) for name, mode in modes(project.static).items())
    assert stat.S_IMODE(project.static.stat().st_mode) == 0o755
    assert stat.S_IMODE(project.manifest.stat().st_mode) == 0o644
    assert f"{project.paths()['css/site.css']}.gz" in modes(project.static)


def test_the_modes_of_the_settings_are_respected(project: Project) -> None:
    project.configure("FILE_UPLOAD_PERMISSIONS = 0o640\nFILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o2750")
    project.collectstatic(umask=0o077)
    assert all(mode == (0o2750 if (project.static / name).is_dir() else 0o640) for name, mode in modes(project.static).items())
    assert stat.S_IMODE(project.manifest.stat().st_mode) == 0o640


def test_no_mode_in_the_settings_is_no_umask_either(project: Project) -> None:
    project.configure("FILE_UPLOAD_PERMISSIONS = None")
    project.collectstatic(umask=0o077)
    assert stat.S_IMODE((project.static / project.paths()["css/site.css"]).stat().st_mode) == 0o644


def test_the_old_setting_works_where_django_has_it(project: Project) -> None:
    if project.python("-c", "import django; raise SystemExit(django.VERSION >= (5, 1))").code:
        pytest.skip("this Django has no STATICFILES_STORAGE setting")
    project.configure('del STORAGES\nSTATICFILES_STORAGE = "config.local_manifest_storage.LocalManifestStaticFilesStorage"')
    allowed = ("-W", "ignore::django.utils.deprecation.RemovedInDjango51Warning")
    ran = project.python(*allowed, "-m", "django", "collectstatic", "--noinput")
    assert ran.code == 0, ran.err
    assert (project.static / project.paths()["css/site.css"]).exists()


def test_a_static_root_on_a_file_system_of_its_own_needs_no_other_directory(project: Project) -> None:
    # As the root of a mounted volume: what lies above it is another file system.
    shared = next((folder for folder in map(Path, ("/dev/shm", "/dev")) if folder.is_mount()), None)
    if shared is None:
        pytest.skip("there is no second file system here")
    code = (
        "from pathlib import Path\nfrom django.contrib.staticfiles.storage import staticfiles_storage as storage\n"
        f"storage.location = '{shared}'\nprint(storage._staging(Path('{shared}/css/site.css')))"
    )
    assert project.django(code).out == f"{shared}/css\n"


def test_a_linked_static_root_is_the_one_that_it_points_to(project: Project) -> None:
    (project.root / "efs/static").mkdir(parents=True)
    project.static.symlink_to("efs/static")
    project.collectstatic()
    assert (project.root / "efs/static" / project.paths()["css/site.css"]).exists()
    assert list((project.root / "efs/.static.incoming").iterdir()) == []
