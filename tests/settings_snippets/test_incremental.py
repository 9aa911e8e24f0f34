"""The incremental storage against stock: the same manifest, the same files, and little touched on the way."""

import json
import os
import random
import re
import shutil
import signal
from pathlib import Path

import pytest

from tests.settings_snippets.project import PATIENCE, SNIPPETS, STOCK, Project

BACKEND = 'STORAGES["staticfiles"]["BACKEND"] = "config.incremental_storage.IncrementalStaticFilesStorage"\n'
RULES = 'STORAGES["staticfiles"]["OPTIONS"] = {"support_js_module_import_aggregation": True}\n'
# The folders of the project that a test may tell apart by an audit hook: every event that names a path in the static root.
COUNTED = """
import collections, os, sys
from django.conf import settings
root, counts = str(settings.STATIC_ROOT), collections.Counter()
def hook(event, args):
    for value in args[:2]:
        if isinstance(value, (str, os.PathLike)) and os.fspath(value).startswith(root):
            counts[event] += 1
sys.addaudithook(hook)
stat = os.stat
def counted(path, *args, **options):
    if isinstance(path, (str, os.PathLike)) and os.fspath(path).startswith(root):
        counts["stat"] += 1
    return stat(path, *args, **options)
os.stat = counted
from django.core.management import call_command
call_command("collectstatic", interactive=False, verbosity=0)
print(sum(counts.values()))
"""


REWRITTEN = """
from django.contrib.staticfiles.storage import HashedFilesMixin
names, real = set(), HashedFilesMixin._post_process
def loop(self, paths, adjustable, *more):
    names.update(paths.keys() & set(adjustable))
    return real(self, paths, adjustable, *more)
HashedFilesMixin._post_process = loop
from django.core.management import call_command
call_command("collectstatic", interactive=False, verbosity=0)
print(*sorted(names))
"""


def checkout(root: Path, name: str = "app", settings: str = "") -> Project:
    project = Project(root, name, BACKEND + settings)
    shutil.copyfile(SNIPPETS / "django/incremental_storage.py", project.base / "config/incremental_storage.py")
    return project


def text(chance: random.Random, names: list[str], name: str) -> str:
    """Make a file that refers to some that exist; nothing refers in a circle."""
    later = names[names.index(name) + 1 :]
    picked = chance.sample(later, min(len(later), chance.randint(0, 3)))
    links = [os.path.relpath(other, Path(name).parent) for other in picked]
    filler = f"{chance.random()} " * chance.choice([0, 1, 60, 300])
    if name.endswith(".css"):
        lines = [f'@import "{one}";' if one.endswith(".css") else f'a {{ background: url("{one}#x") }}' for one in links]
        return "\n".join([*lines, f"/* {filler} */", *(f"/*# sourceMappingURL={one} */" for one in links[:1])])
    if name.endswith(".js"):
        lines = [f"import {{ a }} from './{one}';" for one in links if one.endswith(".js")]
        return "\n".join([*lines, f"// {filler}", *(f"//# sourceMappingURL={one}" for one in links[:1])])
    return filler


def edit(chance: random.Random, tree: dict[str, str]) -> dict[str, str]:
    """Return the next release of a tree: files changed, new, gone."""
    folders = ["", "a/", "a/b/", "c d/"]
    names = [name for name in tree if chance.random() > 0.15]
    names += [
        f"{chance.choice(folders)}{chance.randrange(10**6)}.{end}" for end in ("css", "js", "png", "map", "txt") for _ in range(3)
    ]
    names.sort(key=lambda name: (name.split("/")[-1], name))
    fresh = {name: text(chance, names, name) for name in names}
    kept = {name for name in names if name in tree and chance.random() < 0.7}
    return {name: tree[name] if name in kept and _holds(tree[name], name, fresh) else fresh[name] for name in names}


def _holds(content: str, name: str, tree: dict[str, str]) -> bool:
    """Return whether what a kept file refers to is still there, changed or not (only plain files refer to nothing)."""
    links = re.findall(r"""["']([^"'#]+)[#"']|sourceMappingURL=([^*\n]+?)(?: \*|$)""", content, re.M)
    names = [os.path.normpath(Path(name).parent / "".join(link)) for link in links]
    return not name.endswith((".css", ".js")) or all(one in tree for one in names)


