"""Storages of others in front of ours, against stock: asset packagers, hashing loops and hashes of their own, over releases."""

import json
import os
import shutil
from pathlib import Path

import pytest

from .project import SNIPPETS, Project, Ran

OWN = """
import hashlib
from django.core.files.base import ContentFile
from whitenoise.storage import CompressedManifestStaticFilesStorage as Stock
from django.contrib.staticfiles.storage import staticfiles_storage
from config.local_manifest_storage import LocalManifestStaticFilesStorage as Local
from config.incremental_storage import IncrementalStaticFilesStorage as Incremental

class Packs:
    lazily = False
    def get_available_name(self, name, max_length=None):
        if self.exists(name):
            self.delete(name)
        return name
    def post_process(self, paths, dry_run=False, **options):
        if dry_run:
            return
        parts = [storage.open(path).read() for name, (storage, path) in sorted(paths.items()) if name.endswith(".css")]
        self.save("bundle/all.txt", ContentFile(b"".join(parts)))
        paths["bundle/all.txt"] = (staticfiles_storage if self.lazily else self, "bundle/all.txt")
        yield "bundle/all.txt", "bundle/all.txt", True
        yield from super().post_process(paths.copy(), dry_run, **options)

class PacksLazily(Packs):
    lazily = True

class Loops:
    def _post_process(self, paths, adjustable_paths, hashed_files):
        for name in sorted(paths):
            storage, path = paths[name]
            with storage.open(path) as file:
                hashed = self.hashed_name(name, file)
                file.seek(0)
                if not self.exists(hashed):
                    self._save(hashed, ContentFile(file.read()) if name in adjustable_paths else file)
            hashed_files[self.hash_key(self.clean_name(name))] = hashed
            yield name, hashed, True, False

class Hashes:
    def file_hash(self, name, content=None):
        if content is None or str(name).endswith(".txt"):
            return None
        content.seek(0)
        return hashlib.sha256(content.read()).hexdigest()[:10]

class HashesNothing:
    def _post_process(self, paths, adjustable_paths, hashed_files):
        return iter(())

class HashesStyles:
    def _post_process(self, paths, adjustable_paths, hashed_files):
        styles = {name: paths[name] for name in paths if name.endswith(".css")}
        yield from super()._post_process(styles, adjustable_paths, hashed_files)

class Looks:
    # As a finder of compressed files does: its storage is on STATIC_ROOT.
    def post_process(self, paths, dry_run=False, **options):
        from django.core.files.storage import FileSystemStorage
        place = FileSystemStorage(location=self.location)
        with open(place.path("made.txt"), "wb") as file:
            file.write(b"made " * 99)
        paths["made.txt"] = (place, "made.txt")
        yield from super().post_process(paths, dry_run, **options)

"""
MIXINS = ("Packs", "PacksLazily", "Loops", "Hashes", "Looks")
OURS = ("Local", "Incremental")
CLASSES = "".join(
    f"class {mixin}{base}({mixin}, {base}): pass\n"
    for mixin in (*MIXINS, "HashesNothing", "HashesStyles")
    for base in ("Stock", *OURS)
)
ODD = {
    "css/odd.css": 'a { b: url("../f/font.eot?v=1"); c: url("../f/font.eot?#iefix"); d: url("../f/100%2525.png") }' + "/**/" * 99,
    "f/font.eot": "font",
    "f/font.eot?v=1": "another font",
    "f/100%25.png": "percent",
    "f/100%.png": "a percent",
    "f/a b.txt": "plain " * 99,
}  # fmt: skip


def checkout(root: Path, storage: str, **more: str) -> Project:
    project = Project(root, settings=f'STORAGES["staticfiles"]["BACKEND"] = "config.own.{storage}"')
    shutil.copyfile(SNIPPETS / "django/incremental_storage.py", project.base / "config/incremental_storage.py")
    (project.base / "config/own.py").write_text(OWN + CLASSES)
    project.write(more)
    return project


def collectstatic(project: Project) -> Ran:
    # Memory that runs away is to end the run, not the machine.
    code = "import resource\nresource.setrlimit(resource.RLIMIT_AS, (2 * 2**30,) * 2)\n"
    code += "from django.core.management import execute_from_command_line\n"
    return project.python("-c", f"{code}execute_from_command_line(['manage.py', 'collectstatic', '--noinput'])")


def outcome(project: Project) -> tuple[dict[str, str], dict[str, bytes]]:
    """The manifest, and the files that it names, with their variants."""
    places = [project.manifest, project.static / "staticfiles.json"]
    paths = json.loads(next(place for place in places if place.exists()).read_text())["paths"]
    names = {name + end for name in (*paths, *paths.values()) for end in ("", ".gz", ".br")}
    return paths, {name: file[2] for name, file in project.published().items() if name in names}


@pytest.mark.parametrize("base", OURS)
@pytest.mark.parametrize("mixin", MIXINS)
def test_releases_end_as_with_stock(tmp_path: Path, mixin: str, base: str) -> None:
    project = checkout(tmp_path / "ours", mixin + base)
    stock = checkout(tmp_path / "stock", f"{mixin}Stock")
    for change in ({}, {"css/base.css": "p { color: red }" + "/* base */\n" * 60, "new.css": "a {}"}):
        for one in (project, project, stock):
            one.write(change)
            ran = collectstatic(one)
            assert ran.code == 0, ran.err
        got, expected = outcome(project), outcome(stock)
        assert got[0] == expected[0] and len(got[0]) >= 5
        assert got[1] == expected[1]


