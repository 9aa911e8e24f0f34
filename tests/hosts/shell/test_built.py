"""What a project's own commands leave in a checkout: known as theirs until somebody edits it."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasks.hosts.shell.installation import TOOLS, building, called, installation
from tasks.hosts.shell.remote_scripts import program
from tasks.hosts.shell.scripts.dependencies import known

Checkout = Callable[[str], str]


def test_npm_s_installation_is_called_so_and_a_project_s_command_as_it_is() -> None:
    own = ["make css", "npm ci"]
    assert [called(command) for command in (*building(npm=True), *own)] == [
        "npm ci, if package-lock.json has changed",
        "npm run build",
        *own,
    ]


@pytest.fixture
def repo(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "sub").mkdir()
    for name in ("site.css", "edited.css", "gone.css", "sub/a.txt"):
        (tmp_path / name).write_text(f"{name}\n")
    (tmp_path / ".gitignore").write_text("node_modules/\n")
    for words in (["init", "-qb", "main"], ["add", "."], ["commit", "-qm", "one"]):
        git(tmp_path, *words)
    yield tmp_path


def git(at: Path, *words: str) -> str:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    return subprocess.run(["git", *who, *words], cwd=at, check=True, capture_output=True, text=True).stdout.strip()


def built(repo: Path, action: str, sha: str = "abc") -> list[str]:
    script = program("built", action, str(repo / ".git/ramped"), sha)
    # From a folder of the checkout, as with a site in one.
    command = [sys.executable, "-c", script]
    return subprocess.run(command, cwd=repo / "sub", check=True, stdout=subprocess.PIPE, text=True).stdout.split("\0")


def test_what_was_built_is_known_until_it_is_edited_and_is_undone(repo: Path) -> None:
    (repo / "notes.txt").write_text("of the operator\n")
    built(repo, "begin")
    assert (repo / ".git/ramped/checkout").read_text() == "abc"
    (repo / "site.css").write_text("built")
    (repo / "edited.css").write_text("built")
    (repo / "gone.css").unlink()
    for folder in ("dist", "node_modules"):
        (repo / folder).mkdir()
        (repo / folder / "app.js").write_text("built")
    built(repo, "end")
    assert not (repo / ".git/ramped/checkout").exists()
    assert built(repo, "show") == ["dist/", "edited.css", "gone.css", "site.css"]

    (repo / "edited.css").write_text("by hand")
    (repo / "dist/own.js").write_text("kept")
    assert "edited.css" not in built(repo, "show")

    # The next release has what was built before.
    git(repo, "branch", "-q", "next")
    work = repo.parent / f"{repo.name}-next"
    git(repo, "worktree", "add", "-q", str(work), "next")
    (work / "dist").mkdir()
    (work / "dist/app.js").write_text("committed\n")
    git(work, "add", ".")
    git(work, "commit", "-qm", "two")
    sha = git(work, "rev-parse", "HEAD")
    built(repo, "restore", sha)
    assert git(repo, "diff", "--name-only") == "edited.css"
    assert (repo / "gone.css").exists() and (repo / "notes.txt").exists() and (repo / "dist/own.js").exists()
    git(repo, "checkout", "-q", "--detach", sha)
    assert (repo / "dist/app.js").read_text() == "committed\n" and built(repo, "show") == [""]


@pytest.mark.parametrize(
    ("files", "tool", "missing"),
    [
        ({"requirements.txt": "django"}, "pip", []),
        ({"requirements.txt": "django", "uv.lock": "", "pyproject.toml": ""}, "pip", []),
        *(({lock: "-r x\n", "pyproject.toml": ""}, tool, []) for lock, tool in (("uv.lock", "uv"), ("poetry.lock", "poetry"))),
        *(({lock: ""}, tool, []) for lock, tool in (("pdm.lock", "pdm"), ("Pipfile.lock", "pipenv"))),
        ({"pyproject.toml": ""}, "pip", ["requirements.txt"]),
    ],
)
def test_a_checkout_says_by_what_it_is_installed(tmp_path: Path, files: dict[str, str], tool: str, missing: list[str]) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    found = known(["requirements.txt"], [], str(tmp_path))
    assert (found["tool"], found["missing"], found["npm"]) == (tool, missing, False)
    assert known([], [], str(tmp_path))["tool"] == ""
    own = known(["requirements.txt"], ["make install"], str(tmp_path))
    assert (own["tool"], own["missing"]) == ("", [])
    digests = [found["digest"], own["digest"]]
    for name in files:
        with (tmp_path / name).open("a") as file:
            file.write("# changed\n")
    # A file that does not matter to pip changes nothing for it.
    after = known(["requirements.txt"], [], str(tmp_path)), known(["requirements.txt"], ["make install"], str(tmp_path))
    assert digests[1] != after[1]["digest"] and (digests[0] == after[0]["digest"]) == bool(missing)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (b"-e .\n", "pyproject.toml"),
        (b".[prod]  # the site itself\n", "setup.cfg"),
        (b"--editable ./lib\n", "lib/setup.py"),
        (b"./wheels/a-1.0-py3-none-any.whl ; python_version > '3'\n", "wheels/a-1.0-py3-none-any.whl"),
        (b"-r 'more packages.txt'\n", "more packages.txt"),
        ("-r more.txt\n".encode("utf-16"), "more.txt"),
        ("# für alle\n-c more.txt\n".encode("latin-1"), "more.txt"),
    ],
)
def test_what_pip_reads_counts(tmp_path: Path, text: bytes, name: str) -> None:
    """Else a package that only pyproject.toml names anew is not installed, or its encoding ends the deploy."""
    (tmp_path / "requirements.txt").write_bytes(text + b"-r ${LISTS}/missing.txt\n" * (text[:1] == b"."))
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("one")
    before = known(["requirements.txt"], [], str(tmp_path))
    assert known(["requirements.txt"], [], str(tmp_path)) == before
    (tmp_path / name).write_text("two")
    assert known(["requirements.txt"], [], str(tmp_path))["digest"] != before["digest"]


@pytest.mark.parametrize(("lock", "package", "builds"), [
    ("package-lock.json", '{"scripts": {"build": "vite build"}}', True),
    ("package-lock.json", '{"scripts": {"lint": "eslint"}}', False),
    ("package-lock.json", "{}", False),
    ("package-lock.json", "no json", True),
    ("yarn.lock", '{"scripts": {"build": "vite build"}}', False),
])  # fmt: skip
def test_npm_builds_where_its_lock_file_and_a_script_are(tmp_path: Path, lock: str, package: str, builds: bool) -> None:
    (tmp_path / lock).touch()
    (tmp_path / "package.json").write_text(package)
    assert known([], [], str(tmp_path))["npm"] is builds


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_that_is_missing_is_named(tmp_path: Path, tool: str) -> None:
    command = ["/bin/sh", "-c", installation(tool, ["requirements.txt"])]
    done = subprocess.run(command, cwd=tmp_path, env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode == 127 and ("python -m ensurepip" if tool == "pip" else f"{tool} is not installed") in done.stderr
