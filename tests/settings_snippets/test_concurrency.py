"""What others see while collectstatic runs, and what is left when it dies."""

import os
import re
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.settings_snippets.project import ASSETS, Project, ask, eventually, gunicorn, text_of

MANY = {f"css/many{number}.css": f'@import "base.css";\np {{ order: {number} }}\n' + "/* many */\n" * 40 for number in range(60)}
SAVE = """
from django.contrib.staticfiles.storage import staticfiles_storage as storage
import sys, time
storage.hashed_files = {f"{sys.argv[1]}/{n}.css": f"{sys.argv[1]}/{n}.0123456789ab.css" for n in range(3000)}
end = time.monotonic() + 600
while time.monotonic() < end:
    storage.save_manifest()
"""
LOAD = """
from django.contrib.staticfiles.storage import staticfiles_storage as storage
seen = set()
loads = 0
while loads < 2000 or (len(seen) < 2 and loads < 200000):
    paths, digest = storage.load_manifest()
    assert len(paths) == 3000, (loads, len(paths), storage._manifest_problem)
    writers = {name.split("/")[0] for name in paths}
    assert len(writers) == 1, writers
    seen |= writers
    loads += 1
print(sorted(seen))
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def begin(project: Project) -> "subprocess.Popen[str]":
    return project.start(
        "-m",
        "django",
        "collectstatic",
        "--noinput",
        "-v0",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def expected(tmp_path: Path, *releases: dict[str, str]) -> dict[str, bytes]:
    """What the same releases leave, published one after the other undisturbed."""
    quiet = Project(tmp_path / "quiet")
    for release in releases:
        quiet.write(release)
        quiet.collectstatic()
    return contents(quiet)


def contents(project: Project) -> dict[str, bytes]:
    return {name: content for name, (_, _, content) in project.published().items()}


def test_readers_never_see_a_torn_or_missing_manifest_while_two_write(project: Project) -> None:
    set_up = "import django\ndjango.setup()\n"
    writers = [project.start("-c", set_up + SAVE, name) for name in ("one", "two")]
    try:
        eventually(project.manifest.exists)
        ran = project.python("-c", set_up + LOAD)
        assert ran.code == 0, ran.err
        assert ran.out == "['one', 'two']\n"
        assert all(writer.poll() is None for writer in writers), "the writers must have been at work"
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()


def test_two_runs_at_once_end_as_one(project: Project, tmp_path: Path) -> None:
    project.write(MANY)
    runs = [begin(project), begin(project)]
    for run in runs:
        _, err = run.communicate(timeout=120)
        assert run.returncode == 0, err
    assert contents(project) == expected(tmp_path, MANY)
    assert set(project.paths()) == {*ASSETS, *MANY}


def test_two_releases_at_once_leave_both_with_their_files(tmp_path: Path) -> None:
    old, new = Project(tmp_path, "old"), Project(tmp_path, "new")
    old.write(MANY)
    new.write({name: text.replace("order", "z-index") for name, text in MANY.items()})
    new.write({"css/base.css": "p { color: red }", "img/paper.png": "another paper"})
    for run in [begin(old), begin(new)]:
        _, err = run.communicate(timeout=120)
        assert run.returncode == 0, err
    for release in (old, new):
        for name in release.paths().values():
            text = (release.static / name).read_text(encoding="utf-8")
            for reference in re.findall(r'url\("(.*?)"\)', text):
                assert (release.static / name).parent.joinpath(reference).resolve().relative_to(release.static)
                assert (release.static / name).parent.joinpath(reference).exists(), (name, reference)
    assert set(old.paths().values()).isdisjoint({new.paths()["css/base.css"], new.paths()["img/paper.png"]})


def test_killed_anywhere_nothing_torn_is_there_and_the_next_run_completes_it(project: Project, tmp_path: Path) -> None:
    project.collectstatic()
    manifest, first = project.manifest.read_text(), contents(project)
    project.write(MANY)
    whole = expected(tmp_path, {}, MANY)
    killed = 0
    for more in range(1, 9):
        # Killed once it has published a few files more than the one before: wherever it is then, on a machine of any speed.
        enough = len(list(project.static.rglob("*"))) + 3 * more
        run = begin(project)
        while run.poll() is None and len(list(project.static.rglob("*"))) < enough:
            time.sleep(0.002)
        with suppress(ProcessLookupError):  # it was quicker
            os.killpg(run.pid, signal.SIGKILL)
        run.communicate()
        killed += run.returncode == -signal.SIGKILL
        there = contents(project)
        assert first.keys() <= there.keys()
        assert {name: content for name, content in there.items() if whole.get(name) != content} == {}, "torn or unknown files"
        if run.returncode:
            assert project.manifest.read_text() in (manifest, (tmp_path / "quiet/app/staticfiles.json").read_text())
    assert killed >= 3
    project.collectstatic()
    assert contents(project) == whole
    assert set(project.paths()) == {*ASSETS, *MANY}


def test_no_request_fails_and_no_etag_changes_while_releases_are_published(tmp_path: Path) -> None:
    project, other = Project(tmp_path), Project(tmp_path, "next")
    project.collectstatic()
    served = {f"/static/{name}": (project.static / name).read_bytes() for name in project.paths().values()}
    with gunicorn(project) as (place, log):
        etags = {path: ask(place, path).headers["ETag"] for path in served}
        for number in range(3):
            other.write({**ASSETS, **{name: text.replace("order", f"order: {number}; z-index") for name, text in MANY.items()}})
            run = begin(other)
            asked = 0
            while run.poll() is None:
                for path, content in served.items():
                    answer = ask(place, path)
                    assert (answer.status, answer.body, answer.headers["ETag"]) == (200, content, etags[path])
                    asked += 1
            assert (run.communicate()[1], run.returncode) == ("", 0)
            assert asked >= len(served)
        assert "Traceback" not in text_of(log)


def test_a_whitenoise_that_starts_meanwhile_stumbles_over_no_vanishing_file(project: Project) -> None:
    project.collectstatic()
    code = (
        "import sys\nfrom whitenoise import WhiteNoise\nprint('begun', flush=True)\nwhile True:\n"
        "    WhiteNoise(None, root=sys.argv[1], prefix='static/', max_age=0)\n"
    )
    scanners = [project.start("-c", code, str(project.static), stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    try:
        for scanner in scanners:
            assert scanner.stdout and scanner.stdout.readline() == "begun\n"
        for number in range(3):
            project.write({name: text.replace("order", f"order: {number}; z-index") for name, text in MANY.items()})
            project.collectstatic()
        dead = [scanner.communicate()[1] for scanner in scanners if scanner.poll() is not None]
        assert dead == []
    finally:
        for scanner in scanners:
            scanner.kill()
            scanner.communicate()