@pytest.mark.parametrize("storage", ["Incremental", "HashesIncremental"])
@pytest.mark.parametrize("verify", ["0", "1"])
def test_odd_names_end_as_with_stock_in_every_run(
    tmp_path: Path, storage: str, verify: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, stock = checkout(tmp_path / "ours", storage), checkout(tmp_path / "stock", storage.replace("Incremental", "Stock"))
    project.write(ODD)
    stock.write(ODD)
    assert collectstatic(stock).code == 0
    published = {}
    for number in range(3):
        ran = collectstatic(project)
        assert ran.code == 0, ran.err
        assert outcome(project) == outcome(stock)
        assert not number or project.published() == published, "nothing is to be written again"
        published = project.published()
        monkeypatch.setenv("STATICFILES_VERIFY", verify)


@pytest.mark.parametrize("base", OURS)
def test_an_own_hash_does_not_keep_verify_from_mending(tmp_path: Path, base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    project = checkout(tmp_path, f"Hashes{base}")
    assert collectstatic(project).code == 0
    expected = outcome(project)
    for name in (expected[0]["css/site.css"], expected[0]["img/paper.png"]):
        (project.static / name).write_bytes(b"cut")
        monkeypatch.setenv("STATICFILES_VERIFY", "1")
        assert collectstatic(project).code == 0
        assert outcome(project) == expected


@pytest.mark.parametrize("base", OURS)
def test_a_storage_that_hashes_nothing_is_refused_and_the_manifest_stays(tmp_path: Path, base: str) -> None:
    project = checkout(tmp_path, base)
    assert collectstatic(project).code == 0
    before = project.manifest.read_bytes()
    project.configure(f'STORAGES["staticfiles"]["BACKEND"] = "config.own.HashesNothing{base}"')
    ran = collectstatic(project)
    assert ran.code == 1 and ran.err.count("\n") == 1
    assert ran.err == (
        f"CommandError: 5 static files were collected, but HashesNothing{base} has hashed none of them: "
        f"the manifest {project.manifest} stays as it is.\n"
    )
    assert project.manifest.read_bytes() == before


@pytest.mark.parametrize("base", OURS)
def test_files_that_another_loop_leaves_out_are_named(tmp_path: Path, base: str) -> None:
    project = checkout(tmp_path, f"HashesStyles{base}")
    project.write({"css/site.css": "a {}", "css/base.css": "a {}"})
    ran = collectstatic(project)
    assert ran.code == 0 and set(project.paths()) == {"css/base.css", "css/site.css"}
    assert ran.err == (
        f"Warning: HashesStyles{base} has not hashed 3 collected files, so no page can name them: "
        "img/paper.png, js/part.js, js/site.js\n"
    )


@pytest.mark.parametrize("base", OURS)
def test_links_are_refused_in_one_line_and_nothing_is_touched(tmp_path: Path, base: str) -> None:
    project = checkout(tmp_path, base)
    for more in ([], ["--clear"], ["--no-post-process"]):
        before = project.published()
        ran = project.manage("collectstatic", "--noinput", "--link", *more)
        text = f"{project.static} is shared, and links into this machine's checkout are broken on every other machine."
        assert (ran.code, ran.err) == (1, f"CommandError: {text} Run collectstatic without --link.\n")
        assert project.published() == before
        if not before:
            assert collectstatic(project).code == 0
    assert project.published() and not any(path.is_symlink() for path in project.static.rglob("*"))


def test_a_second_run_says_for_whom_it_waits_and_for_how_long(tmp_path: Path) -> None:
    project = checkout(tmp_path, "Incremental")
    settings = (project.base / "config/settings.py").read_text()
    code = (
        "import django\ndjango.setup()\nfrom django.contrib.staticfiles.storage import staticfiles_storage as storage\n"
        "import sys\nstorage.exists(storage.location)\nprint('begun', flush=True)\nsys.stdin.readline()"
    )
    holder = project.start("-c", code, stdin=-1, stdout=-1)
    try:
        assert holder.stdout and holder.stdout.readline() == "begun\n"
        who = f"process {holder.pid} on {os.uname().nodename}, since "
        (project.base / "config/settings.py").write_text(f"{settings}\nSTATICFILES_LOCK_TIMEOUT = 0\n")
        ran = collectstatic(project)
        assert ran.code == 1 and ran.err.count("\n") == 1
        assert f"Another collectstatic still publishes into {project.static} after 0 s" in ran.err and who in ran.err
        (project.base / "config/settings.py").write_text(settings)
        waiting = project.start("-m", "django", "collectstatic", "--noinput", "-v0", stderr=-1)
        assert waiting.stderr
        assert waiting.stderr.readline().startswith(
            f"Waiting for another collectstatic that publishes into {project.static}: {who}"
        )
    finally:
        holder.communicate("\n")
    assert (waiting.communicate()[1], waiting.returncode) == ("", 0)
    assert len(project.paths()) == 5
