"""What the manifests of other tools name below STATIC_ROOT, each in its own format."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tasks.hosts.shell.remote_scripts import text

ASK = """\
{program}
import json, sys
from django.conf import settings
import django
from types import SimpleNamespace
asked = json.loads(sys.argv[1])
settings.configure(**asked["settings"])
django.setup()
storage = SimpleNamespace(hashed_files=asked["own"], manifests_of_others=lambda: asked["manifests"])
print(json.dumps([named(storage, asked["collected"]), named(SimpleNamespace(hashed_files=dict()), False)]))
"""
REAL = Path(__file__).parents[2] / "worlds/webpack"  # a project, and what webpack-bundle-tracker writes when webpack builds it
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates"}]
RENDER = """
import json, sys
from django.conf import settings
import django
settings.configure(**json.loads(sys.argv[1]))
django.setup()
from django.template import engines
page = "{% load render_bundle from webpack_loader %}{% render_bundle 'main' %}{% render_bundle 'admin' %}"
print(engines["django"].from_string(page).render({}))
"""
VITE = {
    "src/main.js": {"file": "a/main-x.js", "src": "src/main.js", "css": ["a/main-x.css"], "imports": ["_part.js"]},
    "_part.js": {"file": "a/part-x.js", "assets": ["a/logo-x.svg"], "dynamicImports": ["src/main.js"]},
}
WEBPACK = {
    "status": "done",
    "chunks": {"main": ["main-x.js", "main-x.js.map"], "more": [{"name": "more-x.js", "publicPath": "/static/far/more-x.js"}]},
    "assets": {
        "main-x.js": {"name": "main-x.js", "publicPath": "auto", "path": "/build/main-x.js"},
        "img/x.png": {"name": "img/x.png", "sourceFilename": "src/x.png"},
        "LICENSE": {"name": "LICENSE"},
    },
}
CSS = '<link rel="stylesheet" href="/__placeholder__/CACHE/css/output.0a.css?v=1&amp;w" type="text/css">'
COMPRESSED = {
    "57e0": CSS,
    "11aa": "<script src='/__placeholder__/CACHE/js/a%20b.0b.js' defer></script>",
    "22bb": '<style>p { background: url(/static/img/own.12.png) url("//else.example.com/static/x.png") }</style>',
}
COMPRESSOR = {"COMPRESS_URL_PLACEHOLDER": "/__placeholder__/", "COMPRESS_URL": "/static/"}
PLAIN = {
    "main.js": "/static/main.77.js?x#y",
    "icon": "https://cdn.example.com/static/i.png",
    "list": [{"it": "there.png"}, "gone.png"],
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "static").mkdir()
    return tmp_path / "static"


def ask(root: Path, *manifests: object, collected: bool = False, own: tuple[str, ...] = (), **settings: Any) -> dict[str, str]:
    paths = []
    for number, content in enumerate(manifests):
        paths.append(str(root.parent / f"manifest{number}.json"))
        Path(paths[-1]).write_text(content if isinstance(content, str) else json.dumps(content))
    known = {"STATIC_URL": "/static/", "STATIC_ROOT": str(root), **settings}
    asked = {"settings": known, "own": {name: name for name in own}, "manifests": paths, "collected": collected}
    command = [sys.executable, "-c", ASK.format(program=text("others")), json.dumps(asked)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root.parent)
    assert done.returncode == 0, done.stderr
    found, unknown = json.loads(done.stdout)
    assert unknown is None, "another storage knows no manifests"
    return dict(found)


def put(root: Path, *names: str, content: bytes = b"x") -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


def vite(root: Path, number: int = 0, **more: str) -> dict[str, Any]:
    """Return settings by which django-vite reads a manifest."""
    config = {"manifest_path": str(root.parent / f"manifest{number}.json"), **more}
    return {"INSTALLED_APPS": ["django_vite"], "DJANGO_VITE": {"default": config}}


def webpack(root: Path, **more: str) -> dict[str, Any]:
    config = {"STATS_FILE": str(root.parent / "manifest0.json"), **more}
    return {"INSTALLED_APPS": ["webpack_loader"], "WEBPACK_LOADER": {"DEFAULT": config}}


def compressor(root: Path) -> dict[str, Any]:
    storage = {"BACKEND": "compressor.storage.OfflineManifestFileStorage", "OPTIONS": {"location": str(root.parent)}}
    stock = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    return {
        "INSTALLED_APPS": ["compressor"],
        "COMPRESS_OFFLINE_MANIFEST": "manifest0.json",
        "COMPRESS_OFFLINE_MANIFEST_STORAGE_ALIAS": "compress",
        "STORAGES": {"default": stock, "staticfiles": stock, "compress": storage},
    }


def test_vite(root: Path) -> None:
    names = {"a/main-x.js", "a/main-x.css", "a/part-x.js", "a/logo-x.svg"}
    put(root, "src/main.js", "a/part-x.js", "other/a/main-x.js")
    found = ask(root, VITE, **vite(root))
    assert set(found) == names
    assert {name for name, digest in found.items() if digest} == {"a/part-x.js"}, "the missing are named too"
    assert set(ask(root, VITE, own=("a/main-x.js", "a/main-x.css"), **vite(root))) == {"a/part-x.js", "a/logo-x.svg"}
    put(root, *(f"sub/{name}" for name in names))
    assert set(ask(root, VITE, **vite(root, static_url_prefix="sub/"))) == {f"sub/{name}" for name in names}


def test_what_another_reads_by_itself_counts_where_it_is(root: Path) -> None:
    """A site's own tag may put any folder before the names."""
    put(root, "a/part-x.js", "dist/a/main-x.js")
    assert set(ask(root, VITE)) == {"a/part-x.js"}
    assert set(ask(root, VITE, WEBPACK)) == {"a/part-x.js"}


