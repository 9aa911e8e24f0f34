"""The golden image's cache: a layer gets its name when it is whole, two builders make one, old ones go unless they are in use."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from rehearsal.hosts.machines import golden, image_files
from tests.rehearsal.hosts.machines_support import ROOT


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RAMPED_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def layer(key: str, text: str = "whole") -> Path:
    return golden._layer("test", key, lambda root: Path(root / "file").write_text(text) and None, lambda line: None)


def names(cache: Path) -> set[str]:
    return {path.name for path in cache.iterdir() if path.is_dir()}


def test_a_layer_is_built_once(cache: Path) -> None:
    assert (layer("one") / "file").read_text() == "whole"
    assert (layer("one", "another") / "file").read_text() == "whole"
    assert names(cache) == {"test-one"}


def test_a_builder_that_fails_or_dies_leaves_no_layer_and_the_next_cleans_up(cache: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        golden._layer("test", "one", lambda root: 1 // 0 and None, lambda line: None)
    slow = "import sys, time; from rehearsal.hosts.machines import golden\n"
    slow += "build = lambda root: (print('building', flush=True), time.sleep(600))\n"
    slow += "golden._layer('test', 'one', build, lambda line: None)"
    with subprocess.Popen([sys.executable, "-c", slow], cwd=ROOT, env=os.environ, stdout=subprocess.PIPE, text=True) as builder:
        assert builder.stdout and builder.stdout.readline() == "building\n"
        assert [name for name in names(cache) if not name.startswith("test.partial-")] == []
        builder.send_signal(signal.SIGKILL)
    assert (layer("one") / "file").read_text() == "whole"
    assert names(cache) == {"test-one"}


def test_of_two_builders_the_second_takes_what_the_first_has_made(cache: Path) -> None:
    built: list[int] = []
    began, go_on = threading.Event(), threading.Event()

    def build(root: Path) -> None:
        built.append(1)
        began.set()
        assert go_on.wait(60)

    threads = [threading.Thread(target=golden._layer, args=("test", "one", build, lambda line: None)) for _ in range(2)]
    threads[0].start()
    assert began.wait(60)
    threads[1].start()
    go_on.set()
    for thread in threads:
        thread.join(60)
    assert built == [1] and names(cache) == {"test-one"}


def test_the_layers_used_longest_ago_go_unless_somebody_has_them(cache: Path) -> None:
    with golden.in_use(layer("used")):
        for number in range(golden.KEPT + 2):
            made = layer(f"n{number}")
            os.utime(made.parent, (number, number))
        layer("newest")
        assert names(cache) == {"test-used", "test-newest", "test-n4"}
        os.utime(cache / "test-used", (0, 0))
        layer("newer")
        assert names(cache) == {"test-used", "test-newest", "test-n4", "test-newer"}
    layer("newer")
    assert names(cache) == {"test-newest", "test-n4", "test-newer"}


def test_what_is_changed_gives_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    base, venv = image_files.base_key("bookworm"), image_files.venv_key("base")
    assert image_files.base_key("trixie") != base and image_files.venv_key("other") != venv
    monkeypatch.setattr(image_files, "PACKAGES", (*image_files.PACKAGES, "less"))
    monkeypatch.setattr(image_files, "WHEELS", ("django",))
    assert image_files.base_key("bookworm") != base and image_files.venv_key("base") != venv


def test_the_settings_are_our_snippets_with_the_names_changed(tmp_path: Path) -> None:
    disk = golden.write_settings(tmp_path / "settings")
    site = (disk / "etc/nginx/conf.d/site.conf").read_text()
    assert site.count("server_name shop.example.com;") == 1 and "www.example.com" not in site
    assert (disk / "etc/sudoers.d/ramped").stat().st_mode & 0o777 == 0o440
    assert (disk / "etc/systemd/system/multi-user.target.wants/gunicorn.service").is_symlink()
    with pytest.raises(ValueError, match=r"settings_snippets/nginx/site\.conf: there is no 'moon' to change"):
        image_files._snippet("nginx/site.conf", {"moon": "sun"})


def test_the_cache_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAMPED_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert golden.cache() == Path("/somewhere/ramped")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert golden.cache().parts[-2:] == (".cache", "ramped")
