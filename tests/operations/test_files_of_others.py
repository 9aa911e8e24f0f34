"""Files that the manifests of other tools name, as all files of a release.

With the real django-compressor, django-vite and django-webpack-loader.
"""

import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.errors import DeployError
from tasks.operations.check_static import check_static
from tasks.operations.deploy import deploy_release
from tasks.operations.invalidate import invalidate
from tasks.operations.prune_static import prune_static
from tasks.operations.restart_all import restart_fleet
from tasks.operations.warm_cdn import warm_cdn
from tests.worlds.shipping_world import Static, cdn, fast, get, world_in
from tests.worlds.shop_looks import static_names
from tests.worlds.shop_world import ShopWorld, credentials

PACKAGES = ("compressor", "appconf", "rcssmin", "rjsmin", "django_vite", "webpack_loader")
SPECS = [importlib.util.find_spec(package) for package in PACKAGES]
pytestmark = pytest.mark.long
SETTINGS = """
INSTALLED_APPS += ["compressor", "django_vite", "webpack_loader"]
COMPRESS_ENABLED = COMPRESS_OFFLINE = True
COMPRESS_ROOT, COMPRESS_URL = STATIC_ROOT, STATIC_URL
COMPRESS_OFFLINE_MANIFEST_STORAGE_ALIAS = "compress"
STORAGES["compress"] = {"BACKEND": "compressor.storage.OfflineManifestFileStorage", "OPTIONS": {"location": BASE_DIR}}
STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "django.contrib.staticfiles.finders.FileSystemFinder", "compressor.finders.CompressorFinder"]
STATICFILES_DIRS = [BASE_DIR / "assets"]
DJANGO_VITE = {"default": {"manifest_path": BASE_DIR / "assets/vite/manifest.json", "static_url_prefix": "vite"}}
WEBPACK_LOADER = {"DEFAULT": {"STATS_FILE": str(BASE_DIR / "webpack-stats.json"), "BUNDLE_DIR_NAME": "packed/"}}
"""
STATS = (Path(__file__).parents[1] / "worlds/webpack/stats.json").read_text()  # of a real build
HEAD = """{% load compress django_vite %}{% vite_asset 'main.js' %}
{% load render_bundle from webpack_loader %}{% render_bundle 'main' %}
{% compress css %}<link rel="stylesheet" href="{% static 'shop/css/shop.css' %}"><style>p { margin: WIDTH }</style>
{% endcompress %}
{% compress js %}<script>console.log("the same in all releases");</script>{% endcompress %}</head>"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopWorld]:
    with world_in(tmp_path_factory, web=1) as running:
        for disk in (running.disk(), running.disk(running.cloud.members()[0])):
            packages = next((disk / "venv/lib").glob("python*/site-packages"))
            paths = {str(Path(spec.origin or "").parents["__init__" in str(spec.origin)]) for spec in SPECS if spec}
            (packages / "others.pth").write_text("\n".join(paths))
        with pytest.MonkeyPatch.context() as patch:
            credentials(patch)
            deploy(running, running.v1, "true")  # so that the web instance's release is archived
        yield running


@pytest.fixture(scope="module")
def static(world: ShopWorld) -> Iterator[Static]:
    with cdn(world) as section:
        yield section


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


def release(world: ShopWorld, name: str, part: str = "1") -> str:
    """Commit a release whose styles are its own, as is its script `main`; `part` is a chunk that others may have too."""
    app = world.disk() / "app"
    base = (app / "shop/templates/shop/base.html").read_text().partition("{% load compress")
    head = HEAD.replace("WIDTH", f"{len(name)}px")
    manifest = {
        "main.js": {"file": f"main-{name}.js", "isEntry": True, "src": "main.js", "imports": ["_part.js"]},
        "_part.js": {"file": f"part-{part}.js"},
    }
    settings = (app / "config/settings.py").read_text().partition("\nINSTALLED_APPS += ")[0]
    files = {
        "config/settings.py": settings + SETTINGS,
        "shop/templates/shop/base.html": (base[0] + head + BODY) if base[1] else base[0].replace("</head>", head),
        "assets/vite/manifest.json": json.dumps(manifest),
        f"assets/vite/main-{name}.js": f"import './part-{part}.js';\n",
        f"assets/vite/part-{part}.js": f"export const part = {part};\n" * 40,
        **packed(name, part),
    }
    return world.commit(files)


def packed(name: str, part: str) -> dict[str, str]:
    """Return what webpack builds: scripts and styles of an entry are of a release, all else is as `part`."""
    stats = re.sub(
        r"((?:main|admin)?)(-?)\b[0-9a-f]{20}\b", lambda match: f"{match[1]}{match[2]}{name if match[1] else part}", STATS
    )
    files = {f"assets/packed/{one}": f"/* {one} */\n" for one in json.loads(stats)["assets"]}
    return {"webpack-stats.json": stats, **files}


BODY = """
<body><main>{% block content %}{% endblock %}</main></body></html>"""


def deploy(world: ShopWorld, revision: str, step: str = "python manage.py compress") -> set[str]:
    world.publish(revision)
    return set(deploy_release(fast(world, app={"after_collectstatic": (step,)}), None).added)


def of_others(names: set[str]) -> set[str]:
    return {
        name for name in names if name.startswith("CACHE/") or (name.startswith(("vite/", "packed/")) and name.count(".") == 1)
    }


def test_they_are_verified_warmed_and_pruned_as_those_of_the_own_manifest(world: ShopWorld, static: Static) -> None:
    first = of_others(deploy(world, release(world, "one")))
    assert {name for name in first if name.startswith("vite/")} == {"vite/main-one.js", "vite/part-1.js"}
    assert {name for name in first if name.startswith("packed/")} == {
        *(f"packed/{entry}-one.{kind}" for entry in ("main", "admin") for kind in ("js", "css")),
        *("packed/runtime-1.js", "packed/shared-1.js", "packed/69-1.js", "packed/img/logo-1.svg"),
    }
    assert sorted(Path(name).suffix for name in first if name.startswith("CACHE/")) == [".css", ".js"]
    second = of_others(deploy(world, release(world, "other")))
    assert {Path(name).parts[0] + Path(name).suffix for name in second} == {"CACHE.css", "vite.js", "packed.js", "packed.css"}
    assert len(second) == 6

    restart_fleet(fast(world), tuple(second))
    style = min(name for name in second if name.endswith(".css"))
    file = world.shared / "static" / style
    whole = file.read_bytes()
    try:
        file.unlink()
        with pytest.raises(DeployError, match=rf"/static/{style} \("):
            check_static(fast(world, static=static))
        assert get(static, f"/static/{style}")[0] >= 400
        file.write_bytes(whole)
        assert get(static, f"/static/{style}")[0] >= 400, "the CDN has the error in its cache"
        invalidate(fast(world, static=static))
        # On a busy machine the CDN may have answered others with an error, too.
        assert f"/static/{style}: " in world.printed and "paths: Completed" in world.printed
    finally:
        file.write_bytes(whole)
    assert get(static, f"/static/{style}")[0] == 200
    warm_cdn(fast(world, static=static))
    assert get(static, "/static/vite/main-other.js") == (200, "Hit from cloudfront")
    check_static(fast(world, static=static))
    assert "all are served everywhere, with the right bytes" in world.printed

    before = static_names(world)
    prune_static(fast(world, static={"keep_releases": 1, "grace": 0}))
    gone = before - static_names(world)
    # The second release names the chunks and the script of the first one too.
    assert of_others(gone) == first - {name for name in first if "-1." in name} - {
        name for name in first if name.endswith(".js") and "CACHE" in name
    }
    check_static(fast(world, static=static))
    prune_static(fast(world, static={"keep_releases": 1, "grace": 0}))
    assert "0 retired; 0 files" in world.printed


def test_what_was_cut_short_on_the_disk_stops_a_deploy(world: ShopWorld) -> None:
    revision = release(world, "thirdly", part="3")
    names = {path.rpartition(".")[2]: path for path in of_others(deploy(world, revision)) if path.startswith("CACHE/")}
    for name in (names["css"], "vite/part-3.js", "packed/shared-3.js"):
        file = world.shared / "static" / name
        whole = file.read_bytes()
        file.write_bytes(whole[:-3])
        with pytest.raises(DeployError, match=rf"{name} \(its bytes are not those of this release"):
            deploy(world, revision, "true")
        if not name.startswith("CACHE/"):
            file.unlink()  # collectstatic compares times
        deploy(world, revision)
        assert file.read_bytes() == whole


def test_a_release_that_an_earlier_version_archived_keeps_them_all(world: ShopWorld) -> None:
    """Nobody knows which of them it needs."""
    archived = deploy(world, release(world, "fourth", part="4")) and sorted(
        (world.disk() / ".static.releases").glob("*.others"), key=lambda path: path.stat().st_mtime
    )
    last, content = archived[-1], archived[-1].read_bytes()
    before = static_names(world)
    last.unlink()
    prune_static(fast(world, static={"keep_releases": 1, "grace": 0}))
    assert f"it is not known what these releases need of it: {last.stem[:12]}" in world.printed
    assert not of_others(before - static_names(world))
    last.write_bytes(content)
    prune_static(fast(world, static={"keep_releases": 1, "grace": 0}))
    assert "vite/part-3.js" in before - static_names(world) and "vite/part-4.js" in static_names(world)
