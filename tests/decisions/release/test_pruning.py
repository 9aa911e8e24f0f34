"""Which releases are retired, and what the script then deletes, whatever kills it."""

import contextlib
import io
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tasks.decisions.release.pruning import MARK, Archives, plan, read_archives
from tasks.hosts.shell.remote_scripts import program

DAY = 86400.0
REVISIONS = st.sampled_from([letter * 40 for letter in "abcdef"])


def test_what_is_needed_new_or_lately_left_is_kept() -> None:
    at = {"old": 0.0, "served": 1 * DAY, "left": 2 * DAY, "new": 9.5 * DAY, "newest": 9.9 * DAY}
    judged = plan(at, {"served": "i-1 serves it"}, newest=1, grace=DAY, now=10 * DAY)
    assert judged.retired == ("old",)
    assert judged.kept == {
        "served": "i-1 serves it",
        "left": "superseded less than 1 days ago",  # it was the newest until half a day ago
        "new": "superseded less than 1 days ago",
        "newest": "one of the newest 1",
    }


def test_a_needed_release_without_archive_is_a_refusal() -> None:
    judged = plan({"a" * 40: 0.0}, {"b" * 40: "version 3 of web can be booted"}, newest=1, grace=0, now=DAY)
    assert judged.problem is not None
    assert "no archived manifest of bbbbbbbbbbbb (version 3 of web can be booted)" in judged.problem


@given(
    st.dictionaries(REVISIONS, st.floats(0, 100)), st.sets(REVISIONS), st.integers(1, 4), st.floats(0, 50), st.floats(100, 200)
)
def test_nothing_needed_is_ever_retired(at: dict[str, float], needed: set[str], newest: int, grace: float, now: float) -> None:
    judged = plan(at, dict.fromkeys(needed, "needed"), newest=newest, grace=grace, now=now)
    assert set(judged.kept) | set(judged.retired) == set(at) and not set(judged.kept) & set(judged.retired)
    assert not needed & set(judged.retired) and set(judged.unaccounted) == needed - set(at)
    assert len(judged.kept) >= min(newest, len(at))
    assert all(now - at[revision] >= grace for revision in judged.retired)


class Killed(BaseException):
    """The process dies here."""


class Disk:
    """A static root, its archives, and the manifest of the checkout; the scripts run on it as they are sent."""

    def __init__(self, top: Path) -> None:
        self.root = top / "static"
        self.root.mkdir()
        self.current: dict[str, str] = {}

    @property
    def folder(self) -> Path:
        return self.root.parent / ".static.releases"

    def run(self, script: str, dies: int | None = None) -> str:
        """Run a script; it dies before its `dies`-th change of the disk."""
        left = [dies]

        def guarded(function: object) -> object:
            def call(*arguments: object) -> None:
                if left[0] is not None:
                    left[0] -= 1
                    if left[0] < 0:
                        raise Killed
                function(*arguments)  # type: ignore[operator]

            return call

        site = SimpleNamespace(STATIC_ROOT=str(self.root), STATIC_URL="/static/")
        out = io.StringIO()
        with (
            mock.patch("django.conf.settings", site),
            mock.patch("django.contrib.staticfiles.storage.staticfiles_storage", SimpleNamespace(hashed_files=self.current)),
            mock.patch("os.unlink", guarded(os.unlink)),
            mock.patch("os.replace", guarded(os.replace)),
            contextlib.redirect_stdout(out),
        ):
            exec(script, {})
        return out.getvalue()

    def deploy(self, revision: str, names: set[str], dies: int | None = None, others: set[str] | None = None) -> None:
        """Collect what is not there, then archive: as collectstatic and the deploy do.

        `others`: what the manifests of other tools name.
        """
        for name in names | (others or set()):
            if not self.path(name).exists():
                self.path(name).write_text(name)
                Path(f"{self.path(name)}.gz").write_text("")
        self.current = {name.replace(".hash", ""): name for name in names}
        found = f"def named(storage, collected): return {dict.fromkeys(others, 'x')}" if others is not None else ""
        self.run(program("manifest", "mark", str(self.root.parent / "keep"), False, revision, found), dies)

    def path(self, name: str) -> Path:
        return self.root / name

    def ask(self, retire: tuple[str, ...] = (), token: str = "", *, dry: bool = False, dies: int | None = None) -> Archives:
        found = read_archives(self.run(program("prune", MARK, list(retire), token, dry), dies))
        assert found is not None
        return found

    def archived(self) -> dict[str, set[str]]:
        return {file.stem: set(json.loads(file.read_text())) for file in self.folder.glob("*.json")}

    def names(self) -> set[str]:
        return {file.name for file in self.root.iterdir() if file.suffix != ".gz"}


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