def lay(project: Project, tree: dict[str, str]) -> None:
    shutil.rmtree(project.base / "assets")
    (project.base / "assets").mkdir()
    project.write(tree)


def outcome(project: Project, manifest: Path) -> tuple[bytes, dict[str, bytes]]:
    """The manifest, and every file that it names, with the variants and the unhashed original."""
    stored = json.loads(manifest.read_bytes())["paths"]
    names = {*stored, *stored.values()}
    files = {
        str(path.relative_to(project.static)): path.read_bytes()
        for path in project.static.rglob("*")
        if path.is_file() and str(path.relative_to(project.static)).removesuffix(".gz").removesuffix(".br") in names
    }
    return manifest.read_bytes(), files


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in (2, 3))])
def test_releases_of_generated_trees_end_as_with_stock_and_nothing_published_is_touched(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    ours = checkout(tmp_path / "ours")
    tree: dict[str, str] = {}
    known: dict[str, tuple[int, int, bytes]] = {}
    for release in range(5):
        tree = edit(chance, tree)
        stock = Project(tmp_path / f"stock{release}", settings=STOCK)
        lay(ours, tree)
        lay(stock, tree)
        ours.collectstatic()
        stock.collectstatic()
        got, expected = outcome(ours, ours.manifest), outcome(stock, stock.static / "staticfiles.json")
        assert got[0] == expected[0]
        assert sorted(got[1]) == sorted(expected[1])
        assert got == expected
        now = ours.published()
        assert {name: now[name] for name in known} == known
        hashed = set(ours.paths().values())
        known |= {name: file for name, file in now.items() if name.removesuffix(".gz").removesuffix(".br") in hashed}


def test_changed_rules_end_as_with_stock(tmp_path: Path) -> None:
    ours, stock = checkout(tmp_path / "ours"), checkout(tmp_path / "fresh", settings=RULES)
    ours.collectstatic()
    before = {name: ours.published()[name] for name in ours.paths().values()}
    ours.configure(BACKEND + RULES)
    ours.collectstatic()
    stock.collectstatic()
    assert outcome(ours, ours.manifest) == outcome(stock, stock.manifest)
    assert {name: ours.published()[name] for name in before} == before


def test_a_second_run_writes_nothing(tmp_path: Path) -> None:
    project = checkout(tmp_path)
    project.collectstatic()
    before = project.published()
    project.collectstatic()
    project.write({name: (project.base / "assets" / name).read_text() for name in ("css/site.css", "img/paper.png")})
    project.collectstatic()
    assert project.published() == before


def test_the_operations_do_not_grow_with_what_did_not_change(tmp_path: Path) -> None:
    counts = []
    for size in (50, 400):
        project = checkout(tmp_path / str(size))
        project.write({f"many/{number}.css": f"p {{ order: {number} }}" + "/* */" * 20 for number in range(size)})
        project.collectstatic()
        project.write({"many/7.css": "p { color: red }" + "/* */" * 40})
        ran = project.django(COUNTED)
        assert ran.code == 0, ran.err
        counts.append(int(ran.out))
    assert 0 < counts[1] <= counts[0] + 2, counts


def test_only_what_has_changed_or_names_it_is_rewritten(tmp_path: Path) -> None:
    project = checkout(tmp_path)
    tree = {
        "a.css": '@import "b.css"; @import "d.css";',
        "b.css": '@import "c.css";',
        "c.css": 'a { background: url("c.png") }',
        "d.css": "p { color: red }",
        "e.js": "// e",
        "c.png": "c",
    }
    lay(project, tree)
    project.collectstatic()
    changes: list[tuple[dict[str, str], str]] = [
        ({}, ""),
        ({"d.css": "p { color: blue }"}, "a.css d.css"),
        ({"c.png": "another"}, "a.css b.css c.css"),
        ({"new.css": '@import "c.css";'}, "new.css"),
        ({"e.js": "// another"}, "e.js"),
    ]
    for change, rewritten in changes:
        project.write(change)
        ran = project.django(REWRITTEN)
        assert (ran.code, ran.out.strip()) == (0, rewritten), ran.err
    project.configure(BACKEND + RULES)
    assert project.django(REWRITTEN).out.split() == ["a.css", "b.css", "c.css", "d.css", "e.js", "new.css"]


@pytest.mark.parametrize("name", ["css/site.css", "img/paper.png"])
@pytest.mark.parametrize("end", ["", ".gz"])
def test_a_lost_file_comes_back(tmp_path: Path, name: str, end: str) -> None:
    project = checkout(tmp_path)
    project.write({"img/paper.svg": "<svg>" * 99})
    project.collectstatic()
    expected = outcome(project, project.manifest)
    for lost in (project.static / f"{project.paths()[name]}{end}", project.static / f"{name}{end}"):
        lost.unlink(missing_ok=True)
        project.collectstatic()
        assert outcome(project, project.manifest) == expected


@pytest.mark.parametrize("way", [pytest.param("environment", marks=pytest.mark.long), "option"])
def test_verify_finds_and_mends_what_was_cut_short_or_altered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    project = checkout(tmp_path)
    project.collectstatic()
    expected = outcome(project, project.manifest)
    css, png = project.paths()["css/site.css"], project.paths()["img/paper.png"]
    for broken in (css, f"{css}.gz", png, "css/base.css", "js/site.js.gz"):
        content = (project.static / broken).read_bytes()
        for damaged in (content[:9], bytes(reversed(content))):
            (project.static / broken).write_bytes(damaged)
            project.configure(BACKEND)
            monkeypatch.setenv("STATICFILES_VERIFY", "0")
            project.collectstatic()
            assert outcome(project, project.manifest) != expected, "or the check proves nothing"
            if way == "environment":
                monkeypatch.setenv("STATICFILES_VERIFY", "1")
            else:
                project.configure(BACKEND + 'STORAGES["staticfiles"]["OPTIONS"] = {"verify": True}')
            project.collectstatic()
            assert outcome(project, project.manifest) == expected


def test_two_checkouts_in_turn_each_find_their_own_unhashed_files(tmp_path: Path) -> None:
    old, new = checkout(tmp_path, "old"), checkout(tmp_path, "new")
    new.write({"css/base.css": "p { color: blue }\n" * 40})
    for project in (old, new, old, new, new, old):
        project.collectstatic()
        assert (project.static / "css/base.css").read_bytes() == (project.base / "assets/css/base.css").read_bytes()


def test_two_runs_at_once_end_as_one_after_the_other(tmp_path: Path) -> None:
    ours, alone = checkout(tmp_path / "ours"), checkout(tmp_path / "alone")
    runs = [ours.start("-m", "django", "collectstatic", "--noinput", "-v0") for _ in range(3)]
    assert [run.wait(PATIENCE) for run in runs] == [0, 0, 0]
    alone.collectstatic()
    assert outcome(ours, ours.manifest) == outcome(alone, alone.manifest)
    assert [path.name for path in (ours.root / ".static.incoming").iterdir() if path.suffix == ".tmp"] == []


def test_killed_anywhere_the_next_run_ends_as_if_nothing_had_been(tmp_path: Path) -> None:
    chance = random.Random(5)
    tree = edit(chance, {})
    ours, alone = checkout(tmp_path / "ours"), checkout(tmp_path / "alone")
    killing = (
        "import os, signal, sys\nleft = [{}]\ndef hook(event, args):\n    if event in ('os.rename', 'os.chmod', 'os.remove'):\n"
    )
    killing += "        left[0] -= 1\n        if not left[0]:\n"
    killing += "            os.kill(os.getpid(), signal.SIGKILL)\nsys.addaudithook(hook)\n"
    killing += "from django.core.management import call_command\ncall_command('collectstatic', interactive=False, verbosity=0)"
    killed = 0
    for after in (1, 2, 9, 40, 77, 120):
        tree = edit(chance, tree)
        for project in (ours, alone):
            lay(project, tree)
        killed += ours.django(killing.format(after)).code == -signal.SIGKILL
        ours.collectstatic()
        alone.collectstatic()
        assert outcome(ours, ours.manifest) == outcome(alone, alone.manifest), after
    assert killed >= 4


def test_clear_is_refused_and_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    project = checkout(tmp_path)
    project.collectstatic()
    before = project.published()
    assert "is not deleted" in project.manage("collectstatic", "--noinput", "--clear").err
    project.write({"css/new.css": "p {}"})
    assert project.manage("collectstatic", "--noinput", "--dry-run").code == 0
    assert project.published() == before
