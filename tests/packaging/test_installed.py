"""ramped as a user installs it: the wheel in a bare environment, the commands in a repository that holds nothing but settings."""

import os
import random
import re
import shutil
import signal
import subprocess
import zipfile
from pathlib import Path

import pytest

from tasks.version import VERSION
from tests.operations.rehearsing import start, temporary, told, unfinished, until
from tests.packaging.environments import BASE, ROOT, Environment, build_wheel, environment, newest, run
from tests.worlds.operator_folder import SETTINGS

__all__ = ["temporary"]  # a fixture

FABFILE = "from ramped import ns\n\n__all__ = ['ns']\n"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Environment:
    """The commands alone, with the libraries that requirements.lock names, each with its hash."""
    made = environment(tmp_path_factory.mktemp("bare"))
    made.install("--require-hashes", "-r", ROOT / "requirements.lock")
    made.install("--no-deps", wheel)
    return made


@pytest.fixture(scope="module")
def of_newest_python(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Environment:
    """The commands in the newest Python here, with the libraries that pip chooses by their ranges."""
    python = newest()
    if python is None:
        pytest.skip("there is no Python here that is newer than the one that runs the tests")
    made = environment(tmp_path_factory.mktemp("newest"), python)
    made.install(wheel)
    return made


@pytest.fixture(scope="module")
def with_rehearsal(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Environment:
    made = environment(tmp_path_factory.mktemp("rehearsal"))
    made.install("--require-hashes", "-r", ROOT / "rehearsal/requirements.lock")
    made.install("--no-deps", wheel)
    return made


@pytest.fixture(params=["bare", "of_newest_python"])
def installed(request: pytest.FixtureRequest) -> Environment:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Environment)
    return found


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Somebody's repository: their settings, and one line that names the commands for each of `fab` and `invoke`."""
    folder = tmp_path / "site"
    folder.mkdir()
    for name in ("fabfile.py", "tasks.py"):
        (folder / name).write_text(FABFILE)
    (folder / "fabric.yaml").write_text(SETTINGS)
    return folder


def listed(installed: Environment, program: str, folder: Path) -> set[str]:
    """Return the names of the commands that `--list` shows."""
    return set(re.findall(r"^    ([a-z][a-z-]*) ", installed(program, "--list", cwd=folder), re.M))


def test_the_wheel_holds_every_file_and_no_other(wheel: Path) -> None:
    places = {"tasks": "ramped", "rehearsal": "ramped/rehearsal", "settings_snippets": "ramped/settings_snippets"}
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate", *places).splitlines()
    expected = {f"{places[top]}/{rest}" for top, _, rest in (name.partition("/") for name in listed if (ROOT / name).is_file())}
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert found == expected
    assert {f"ramped/rehearsal/site/v1/{name}" for name in (".gitignore", "manage.py")} < found


def test_it_needs_no_django_and_nothing_is_missing(installed: Environment, tmp_path: Path) -> None:
    assert "No broken requirements found." in installed.pip("check")
    for module in ("django", "whitenoise", "moto"):
        assert f"No module named '{module}'" in installed("python", "-c", f"import {module}", cwd=tmp_path, code=1)


def test_the_version_and_the_commands_are_there_without_a_fabfile(installed: Environment, tmp_path: Path) -> None:
    assert installed("ramped", "--version", cwd=tmp_path) == f"ramped {VERSION}\n"
    assert installed("python", "-m", "ramped", "--version", cwd=tmp_path) == f"ramped {VERSION}\n"
    assert {"ship", "rollout", "status", "rehearse", "init"} < listed(installed, "ramped", tmp_path)


def test_a_repository_needs_one_line_and_the_settings(installed: Environment, repository: Path) -> None:
    commands = listed(installed, "ramped", repository)
    for command in ("fab", "invoke", "inv"):
        assert listed(installed, command, repository) == commands


def test_wrong_settings_are_a_line_each_and_nothing_is_done(installed: Environment, repository: Path) -> None:
    (repository / "fabric.yaml").write_text(SETTINGS.replace("eu-central-1", "eu-central-1a"))
    for command in ("fab", "invoke", "ramped"):
        (line,) = installed(command, "status", cwd=repository, code=2).splitlines()
        assert line.startswith("fabric.yaml:2: aws.region: found 'eu-central-1a' (text); allowed: a region"), line


def test_init_writes_a_repository_that_works(installed: Environment, tmp_path: Path) -> None:
    installed("ramped", "init", cwd=tmp_path)
    assert (tmp_path / "fabfile.py").read_text() == FABFILE.replace("'", '"')
    assert (tmp_path / "settings_snippets/django/health.py").is_file()
    assert listed(installed, "fab", tmp_path) == listed(installed, "ramped", tmp_path)
    # Every value of the example is one that is allowed.
    assert "AWS credentials" in installed("inv", "status", cwd=tmp_path, code=1)


def test_rehearse_names_the_extra_that_is_missing(installed: Environment, repository: Path) -> None:
    (line,) = installed("fab", "rehearse", cwd=repository, code=2).splitlines()
    assert line.startswith("rehearse needs more libraries (moto, ") and line.endswith("): pip install 'ramped[rehearsal]'"), line


def test_the_extra_has_what_the_rehearsal_needs(with_rehearsal: Environment) -> None:
    assert "No broken requirements found." in with_rehearsal.pip("check")
    # What the hint of the test above would install is there by now.
    with_rehearsal.install("--no-index", "ramped[rehearsal]")


def begins(process: "subprocess.Popen[str]") -> None:
    """See it deploy its first release by `fab deploy`, and end it."""
    until(process, "ok migrate")
    os.killpg(process.pid, signal.SIGINT)
    code, out = told(process)
    assert code == 1 and "everything that it started is gone" in out, out


def test_rehearsed_from_a_repository_in_a_cloud_as_unkind_as_aws_no_request_fails(
    with_rehearsal: Environment, repository: Path, temporary: Path
) -> None:
    """The seed differs from run to run, and is printed where a run fails."""
    (repository / "fabric.yaml").unlink()
    seed = str(random.randrange(10_000))
    process = start(with_rehearsal.folder / "bin/inv", "rehearse", "--instances", "2", "--unkind", "--seed", seed, cwd=repository)
    code, out = told(process)
    assert code == 0, f"--seed {seed}\n{out}"
    assert re.search(r"^0 of [\d,]+ requests failed; version 2 replaced version 1", out, re.M) and str(ROOT) not in out, out
    assert unfinished(out) == [], out
    assert re.search(r"page +200 +v1 +\d+", out) and re.search(r"page +200 +v2 +\d+", out), out
    assert sorted(path.name for path in repository.iterdir() if path.name != "__pycache__") == ["fabfile.py", "tasks.py"]


@pytest.fixture
def fork(tmp_path: Path) -> Path:
    """Somebody's repository with a copy of everything, the commands under a name of their own."""
    folder = tmp_path / "fork"
    for name, copy in (("tasks", "ops"), ("rehearsal", "rehearsal"), ("settings_snippets", "settings_snippets")):
        shutil.copytree(ROOT / name, folder / copy, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "fabfile.py").write_text(FABFILE.replace("ramped", "ops"))
    return folder


@pytest.mark.long
def test_a_fork_rehearses_what_it_has_changed(fork: Path, temporary: Path) -> None:
    deploy = fork / "ops/operations/deploy.py"
    deploy.write_text(f"{deploy.read_text()}\nprint('the changed deploy')\n")
    process = start("fab", "rehearse", "--instances", "1", cwd=fork)
    until(process, "fab deploy --yes")
    assert "the changed deploy" in until(process, "-> migrate")
    begins(process)


def test_a_fork_names_what_is_missing(fork: Path, bare: Environment) -> None:
    needed = "pip install -r rehearsal/requirements.txt"
    assert bare("fab", "rehearse", cwd=fork, code=2).endswith(f": {needed}\n")
    shutil.rmtree(fork / "rehearsal")
    (line,) = bare("fab", "rehearse", cwd=fork, code=2).splitlines()
    assert line == f"rehearse needs the folders rehearsal and settings_snippets beside {fork / 'ops'}: copy them too"


def test_a_clone_names_what_is_missing(bare: Environment) -> None:
    assert bare("fab", "rehearse", cwd=ROOT, code=2).endswith(": pip install '.[rehearsal]'\n")


@pytest.mark.long
def test_it_rehearses_without_a_virtual_environment(
    with_rehearsal: Environment, repository: Path, temporary: Path, tmp_path: Path
) -> None:
    """As after `pip install --user`: the libraries are found by the user's home alone, which a rehearsal replaces."""
    home = tmp_path / "home"
    version = BASE.name
    packages = home / ".local/lib" / version / "site-packages"
    packages.mkdir(parents=True)
    (packages / "libraries.pth").write_text(f"{with_rehearsal.folder}/lib/{version}/site-packages\n")
    process = start(BASE, "-m", "fabric", "rehearse", "--instances", "1", cwd=repository, HOME=str(home))
    begins(process)
