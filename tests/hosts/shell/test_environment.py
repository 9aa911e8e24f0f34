"""The environment of a unit: what systemctl and environment files say of it, and that no secret passes a command line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rehearsal.hosts.properties import _quoted
from tasks.hosts.shell.remote_scripts import program
from tasks.hosts.shell.scripts import environment


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("A=b\nC = d \n", {"A": "b", "C": "d"}),
        ("# A=1\n; A=2\n\n  A=3", {"A": "3"}),
        ("A='b c' \nB=\"d 'e'\"\nC=f 'g'", {"A": "b c", "B": "d 'e'", "C": "f 'g'"}),
        ('A="b\\"c\\\\d\\$e\\f"\nB=g\\h\\ \nC="two\nlines"', {"A": 'b"c\\d$e\\f', "B": "gh ", "C": "two\nlines"}),
        ('A=one\\\ntwo\nB="three\\\nfour"', {"A": "onetwo", "B": "threefour"}),
        ("A=\nB=''\nC", {"A": "", "B": ""}),
        ("A='b'c\r\nB=d # e\r\n", {"A": "bc", "B": "d # e"}),
        ("export A=b\n1A=c\nA-B=d\nA=e=f", {"A": "e=f"}),
        ("# a comment \\\nA=b", {"A": "b"}),
        ("A='open", {"A": "open"}),
    ],
)
def test_an_environment_file_is_read_as_systemd_reads_it(text: str, values: dict[str, str]) -> None:
    assert environment.parse(text) == values


@pytest.mark.parametrize("value", ["plain", "two words", 'a"b', "a\\b", "$x `y`", "it's", "", "a=b", "ends in \\"])
def test_words_of_systemctl_are_unquoted(value: str) -> None:
    assert environment.words(f"FIRST=1 {_quoted(f'A={value}')} LAST=2") == ["FIRST=1", f"A={value}", "LAST=2"]


SYSTEMCTL = """#!/bin/sh
if test "$1" = show-environment; then
    printf '%s\\n' LANG=C.UTF-8 PATH=/systemd 'OF_ALL=$'"'"'it\\'"'"'s all'"'"'' KEPT=1
    exit
fi
test "$1 $2" = "show shop.service" || exit 9
cat <<'END'
LoadState={load}
Environment=DJANGO_SETTINGS_MODULE=shop.production "DATABASE_URL=postgres://shop:a b@db/shop" GONE=1 KEPT=2
EnvironmentFiles={folder}/shop.env (ignore_errors=no)
EnvironmentFiles={folder}/more.env (ignore_errors=yes)
UnsetEnvironment=GONE KEPT=3
RuntimeDirectory=
StateDirectory=shop shop/more
END
"""
SHOW = "import json, os, sys; print(json.dumps([sys.argv[1:], dict(os.environ)]))"


def run(folder: Path, *argv: str, load: str = "loaded") -> "subprocess.CompletedProcess[str]":
    (folder / "systemctl").write_text(SYSTEMCTL.format(folder=folder, load=load))
    (folder / "systemctl").chmod(0o755)
    command = [sys.executable, "-c", program("environment", "shop.service", "", "python"), *argv]
    return subprocess.run(command, env={"PATH": f"{folder}:/usr/bin:/bin", "OWN": "1"}, capture_output=True, text=True)


def test_a_command_has_the_environment_of_the_unit(tmp_path: Path) -> None:
    import json

    (tmp_path / "shop.env").write_text("SECRET_KEY='s3cret $x'\nDATABASE_URL=postgres://real\n")
    done = run(tmp_path, "-c", SHOW, "one", "two words")
    assert done.returncode == 0, done.stderr
    argv, found = json.loads(done.stdout)
    assert argv == ["one", "two words"]
    wanted = {
        "DJANGO_SETTINGS_MODULE": "shop.production",
        "DATABASE_URL": "postgres://real",
        "SECRET_KEY": "s3cret $x",
        "KEPT": "2",
        "OF_ALL": "it's all",
        "STATE_DIRECTORY": "/var/lib/shop:/var/lib/shop/more",
    }
    assert wanted.items() <= found.items() and found["OWN"] == "1" and not {"GONE", "RUNTIME_DIRECTORY"} & found.keys()
    assert found["PATH"].startswith(str(tmp_path))


def test_a_command_ends_with_its_own_code(tmp_path: Path) -> None:
    (tmp_path / "shop.env").touch()
    assert run(tmp_path, "-c", "raise SystemExit(7)").returncode == 7


def test_a_file_that_is_missing_or_closed_is_an_error_and_nothing_runs(tmp_path: Path) -> None:
    done = run(tmp_path, "-c", "print('ran')")
    assert (done.returncode, done.stdout) == (environment.UNREADABLE, "")
    assert f"{tmp_path}/shop.env, which the user here cannot: No such file" in done.stderr
    if os.getuid():
        (tmp_path / "shop.env").touch()
        (tmp_path / "more.env").touch(mode=0)
        assert "Permission denied" in run(tmp_path, "-c", "print('ran')").stderr


def test_without_the_unit_or_without_systemd_nothing_is_added(tmp_path: Path) -> None:
    assert "SECRET" not in run(tmp_path, "-c", SHOW, load="not-found").stdout
    (tmp_path / "systemctl").unlink()
    command = [sys.executable, "-c", program("environment", "shop.service", "", "python"), "-c", "print('ran')"]
    assert subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True).stdout == "ran\n"
