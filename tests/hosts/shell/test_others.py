"""What the manifests of other tools name below STATIC_ROOT, each in its own format."""

import hashlib
import json
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


def test_vite(root: Path) -> None:
    names = {"a/main-x.js", "a/main-x.css", "a/part-x.js", "a/logo-x.svg"}
    put(root, "src/main.js", "a/part-x.js", "other/a/main-x.js")
    found = ask(root, VITE)
    assert set(found) == names
    assert {name for name, digest in found.items() if digest} == {"a/part-x.js"}, "the missing are named too"
    put(root, *(f"sub/{name}" for name in names))
    vite = {"default": {"static_url_prefix": ""}, "second": {"static_url_prefix": "sub/"}}
    assert set(ask(root, VITE, DJANGO_VITE=vite)) == {f"sub/{name}" for name in names}
    assert set(ask(root, VITE, own=("a/main-x.js", "a/main-x.css"))) == {"a/part-x.js", "a/logo-x.svg"}


def test_webpack(root: Path) -> None:
    put(root, "bundles/img/x.png", "LICENSE")
    loader = {"DEFAULT": {"BUNDLE_DIR_NAME": "bundles/"}}
    (root.parent / "webpack_loader").mkdir()
    (root.parent / "webpack_loader/__init__.py").touch()
    found = ask(root, WEBPACK, WEBPACK_LOADER=loader, INSTALLED_APPS=["webpack_loader"])
    assert set(found) == {"bundles/main-x.js", "far/more-x.js", "bundles/img/x.png"}
    put(root, "webpack_bundles/main-x.js")
    assert "webpack_bundles/main-x.js" in ask(root, WEBPACK, INSTALLED_APPS=["webpack_loader"])


def test_compressor(root: Path) -> None:
    put(root, "CACHE/css/output.0a.css")
    found = ask(root, COMPRESSED, own=("img/own.12.png",), **COMPRESSOR)
    assert set(found) == {"CACHE/css/output.0a.css", "CACHE/js/a b.0b.js"} and found["CACHE/js/a b.0b.js"] == ""
    apart = {**COMPRESSOR, "COMPRESS_URL": "https://else.example.com/"}
    assert set(ask(root, COMPRESSED, **apart)) == {"img/own.12.png"}
    cdn = {**COMPRESSOR, "STATIC_URL": "https://cdn.example.com/s/", "COMPRESS_URL": "https://cdn.example.com/s/"}
    assert set(ask(root, COMPRESSED, **cdn)) == set(found)


def test_any_other_manifest(root: Path) -> None:
    put(root, "there.png", "i.png")
    assert set(ask(root, PLAIN)) == {"main.77.js", "there.png"}
    assert set(ask(root, ["/there.png", "/gone.png", "../x", "/../etc/passwd", "..", ""], STATIC_URL="/")) == {"there.png"}
    put(root.parent, "beside.png")
    for content in ("{", "[]", "5", '{"a": {"file": 5}, "chunks": 7}', '["../beside.png", "/static/../beside.png", "/static/"]'):
        assert ask(root, content) == {}
    assert set(ask(root, PLAIN, VITE)) == {"main.77.js", "there.png", *ask(root, VITE)}


@pytest.mark.parametrize("kind", ["md5", "sha256"])
def test_a_file_that_lacks_its_end_is_known_by_the_hashes_in_the_names(root: Path, kind: str) -> None:
    def name(content: bytes) -> str:
        return f"c/o.{hashlib.new(kind, content).hexdigest()[:12]}.css"

    put(root, name(b"one"), content=b"one")
    put(root, name(b"two"), content=b"t")
    found = ask(root, [f"/static/{name(b'one')}", f"/static/{name(b'two')}"])
    assert found == {name(one): name(one)[4:16] for one in (b"one", b"two")}
    own = {"c/p.000000000000.css": hashlib.md5(b"one").hexdigest()}
    put(root, *own, content=b"one")
    assert ask(root, [f"/static/{name}" for name in own]) == own, "these names are no hashes of the content"


def test_the_sources_tell_what_was_to_be_collected(root: Path) -> None:
    put(root.parent / "build", "a.js", content=b"whole")
    put(root, "a.js", "b.js", content=b"who")
    more = {"INSTALLED_APPS": ["django.contrib.staticfiles"], "STATICFILES_DIRS": [str(root.parent / "build")]}
    cut, whole = (hashlib.md5(content).hexdigest() for content in (b"who", b"whole"))
    assert ask(root, ["a.js", "b.js"], collected=True, **more) == {"a.js": whole, "b.js": cut}
    assert ask(root, ["a.js", "b.js"], **more) == {"a.js": cut, "b.js": cut}