def test_two_builds_have_each_its_own_folder(root: Path) -> None:
    first, second = vite(root, 0, static_url_prefix="a"), vite(root, 1, static_url_prefix="b")
    both = {**first, "DJANGO_VITE": {**first["DJANGO_VITE"], "other": second["DJANGO_VITE"]["default"]}}
    build = {"main.js": {"file": "main.js"}}
    for _ in range(3):
        assert set(ask(root, build, build, **both)) == {"a/main.js", "b/main.js"}


def test_webpack(root: Path) -> None:
    put(root, "bundles/img/x.png", "LICENSE")
    found = ask(root, WEBPACK, **webpack(root, BUNDLE_DIR_NAME="bundles/"))
    assert set(found) == {"bundles/main-x.js", "far/more-x.js", "bundles/img/x.png"}
    assert "webpack_bundles/main-x.js" in ask(root, WEBPACK, **webpack(root))
    page = {"chunks": {}, "assets": {"t.html": {"name": "t.html", "publicPath": "/static/dist/../t.html"}}}
    assert ask(root, page, **webpack(root)) == {}, "what no chunk has may be anywhere"


@pytest.fixture(params=["stats.json", "stats-with-addresses.json"])
def stats(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return what webpack-bundle-tracker has written of a build of ours: see `REAL`."""
    return dict(json.loads((REAL / request.param).read_text()))


def test_webpack_as_it_is(root: Path, stats: dict[str, Any]) -> None:
    """Two entries with a script in common, styles, a picture, and a part that is loaded later; each with a source map."""
    served = {f"webpack_bundles/{name}" for name in stats["assets"] if not name.endswith(".map")}
    in_pages = rendered(root, stats)
    assert len(served) == 8 and len(in_pages) == 6 and in_pages < served
    assert ask(root, stats, **webpack(root)) == dict.fromkeys(in_pages, ""), "what no page asks for need not be there"
    put(root, *served)
    assert set(ask(root, stats, **webpack(root))) == served
    assert set(ask(root, {**stats, "status": "compile", "chunks": {}, "assets": {}}, **webpack(root))) == set()


@pytest.mark.long
def test_webpack_writes_it_so(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm here: apt-get install npm")
    build = shutil.copytree(REAL, tmp_path_factory.mktemp("build") / "assets", ignore=shutil.ignore_patterns("stats*"))
    done = subprocess.run([npm, "install", "--no-audit", "--no-fund"], cwd=build, capture_output=True, text=True)
    if re.search("ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|ETIMEDOUT", done.stderr):
        pytest.skip("npm reaches no registry from here")
    assert done.returncode == 0, done.stderr
    for name, more in {"stats.json": {}, "stats-with-addresses.json": {"PUBLIC_PATH": "/static/webpack_bundles/"}}.items():
        done = subprocess.run(
            ["node_modules/.bin/webpack"], cwd=build, env={**os.environ, **more}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout
        made = json.loads((build / name).read_text())
        assert shape(made) == shape(json.loads((REAL / name).read_text()))
        shutil.copytree(build / "webpack_bundles", root / "webpack_bundles", dirs_exist_ok=True)
        found = ask(root, made, **webpack(root))
        assert len(found) == 8 and all(found.values()) and rendered(root, made) < found.keys()


def shape(stats: dict[str, Any]) -> Any:
    """Return a manifest without what another version of a tool, or another folder, writes otherwise."""
    text = re.sub(r"-[0-9a-f]{20}\b", "-HASH", json.dumps(stats))
    text = re.sub(r'sha256-[^"]+', "sha256-HASH", re.sub(r'"path": "[^"]*/webpack_bundles/', '"path": "', text))
    return json.loads(text)


def rendered(root: Path, stats: dict[str, Any]) -> set[str]:
    """Return what django-webpack-loader has pages ask for, below STATIC_URL."""
    (root.parent / "manifest0.json").write_text(json.dumps(stats))
    known = {"STATIC_URL": "/static/", "STATIC_ROOT": str(root), "TEMPLATES": TEMPLATES, **webpack(root)}
    command = [sys.executable, "-c", RENDER, json.dumps(known)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root.parent)
    assert done.returncode == 0, done.stderr
    return set(re.findall(r'(?:src|href)="/static/([^"]+)"', done.stdout))


def test_compressor(root: Path) -> None:
    put(root, "CACHE/css/output.0a.css")
    found = ask(root, COMPRESSED, own=("img/own.12.png",), **COMPRESSOR, **compressor(root))
    assert set(found) == {"CACHE/css/output.0a.css", "CACHE/js/a b.0b.js"} and found["CACHE/js/a b.0b.js"] == ""
    apart = {**COMPRESSOR, "COMPRESS_URL": "https://else.example.com/"}
    put(root, "img/own.12.png")
    assert set(ask(root, COMPRESSED, **apart)) == {"img/own.12.png"}
    cdn = {**COMPRESSOR, "STATIC_URL": "https://cdn.example.com/s/", "COMPRESS_URL": "https://cdn.example.com/s/"}
    assert set(ask(root, COMPRESSED, **cdn, **compressor(root))) == set(found)


def test_code_within_a_page_names_no_files(root: Path) -> None:
    code = (
        """var base = "/static/img/", one = `/static/img/${n}.png`, two = '<link href="/static/${n}.css">'; // /static/a.css,"""
    )
    put(root, "img/1.png", "css/b.css")
    inline = {"57e0": f"<script>{code} see('/static/css/b.css')</script>"}
    assert set(ask(root, inline, **COMPRESSOR, **compressor(root))) == {"css/b.css"}