@contextlib.contextmanager
def new_disk() -> Iterator[Disk]:
    with tempfile.TemporaryDirectory() as top:
        yield Disk(Path(top))


def test_only_what_retired_releases_alone_name_goes(disk: Disk) -> None:
    disk.deploy("a" * 40, {"both.hash.css", "old.hash.css"})
    disk.path("robots.txt").write_text("")
    disk.path("stranger.0123456789ab.css").write_text("")
    disk.deploy("b" * 40, {"both.hash.css", "new.hash.css"})
    seen = disk.ask()
    counted = disk.ask(("a" * 40,), seen.token, dry=True)
    assert (counted.done, counted.files) == (True, 2) and disk.path("old.hash.css").exists()
    done = disk.ask(("a" * 40,), seen.token)
    assert (done.files, done.size) == (counted.files, counted.size) == (2, len("old.hash.css"))
    assert disk.names() == {"both.hash.css", "new.hash.css", "robots.txt", "stranger.0123456789ab.css"}
    assert not Path(f"{disk.path('old.hash.css')}.gz").exists()
    assert set(disk.archived()) == {"b" * 40}


def test_a_release_that_lands_in_between_stops_it(disk: Disk) -> None:
    disk.deploy("a" * 40, {"a.hash.css"})
    disk.deploy("b" * 40, {"b.hash.css"})
    seen = disk.ask()
    disk.deploy("c" * 40, {"a.hash.css"})
    assert not disk.ask(("a" * 40,), seen.token).done
    assert disk.names() == {"a.hash.css", "b.hash.css"} and len(disk.archived()) == 3


def test_a_name_that_leads_out_of_the_static_root_is_left_alone(disk: Disk) -> None:
    outside = disk.root.parent / "database"
    outside.write_text("precious")
    disk.deploy("a" * 40, {"a.hash.css"})
    (disk.folder / f"{'b' * 40}.json").write_text(json.dumps(["../database", str(outside)]))
    assert disk.ask(("b" * 40,), disk.ask().token).files == 0
    assert outside.read_text() == "precious"


def test_where_nothing_can_be_archived_it_is_said(disk: Disk) -> None:
    disk.folder.write_text("a file in the way")
    printed = disk.run(program("manifest", "mark:", str(disk.root.parent / "keep"), False, "a" * 40, ""))
    manifest = json.loads(printed.partition("mark:")[2])
    assert str(disk.folder) in manifest["unarchived"]


def test_names_of_a_release_that_is_deployed_again_add_up(disk: Disk) -> None:
    disk.deploy("a" * 40, {"one.hash.css"})
    disk.deploy("a" * 40, {"two.hash.css"})
    assert disk.archived() == {"a" * 40: {"one.hash.css", "two.hash.css"}}


A, B = "a" * 40, "b" * 40
NAMES = st.sets(st.sampled_from([f"{n}.hash.css" for n in range(6)]), min_size=1)
HISTORIES = st.lists(st.tuples(st.booleans(), REVISIONS, NAMES, st.integers(0, 63), st.none() | st.integers(0, 6)), max_size=8)
# Of the revisions: what other tools' manifests name in them; and which of them an earlier version deploys, which does not ask.
OTHERS = st.dictionaries(REVISIONS, st.sets(st.sampled_from(["1.hash.css", "x.js", "y.js", "z.js"])))
EARLIER = st.sets(REVISIONS)


