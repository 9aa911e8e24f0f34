"""What a site says about itself: where it looks for REVISION, and which of its data is on this machine alone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.hosts.shell.remote_scripts import text
from tasks.hosts.shell.scripts import site

ASK = """\
{program}
from django.conf import settings
settings.configure(**json.loads(sys.argv[1]))
import django
django.setup()
here, sys.argv[0] = {here!r}, "backend/manage.py"
print(json.dumps([base_of(here, top_of(here)), sorted(what for what, path in stored() if local(path, top_of(here), here))]))
"""
SQLITE = "django.db.backends.sqlite3"


@pytest.mark.parametrize(
    ("values", "base", "alone"),
    [
        ({}, "backend", []),
        ({"BASE_DIR": "TOP"}, ".", []),
        ({"BASE_DIR": "TOP/backend"}, "backend", []),
        ({"BASE_DIR": "/elsewhere"}, ".", []),
        ({"MEDIA_ROOT": "TOP/media", "DATABASES": {"default": {"ENGINE": SQLITE, "NAME": "TOP/db.sqlite3"}}}, "backend",
         ["MEDIA_ROOT", "the database default"]),
        ({"MEDIA_ROOT": "/srv/media", "DATABASES": {"default": {"ENGINE": SQLITE, "NAME": ":memory:"}}}, "backend", []),
    ],
)  # fmt: skip
def test_what_a_site_says(tmp_path: Path, values: dict[str, object], base: str, alone: list[str]) -> None:
    (tmp_path / ".git").mkdir()
    asked = json.dumps({"SECRET_KEY": "x", **values}).replace("TOP", str(tmp_path))
    script = ASK.format(program=text("site"), here=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", script, asked], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [base, alone]


def test_what_shares_no_disk_with_the_static_files_is_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "app/.git").mkdir(parents=True)
    (tmp_path / "app/backend").mkdir()
    top = site.top_of(str(tmp_path / "app/backend"))
    assert top == str(tmp_path / "app") and site.top_of(str(tmp_path)) == str(tmp_path)
    media, static = str(tmp_path / "media/not/there"), str(tmp_path / "static")
    assert not site.local(media, top, static) and site.local(f"{top}/media", top, static)
    # /proc is another file system on every machine.
    assert site.local(media, top, "/proc/static") and not site.local("/proc/media", top, "/proc/static")
