import ast
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.hosts.shell import commands, remote_scripts
from tasks.hosts.shell.remote_scripts import program
from tasks.settings.model import App

APP = App(directory="app", services=("shop.service",), domain="shop.example.com", health_path="/health/")
ABSOLUTE = App(
    directory="/srv/my shop/",
    virtualenv="/srv/venv",
    manage="src/manage.py",
    requirements=("base.txt", "more reqs.txt"),
    services=("shop.service",),
    domain="shop.example.com",
    health_path="/health/",
)


@pytest.mark.parametrize(
    ("path", "quoted"),
    [
        ("app", "~/app"),
        ("~/app", "~/app"),
        ("my app", "~/'my app'"),
        ("/srv/app", "/srv/app"),
        ("/srv/my app", "'/srv/my app'"),
        ("$(reboot)", "~/'$(reboot)'"),
    ],
)
def test_paths(path: str, quoted: str) -> None:
    assert commands.home(path) == quoted


def parts(command: str) -> tuple[str, list[str]]:
    """Return the folder of a command and the words after the program that gives it the unit's environment."""
    folder, _, run = command.partition(" && ")
    interpreter, dash, text, *rest = shlex.split(run)
    assert interpreter.endswith("/bin/python") and dash == "-c" and text == program("environment", "shop.service", "", "python")
    return folder, rest


def test_manage() -> None:
    there = ["manage.py", "migrate", "--plan", "--no-color", "--database", "a"]
    assert parts(commands.migrate_plan(APP, "a")) == ("cd ~/app", there)
    there = ["manage.py", "migraterolling", "--noinput", "--no-color", "--database", "a"]
    assert parts(commands.migrate(APP, "a")) == ("cd ~/app", there)
    assert parts(commands.migrate(replace(APP, check_migrations=False), "a"))[1][1] == "migrate"
    there = ["src/manage.py", "collectstatic", "--noinput", "--no-color"]
    assert parts(commands.collectstatic(ABSOLUTE)) == ("cd '/srv/my shop/'", there)


def test_manifest() -> None:
    command = commands.manifest(APP, "/home/me/app/.git", "abc", archive=True, built=False)
    _, (*rest, script) = parts(command)
    assert rest == ["manage.py", "shell", "-v", "0", "-c"]
    kept = "'ramped-manifest:', '/home/me/app/.git/ramped/abc.before.json'"
    assert script.endswith(f"\nmain({kept}, False, 'abc', '')")
    _, (*_, script) = parts(commands.manifest(APP, "/home/me/app/.git", "abc"))
    assert script.endswith(f"\nmain({kept}, False, '', {remote_scripts.text('others')!r})")
    _, (*rest, script) = parts(commands.before_release(APP, "/home/me/app/.git", "abc"))
    assert rest == ["manage.py", "shell", "-v", "0", "-c"]
    site, databases, manifest = ast.literal_eval(script.removeprefix("for script in ").removesuffix(": exec(script, {})"))
    assert site.endswith("\nmain('ramped-site:')") and databases.endswith("\nmain('ramped-serving:')")
    assert manifest.endswith(f"\nmain({kept}, True, '', {remote_scripts.text('others')!r})")


def test_a_command_of_the_project_has_the_environment_of_the_service() -> None:
    folder, _, run = commands.own(APP, "npm ci && npm run 'it'").partition(" && ")
    *_, text, command = shlex.split(run)
    assert (folder, command) == ("cd ~/app", "npm ci && npm run 'it'")
    assert text.endswith("\nmain('shop.service', '', 'shell')")


def test_what_was_installed() -> None:
    assert commands.installed_hash(APP) == "cat ~/venv/.ramped-requirements 2>/dev/null || true"
    assert commands.record_installed(APP, "abc") == (
        "printf '%s\\n' abc > ~/venv/.ramped-requirements.new"
        " && mv -f ~/venv/.ramped-requirements.new ~/venv/.ramped-requirements"
    )
    command = commands.dependencies(ABSOLUTE)
    assert command.startswith("cd '/srv/my shop/' && /srv/venv/bin/python -c '")
    assert shlex.split(command)[-1].endswith("main(['base.txt', 'more reqs.txt'], [])")


def test_the_revision() -> None:
    assert commands.record_revision(APP, "abc") == (
        "printf '%s\\n' abc > ~/app/REVISION.new && mv -f ~/app/REVISION.new ~/app/REVISION"
    )
    assert commands.recorded_revision(ABSOLUTE) == "cat '/srv/my shop/REVISION' 2>/dev/null || true"


def test_systemd() -> None:
    assert commands.systemctl("restart", "shop.service") == "sudo -n systemctl restart shop.service"
    assert commands.systemctl("restart", "a; reboot") == "sudo -n systemctl restart 'a; reboot'"
    assert commands.restart("shop.service") == (
        "sudo -n systemctl reset-failed shop.service 2>/dev/null; sudo -n systemctl restart shop.service"
    )
    assert commands.show("shop.service", ("ExecStart", "TriggeredBy")) == (
        "systemctl show shop.service --property=ExecStart,TriggeredBy"
    )


def test_journal() -> None:
    ask = "journalctl -u shop.service -n 40 --no-pager"
    assert commands.journal("shop.service") == (
        f"if command -v journalctl >/dev/null; then sudo -n {ask} 2>/dev/null || {ask} 2>/dev/null || true; fi"
    )


def test_missing() -> None:
    assert commands.missing(APP) == (
        "git -C ~/app rev-parse --git-dir >/dev/null 2>&1 || echo checkout; "
        "test -x ~/venv/bin/python || echo virtualenv; test -f ~/app/manage.py || echo manage"
    )


def test_a_locked_command_waits_for_the_one_before(tmp_path: Path) -> None:
    app = App(directory=str(tmp_path), services=("a.service",), domain="a.example", health_path="/")
    assert commands.locked(app, "echo 'it is'") == f"""flock -o -E 75 -w 600 {tmp_path} sh -c 'echo '"'"'it is'"'"''"""
    holder = subprocess.Popen(["flock", str(tmp_path), "sh", "-c", "echo held; read end"], stdin=-1, stdout=-1, text=True)
    assert holder.stdin and holder.stdout
    with holder:
        assert holder.stdout.readline() == "held\n"
        busy = subprocess.run(["sh", "-c", commands.locked(app, "echo done", wait=0)], capture_output=True, text=True)
        assert (busy.returncode, busy.stdout) == (commands.BUSY, "")
        holder.stdin.write("end\n")
    free = subprocess.run(["sh", "-c", commands.locked(app, "echo done", wait=0)], capture_output=True, text=True)
    assert (free.returncode, free.stdout) == (0, "done\n")


def test_a_record_is_never_half_written(tmp_path: Path) -> None:
    path = tmp_path / "a file"
    for text in ("one", "two 'quoted'"):
        subprocess.run(["sh", "-c", commands.record(str(path), text)], check=True)
        assert path.read_text() == f"{text}\n"
    assert list(tmp_path.iterdir()) == [path]
