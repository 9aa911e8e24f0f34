"""`ramped-whole`: an image with files that are empty is told from one that is whole."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.settings_snippets.project import SNIPPETS

PROGRAM = SNIPPETS / "systemd/ramped-whole"


def run(root: Path, verb: str) -> tuple[int, str]:
    done = subprocess.run([sys.executable, str(PROGRAM), verb, "--root", str(root)], capture_output=True, text=True)
    assert done.stderr == ""
    return done.returncode, done.stdout


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {
        "etc/ramped/image.conf": "# ours\nunit gunicorn.service\nwhole /srv/shop/app\nwhole /srv/shop/venv/\n",
        "srv/shop/app/page.html": "<p>",
        "srv/shop/app/__init__.py": "",
        "srv/shop/app/__pycache__/x.pyc": "x",
        "srv/shop/venv/lib/a.py": "a",
        "srv/shop/other": "not looked at",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "srv/shop/app/link").symlink_to("nowhere")
    assert run(tmp_path, "record") == (0, "")
    return tmp_path


def test_a_whole_image_is_whole_whatever_else_changes(root: Path) -> None:
    (root / "srv/shop/app/page.html").write_text("<p>more")
    (root / "srv/shop/app/__pycache__/x.pyc").unlink()
    (root / "srv/shop/other").write_text("")
    assert run(root, "check") == (0, "")


@pytest.mark.parametrize("how", ["empty", "missing"])
@pytest.mark.parametrize("name", ["srv/shop/app/page.html", "srv/shop/venv/lib/a.py"])
def test_a_file_that_has_lost_its_content_is_named(root: Path, name: str, how: str) -> None:
    if how == "empty":
        (root / name).write_bytes(b"")
    else:
        (root / name).unlink()
    assert run(root, "check") == (1, f"ramped: this image is damaged: 1 files are empty or missing, such as /{name}\n")


@pytest.mark.parametrize("name", ["a\nand no more", "a\u2028b", "a\x0b", "\udcff", "a\r", " ", "a\x1b[31m"])
def test_odd_names_are_names(root: Path, name: str) -> None:
    odd = root / "srv/shop/app" / name
    odd.write_text("x")
    assert run(root, "record") == run(root, "check") == (0, "")
    odd.write_text("")
    code, says = run(root, "check")
    assert code == 1 and len(says.splitlines()) == 1 and says[:-1].isprintable() and "1 files are empty" in says


def test_a_folder_that_is_not_there_is_no_whole_one(root: Path) -> None:
    with (root / "etc/ramped/image.conf").open("a") as file:
        file.write("whole = /srv/shop/ap\n")
    done = subprocess.run([sys.executable, str(PROGRAM), "record", "--root", str(root)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "ramped-whole: /srv/shop/ap of image.conf is no folder\n")


@pytest.mark.parametrize("text", [None, "", "srv/shop/app/page.html\0", "srv/shop/app/page.html\nand no more\n"])
def test_a_list_that_was_not_flushed_is_no_list(root: Path, text: str | None) -> None:
    path = root / "var/lib/ramped/files"
    path.unlink()
    if text is not None:
        path.write_text(text)
    says = "ramped: this image is damaged: /var/lib/ramped/files is not whole, or ramped-image did not make it\n"
    assert run(root, "check") == (1, says)


def test_where_nothing_is_to_be_looked_at_nothing_is(tmp_path: Path) -> None:
    assert run(tmp_path, "record") == run(tmp_path, "check") == (0, "")