def test_any_other_manifest(root: Path) -> None:
    put(root, "there.png", "i.png", "main.77.js")
    assert set(ask(root, PLAIN)) == {"main.77.js", "there.png"}
    assert set(ask(root, ["/there.png", "/gone.png", "../x", "/../etc/passwd", "..", ""], STATIC_URL="/")) == {"there.png"}
    put(root.parent, "beside.png")
    assert ask(root, '["../beside.png", "/static/../beside.png", "/static/"]') == {}
    assert set(ask(root, PLAIN, VITE)) == {"main.77.js", "there.png"}


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        "5",
        '{"a": {"file": 5}, "chunks": 7}',
        '{"chunks": {"main": [{"file": "x"}, 5, null], "more": null, "text": "main.js"}}',
        '{"chunks": {"main": ["a.js"]}, "assets": ["b.js", null]}',
        '{"chunks": {}, "assets": {"a.js": "a.js", "b.js": {"name": 5}}}',
        '{"a": {"file": "gone.js", "css": null, "assets": 5}}',
        '["http://[abc", "/static/a\\u0000b", "a\\u0000b", "\\ud800", "/static/\\ud800", "//[x"]',
    ],
)
def test_whatever_it_holds_no_deploy_ends_by_it(root: Path, content: str) -> None:
    (root / "m").touch()  # no letter of a text is a file
    assert ask(root, content) == {}


def test_a_file_that_lacks_its_end_is_known_by_the_hashes_in_the_names(root: Path) -> None:
    def name(content: bytes) -> str:
        return f"c/o.{hashlib.sha256(content).hexdigest()[:12]}.css"

    def manifest(*names: str) -> dict[str, str]:
        return {f"{number}": f'<link rel="stylesheet" href="/static/{one}" type="text/css">' for number, one in enumerate(names)}

    whole, cut = (b"one", b"more"), b"two"
    put(root, name(cut), content=b"t")
    for content in whole:
        put(root, name(content), content=content)
    names = [name(content) for content in (*whole, cut)]
    assert ask(root, manifest(*names), **compressor(root)) == {one: one[4:16] for one in names}
    digest = {"c/p.000000000000.css": hashlib.md5(b"one").hexdigest()}
    put(root, *digest, content=b"one")
    assert ask(root, manifest(*digest), **compressor(root)) == digest, "these names are no hashes of the content"


def test_hashes_of_other_tools_are_not_taken_for_those_of_the_content(root: Path) -> None:
    """webpack names a script by a hash of its own, and an image, by a loader, by the MD5 of its content."""
    image = f"{hashlib.md5(b'image').hexdigest()}.png"
    put(root, image, content=b"image")
    put(root, "main.0123456789ab.js", content=b"script")
    found = ask(root, {"chunks": {"main": ["main.0123456789ab.js", image]}}, **webpack(root, BUNDLE_DIR_NAME=""))
    assert found == {image: hashlib.md5(b"image").hexdigest(), "main.0123456789ab.js": hashlib.md5(b"script").hexdigest()}


def test_the_sources_tell_what_was_to_be_collected(root: Path) -> None:
    put(root.parent / "build", "a.js", content=b"whole")
    put(root, "a.js", "b.js", content=b"who")
    more = {"INSTALLED_APPS": ["django.contrib.staticfiles"], "STATICFILES_DIRS": [str(root.parent / "build")]}
    cut, whole = (hashlib.md5(content).hexdigest() for content in (b"who", b"whole"))
    assert ask(root, ["a.js", "b.js"], collected=True, **more) == {"a.js": whole, "b.js": cut}
    assert ask(root, ["a.js", "b.js"], **more) == {"a.js": cut, "b.js": cut}
