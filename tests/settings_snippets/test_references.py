"""What CSS and JS reference: long chains, circles, missing files, and names that stay unhashed."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.settings_snippets.project import SNIPPETS, Project, Ran, drop_in

BACKENDS = {"local": "local_manifest_storage.LocalManifest", "incremental": "incremental_storage.Incremental"}
CIRCLE = {
    "a.js": "import { b } from './b.js';\nimport { x } from './x.js';\nexport const a = 1;\n",
    "b.js": "import { a } from './a.js';\nexport const b = 2;\n",
    "self.js": "import './self.js';\n",
    "x.js": "export const x = 1;\n",
    "main.js": "import './a.js';\nimport './self.js';\n",
}


def checkout(root: Path, storage: str, **options: Any) -> Project:
    project = Project(root)
    shutil.copyfile(SNIPPETS / "django/incremental_storage.py", project.base / "config/incremental_storage.py")
    shutil.copyfile(SNIPPETS / "django/static_middleware.py", project.base / "config/static_middleware.py")
    shutil.rmtree(project.base / "assets")
    (project.base / "assets").mkdir()
    use(project, storage, **options)
    return project


def use(project: Project, storage: str, **options: Any) -> None:
    project.configure(
        f'STORAGES["staticfiles"] = {{"BACKEND": "config.{BACKENDS[storage]}StaticFilesStorage", "OPTIONS": {options!r}}}\n'
        'MIDDLEWARE[1] = "config.static_middleware.StaticFilesMiddleware"'
    )


def collect(project: Project, *options: str) -> Ran:
    return project.manage("collectstatic", "--noinput", *options)


def notes(project: Project) -> dict[str, Any]:
    return dict(json.loads((project.base / ".staticfiles.json.notes").read_text()))


def text(project: Project, name: str) -> str:
    return (project.static / project.paths()[name]).read_text()


def hashed(project: Project) -> dict[str, tuple[int, int, bytes]]:
    names = set(project.paths().values())
    return {name: file for name, file in project.published().items() if name in names}


IMMUTABLE = """
import json
from django.test import RequestFactory
from config.static_middleware import StaticFilesMiddleware
from django.contrib.staticfiles.storage import staticfiles_storage as storage
from django.http import HttpResponseNotFound
middleware = StaticFilesMiddleware(lambda request: HttpResponseNotFound())
def cached(url):
    response = middleware(RequestFactory().get(url))
    list(response)
    response.close()
    return "immutable" in response.headers["Cache-Control"]