@example(
    [
        (False, B, {"0.hash.css", "1.hash.css"}, 0, None),
        (False, A, {"0.hash.css"}, 0, None),
        (True, A, {"0.hash.css"}, 4, 2),
        (False, B, {"0.hash.css"}, 0, None),
    ],
    {},
    set(),
)  # what was retired half-way and is deployed anew
@given(HISTORIES, OTHERS, EARLIER)
def test_killed_anywhere_no_kept_release_lacks_a_file(
    history: list[tuple[bool, str, set[str], int, int | None]], others: dict[str, set[str]], earlier: set[str]
) -> None:
    for revision in earlier & set(others):
        others[revision].discard("1.hash.css")  # nothing protects what the own manifest of another release names too

    def deploy(revision: str, names: set[str], dies: int | None = None) -> None:
        named = others.get(revision, set())
        for name in named if revision in earlier else ():
            disk.path(name).write_text(name)
        disk.deploy(revision, names, dies, None if revision in earlier else named)

    with new_disk() as disk:
        deploy("0" * 40, {"0.hash.css", "1.hash.css", "2.hash.css"})
        for prunes, revision, names, mask, dies in history:
            with contextlib.suppress(Killed):
                if prunes:
                    retire = tuple(one for bit, one in enumerate(sorted(disk.archived())) if mask >> bit & 1)
                    disk.ask(retire, disk.ask().token, dies=dies)
                else:
                    deploy(revision, names, dies)
            for one, kept in disk.archived().items():
                assert all(disk.path(name).exists() for name in kept | others.get(one, set())), f"{one} lacks a file"
            assert all(disk.path(name).exists() for name in disk.current.values())
        # Run again, the same commands leave nothing behind.
        deploy("f" * 40, set(disk.current.values()))
        disk.ask((), disk.ask().token)
        assert not list(disk.folder.glob("*.retired"))
        assert disk.names() >= set().union(*disk.archived().values())
        if not earlier:
            aside = {file.stem for file in disk.folder.iterdir() if file.suffix in (".others", ".collected")}
            assert aside <= set(disk.archived()), "they go with their release"


@given(NAMES, NAMES, st.integers(0, 20))
def test_killed_and_run_again_it_ends_as_if_undisturbed(old: set[str], new: set[str], dies: int) -> None:
    with new_disk() as disk:
        disk.deploy("a" * 40, old, others={"x.js", "y.js"})
        disk.deploy("b" * 40, new, others={"y.js"})
        with contextlib.suppress(Killed):
            disk.ask(("a" * 40,), disk.ask().token, dies=dies)
        disk.ask(("a" * 40,) if "a" * 40 in disk.archived() else (), disk.ask().token)
        assert disk.names() == {*new, "y.js"} and disk.archived() == {"b" * 40: new}
        assert len(list(disk.root.iterdir())) == 2 * (len(new) + 1) and len(list(disk.folder.iterdir())) == 3


def test_what_other_tools_name_goes_with_the_last_release_that_names_or_has_collected_it(disk: Disk) -> None:
    for name in ("logo.png", "old.js", "both.js"):
        disk.path(name).write_text(name)
    disk.deploy(A, {"a.hash.css"}, others={"logo.png", "old.js", "both.js"})
    disk.deploy(B, {"logo.hash.png"}, others={"both.js"})  # which has collected logo.png
    counted = disk.ask((A,), disk.ask().token, dry=True)
    done = disk.ask((A,), disk.ask().token)
    assert (counted.files, counted.unlisted) == (done.files, done.unlisted) == (3, ())
    assert disk.names() == {"logo.hash.png", "logo.png", "both.js"}


def test_where_an_earlier_version_archived_a_kept_release_nothing_of_other_tools_goes(disk: Disk) -> None:
    disk.deploy(A, {"a.hash.css"}, others={"old.js"})
    disk.deploy(B, {"b.hash.css"})
    disk.deploy("c" * 40, {"c.hash.css"}, others=set())
    done = disk.ask((A,), disk.ask().token)
    assert done.unlisted == (B,) and disk.names() == {"b.hash.css", "c.hash.css", "old.js"}
    again = disk.ask((B,), disk.ask().token)
    assert again.unlisted == () and disk.names() == {"c.hash.css"}
    assert {file.name[40:] for file in disk.folder.iterdir()} == {".json", ".others", ".collected"}