print(json.dumps({name: cached("/static/" + hashed) for name, hashed in storage.hashed_files.items()}))
"""


@pytest.mark.parametrize("storage", BACKENDS)
def test_files_in_a_circle_are_named_by_the_content_of_all(tmp_path: Path, storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    project = checkout(tmp_path, storage, support_js_module_import_aggregation=True)
    project.write(CIRCLE)
    assert (collect(project).code, collect(project).err) == (0, "")
    names, before = project.paths(), hashed(project)
    assert f'"./{names["b.js"]}"' in text(project, "a.js") and f'"./{names["x.js"]}"' in text(project, "a.js")
    assert f'"./{names["a.js"]}"' in text(project, "b.js") and f'"./{names["self.js"]}"' in text(project, "self.js")
    assert set(notes(project)) == {"circular"} and set(notes(project)["circular"]) == {
        names[n] for n in ("a.js", "b.js", "self.js")
    }
    assert json.loads(project.django(IMMUTABLE).out) == dict.fromkeys(CIRCLE, True)

    (project.static / names["b.js"]).write_text("torn")
    assert json.loads(project.django(IMMUTABLE).out) == {**dict.fromkeys(CIRCLE, True), "b.js": False}
    monkeypatch.setenv("STATICFILES_VERIFY", "1")
    assert collect(project).code == 0
    after = hashed(project)
    assert {name: file[2] for name, file in after.items()} == {name: file[2] for name, file in before.items()}
    assert {name for name in after if after[name] != before[name]} == {names["b.js"]}, "the others are whole"
    monkeypatch.delenv("STATICFILES_VERIFY")

    project.write({"x.js": "export const x = 3;\n"})
    assert collect(project).code == 0
    changed = {name for name, path in project.paths().items() if path != names[name]}
    assert changed == {"a.js", "b.js", "x.js", "main.js"}
    assert {name: file for name, file in hashed(project).items() if name in before} == {
        names["self.js"]: after[names["self.js"]]
    }, "what is in no changed circle is not written again"
    project.write({"b.js": "export const b = 2;\n"})
    assert collect(project).code == 0 and set(notes(project)["circular"]) == {names["self.js"]}


def test_a_long_chain_of_imports_ends_as_if_each_file_had_been_named_before_it_was_used(tmp_path: Path) -> None:
    # In the order of names each is rewritten before the next, on which it depends: Django needs a pass for each.
    chain = {f"{number:02}.js": f"import './{number + 1:02}.js';\n" for number in range(20)} | {"20.js": "export const x = 1;\n"}
    results = []
    for storage in BACKENDS:
        project = checkout(tmp_path / storage, storage, support_js_module_import_aggregation=True)
        project.write(chain)
        ran = collect(project)
        assert (ran.code, ran.err) == (0, "")
        names = project.paths()
        assert all(names[f"{number + 1:02}.js"] in text(project, f"{number:02}.js") for number in range(20))
        results.append(names)
    assert results[0] == results[1]


BROKEN = {"vendor/lib.css": "p { color: red }\n/* was: */ a { background: url(../old/gone.png) }\n", "own.css": "a {}\n"}


@pytest.mark.parametrize("storage", BACKENDS)
def test_a_missing_file_is_an_error_in_one_line_or_left_with_a_warning(tmp_path: Path, storage: str) -> None:
    project = checkout(tmp_path, storage)
    project.write(BROKEN)
    ran = collect(project)
    assert ran.code == 1 and "Traceback" not in ran.err and not project.manifest.exists()
    assert ran.err.splitlines()[-1] == (
        "CommandError: The CSS file 'vendor/lib.css' references a file which could not be found: "
        "The file 'old/gone.png' could not be found. 'vendor/lib.css' contains this reference 'url(../old/gone.png)' on line 2. "
        "Mend it, or, if the file is not yours, "
        'leave the reference as it is: "OPTIONS": {"allow_missing_references": ["vendor/lib.css"]} in STORAGES.'
    )
    use(project, storage, allow_missing_references=["vendor/*"])
    for _ in range(2):
        ran = collect(project)
        assert ran.code == 0 and ran.err == (
            "Warning: vendor/lib.css references a missing file, and is left as it is (allow_missing_references): "
            "url(../old/gone.png)\n"
        )
        assert text(project, "vendor/lib.css") == BROKEN["vendor/lib.css"]
        assert notes(project) == {"missing": {"vendor/lib.css": ["url(../old/gone.png)"]}}
    project.write({"old/gone.png": "here"})
    ran = collect(project)
    assert (ran.code, ran.err) == (0, "") and project.paths()["old/gone.png"] in text(project, "vendor/lib.css")
    assert notes(project) == {}
    project.write({"own.css": "a { background: url(gone.png) } b { background: url(../../../etc/passwd) }"})
    assert "The file 'gone.png' could not be found" in collect(project).err, "the option is for others' files"
    project.write({"own.css": "b { background: url(../../../etc/passwd) }"})
    ran = collect(project)
    assert ran.code == 1 and "Traceback" not in ran.err and "'own.css' contains this reference" in ran.err


@pytest.mark.parametrize("storage", [pytest.param("local", marks=pytest.mark.long), "incremental"])
def test_what_is_not_to_be_rewritten_is_published_as_it_is(tmp_path: Path, storage: str) -> None:
    project = checkout(tmp_path, storage)
    source = {"src/a.css": "a { background: url(nowhere.png) }", "b.css": '@import "src/a.css";'}
    project.write(source)
    (project.base / "assets/src/latin.css").write_bytes(b"/* caf\xe9 */")
    ran = collect(project)
    assert ran.code == 1 and "Traceback" not in ran.err
    use(project, storage, do_not_rewrite=["src/*"])
    for _ in range(2):
        ran = collect(project)
        assert (ran.code, ran.err) == (0, "")
        assert text(project, "src/a.css") == source["src/a.css"]
        assert project.paths()["src/a.css"] in text(project, "b.css")
        assert (project.static / project.paths()["src/latin.css"]).read_bytes() == b"/* caf\xe9 */"
    use(project, storage, do_not_rewrite="src/*")
    ran = collect(project)
    assert "do_not_rewrite: found 'src/*'; allowed: a list of paths" in ran.err
    use(project, storage)
    ran = collect(project)
    assert ran.code == 1, "without the option it is an error again"


UNHASHED = {
    "css/site.css": 'a { background: image-set("x.png" 1x, url(x2.png) 2x) } /* "y.png" */ @import "base.css?v=1";',
    "css/base.css": "p { background: url(x.png) }",
    "css/x.png": "x",
    "css/x2.png": "x2",
    "js/app.js": "import { w } from './worker.js';\n// './other.js'\nnew Worker('./worker.js');\nconst i = '/static/css/x.png';\n"
    "const n = 'no.js';\nload('css/x2.png'); load(`other.js?v=${n}`); load('https://example.com/other.js');\n",
    "js/worker.js": "postMessage('worker.js');\n",
    "js/other.js": "1;\n",
    "img/logo.svg": '<svg name="other.svg"><image href="other.svg"/></svg>',
    "img/other.svg": "<svg/>",
}


@pytest.mark.parametrize("storage", [pytest.param("local", marks=pytest.mark.long), "incremental"])
def test_references_that_stay_unhashed_are_listed(tmp_path: Path, storage: str) -> None:
    project = checkout(tmp_path, storage)
    project.write(UNHASHED)
    expected = {
        "css/site.css": ["css/x.png"],
        "img/logo.svg": ["img/other.svg"],
        "js/app.js": ["css/x.png", "css/x2.png", "js/other.js", "js/worker.js"],
    }
    for _ in range(2):
        ran = collect(project)
        assert ran.code == 0 and notes(project) == {"unhashed": expected}
        said = "Warning: {} references unhashed names, so old pages get the newest release's file: {}"
        assert ran.err.splitlines() == [said.format(name, ", ".join(found)) for name, found in expected.items()]
    assert collect(project, "-v0").err == ""
    base = project.paths()["css/base.css"].removeprefix("css/")
    assert f"{base}?v=1" in text(project, "css/site.css"), "a query does not hide which file is meant"
    project.write({"css/x.png": "another"})
    assert collect(project).code == 0
    assert project.paths()["css/base.css"].removeprefix("css/") != base
    assert f"{project.paths()['css/base.css'].removeprefix('css/')}?v=1" in text(project, "css/site.css")
    code = "import json\nfrom django.contrib.staticfiles.storage import staticfiles_storage as storage\n"
    assert json.loads(project.django(f"{code}print(json.dumps(storage.unhashed_references))").out) == expected


STORAGE = drop_in("local_manifest_storage")
NAMES = st.sampled_from("abcdefg")


@given(st.dictionaries(NAMES, st.lists(st.sampled_from("abcdefgx"), max_size=4)))
def test_files_come_after_what_they_use_and_circles_together(uses: dict[str, list[str]]) -> None:
    def reached(name: str) -> set[str]:
        found: set[str] = set()
        waiting = [name]
        while waiting:
            new = {used for used in uses[waiting.pop()] if used in uses} - found
            found |= new
            waiting += new
        return found

    groups = list(STORAGE._in_order(uses))
    assert sorted(name for group in groups for name in group) == sorted(uses)
    done: set[str] = set()
    for group in groups:
        assert all(group == sorted({name} | {other for other in reached(name) if name in reached(other)}) for name in group)
        done.update(group)
        assert all(used in done for name in group for used in uses[name] if used in uses)


SHARED = """
INSTALLED_APPS += ["django_vite"]
OTHER = {"manifest_path": BASE_DIR / "manifest.json", "static_url_prefix": "x"}
DJANGO_VITE = {"default": {}, "other": OTHER, "dev": {"dev_mode": True}}
WEBPACK_LOADER = {"DEFAULT": {"STATS_FILE": str(STATIC_ROOT / "webpack-stats.json")}}
ENCORE = {"files": [STATIC_ROOT / "build/entrypoints.json"]}
PLACES = [STATIC_ROOT / "places.json", "/elsewhere/manifest.json", "manifest.json"]
"""


def test_manifests_of_others_in_the_shared_root_are_refused_with_what_moves_them(tmp_path: Path) -> None:
    # Of django-vite only the settings count here; compressor is asked for its storage.
    project = checkout(tmp_path, "incremental")
    (project.base / "django_vite").mkdir()
    (project.base / "django_vite/__init__.py").touch()
    settings = (project.base / "config/settings.py").read_text()
    (project.base / "config/settings.py").write_text(settings + SHARED)
    ran = collect(project)
    assert ran.code == 1 and not project.static.exists() and "Traceback" not in ran.err
    assert [line.split()[0 if line[0] == "/" else 1] for line in ran.err.splitlines()] == [
        f"{project.static}/build/entrypoints.json",
        f"{project.static}/webpack-stats.json",
        f"{project.static}/manifest.json",
    ]
    assert 'Set WEBPACK_LOADER["DEFAULT"]["STATS_FILE"] to a path in the checkout' in ran.err
    assert 'Set DJANGO_VITE["default"]["manifest_path"] to that of the build' in ran.err
    allowed = 'STORAGES["staticfiles"]["OPTIONS"] = {"allow_shared_manifests": ["*.json"]}'
    (project.base / "config/settings.py").write_text(f"{settings}{SHARED}\n{allowed}")
    assert collect(project).code == 0
    (project.base / "config/settings.py").write_text(f'{settings}{SHARED}\nSTATIC_ROOT = BASE_DIR / "static"')
    assert collect(project).code == 0, "a root in the checkout is not shared"


def test_manifests_of_others_are_known_wherever_they_lie(tmp_path: Path) -> None:
    project = checkout(tmp_path, "incremental")
    for package in ("django_vite", "webpack_loader"):
        (project.base / package).mkdir()
        (project.base / package / "__init__.py").touch()
    settings = (project.base / "config/settings.py").read_text()
    more = """
from collections import namedtuple
INSTALLED_APPS += ["django_vite", "webpack_loader"]
Config = namedtuple("Config", "dev_mode static_url_prefix manifest_path", defaults=(False, "", None))
DJANGO_VITE = {"default": {"manifest_path": BASE_DIR / "vite.json"}, "own": Config(manifest_path="own/manifest.json")}
WEBPACK_LOADER = {"DEFAULT": {"STATS_FILE": str(BASE_DIR / "stats.json")}, "more": {}}
OUR_MANIFEST = BASE_DIR / "staticfiles.json"
"""
    (project.base / "config/settings.py").write_text(settings + more)
    assert collect(project).code == 0
    code = "from django.contrib.staticfiles.storage import staticfiles_storage as s\nprint(*s.manifests_of_others(), sep='\\n')"
    found = project.django(code)
    here = [f"{project.base}/vite.json", "own/manifest.json", f"{project.base}/stats.json", "webpack-stats.json"]
    assert sorted(found.out.split()) == sorted(here), found.err
