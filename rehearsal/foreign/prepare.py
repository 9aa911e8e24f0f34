"""Make a rehearsal's two releases of somebody's repository: each is a revision of theirs with what `init` would change in it.

This runs with the environment of the person who rehearses, whose caches and package sources pip needs; the rehearsal itself
has nothing of it. The repository itself is only read.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml

from ..sandbox import Refusal
from . import for_machines, packages, pythons, repositories
from .commands import git, run

_OF_TOOLS = ("SSL_CERT_", "NODE_EXTRA_CA_CERTS", "UV_", "npm_config_", "NPM_CONFIG_", "POETRY_", "PDM_", "PIPENV_")
# Where a tool works, which is another place on a host.
_OF_A_PROJECT = {"UV_PROJECT", "UV_PROJECT_ENVIRONMENT", "UV_PYTHON", "UV_WORKING_DIRECTORY", "PDM_PROJECT", "PIPENV_PIPFILE"}
PREPARED = "prepared.json"
# What has to be installed, by the server that `init` chose. Where hosts are processes, gunicorn is in the place of uWSGI.
SERVED_BY = {"gunicorn": ["gunicorn"], "uwsgi": ["gunicorn"], "uvicorn": ["uvicorn", "websockets"]}
Say = Callable[[str], None]


@dataclass(frozen=True)
class Wanted:
    """What is rehearsed: a repository, two revisions (None: its last two releases), and what its settings need."""

    folder: Path
    old: str | None
    new: str | None
    environment: Mapping[str, str]
    fill: tuple[str, ...] = ()  # commands that fill its database, in the old release's checkout
    machines: bool = False  # hosts are machines


@dataclass(frozen=True)
class Tools:
    """What the commands know of a tree; some are given the Python of its release."""

    set_up: Callable[[Path, Path], list[str]]  # by `init`; returns what it found
    install: Callable[[Path], list[str]]  # the commands that install it
    digest: Callable[[Path], str]  # the same text where the same is installed; "": not known
    build: Callable[[Path], list[str]]  # the commands that build it
    record: Callable[[Path, Path], None]  # that an environment has what the tree needs, as `deploy` would


@dataclass(frozen=True)
class Prepared:
    """What lies ready in a folder: origin.git, tree (the new release), old-venv, new-venv."""

    name: str
    old: str  # revision with the changes of `init`
    new: str
    of_old: str  # revision of the repository
    of_new: str
    database: str  # a file with a database of the project's own; "" where there is none
    environment: dict[str, str]
    findings: list[str]  # of `init` in the new release
    install: list[str]  # commands that install the old release's own code, where it is installed; they run in its checkout
    build: list[str]  # commands that build it
    fill: list[str]  # commands that fill its database
    pip: str  # pip.conf of the hosts
    tools: dict[str, str]  # variables of the tools that install and build, such as uv and npm
    debian: list[str]  # packages besides, of hosts that are machines


def prepare(wanted: Wanted, tools: Tools, say: Say) -> Path:
    """Return a folder with everything prepared; raises Refusal. Whatever goes wrong, nothing is left behind."""
    with _interruptible():
        top = Path(tempfile.mkdtemp(prefix="ramped-rehearsal-")).resolve()
        try:
            prepared = _prepare(top, wanted, tools, say)
            (top / PREPARED).touch(mode=0o600)  # it holds the environment of the site, and pip's
            (top / PREPARED).write_text(json.dumps(asdict(prepared)), encoding="utf-8")
        except BaseException:
            shutil.rmtree(top)
            raise
    return top


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the preparation as Ctrl-C does: they would leave its folder."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _prepare(top: Path, wanted: Wanted, tools: Tools, say: Say) -> Prepared:
    repository = Path(git(wanted.folder, "rev-parse", "--show-toplevel"))
    old, new = repositories.revisions(repository, wanted.old, wanted.new)
    if git(repository, "status", "--porcelain", "--untracked-files=no"):
        say("what is not committed is not rehearsed")
    tree = top / repository.name
    if wanted.machines:
        (top / packages.FOLDER).mkdir()
    repositories.clone(repository, tree, (old, new))
    run("git", "init", "--quiet", "--bare", "--initial-branch=main", top / "origin.git", cwd=top)
    made: dict[str, Path] = {}
    _, install, build = _release(top, repository, tree, old, "old", made, tools, say)
    first = _commit_of(tree, "old")
    before = for_machines.fetch_node(top, tree, build) if wanted.machines else []
    was = _server(tree)
    findings, _, later = _release(top, repository, tree, new, "new", made, tools, say)
    second = _commit_of(tree, "new", "-p", first)
    _require(tree)
    # Not before `init` has seen both: it chooses the server by what is installed, and the second may be a copy of the first.
    for name, server in (("old", was), ("new", _server(tree))):
        _finish(top / f"{name}-venv", tree, server, wanted.machines, say)
    node = [*before, *for_machines.fetch_node(top, tree, later)] if wanted.machines else []
    debian = for_machines.fetch(top, tree, node, say) if wanted.machines else []
    git(tree, "push", "--quiet", str(top / "origin.git"), f"{first}:refs/heads/main", f"{second}:refs/prepared/v2")
    environment = dict(wanted.environment)
    database = _database(repository, tree)
    pip, tools_know = _pip_settings(), tool_variables(os.environ, Path.home())
    fill = list(wanted.fill)
    return Prepared(
        repository.name, first, second, old, new, database, environment, findings, install, build, fill, pip, tools_know, debian
    )


def _require(tree: Path) -> None:
    """Raise Refusal where fabric.yaml, which may have been there before `init`, is not ours or lacks what a rehearsal needs."""
    try:
        settings = yaml.safe_load((tree / "fabric.yaml").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise Refusal(f"{tree.name}/fabric.yaml: {' '.join(str(error).split())}") from None
    for section, key in (("app", "domain"), ("static", "url")):
        values = settings.get(section) if isinstance(settings, dict) else None
        if not isinstance(values, dict) or not values.get(key):
            raise Refusal(f"{tree.name}/fabric.yaml: {section}.{key} is missing")


def _release(
    top: Path, repository: Path, tree: Path, revision: str, name: str, made: dict[str, Path], tools: Tools, say: Say
) -> tuple[list[str], list[str], list[str]]:
    """Check a revision out, make its virtual environment, and stage what `init` changes in it.

    `made`: environments by what their installation depends on. Returns what `init` found, and the commands that install the code
    of the checkout itself and build it.
    """
    git(tree, "checkout", "--quiet", "--force", "--detach", revision)
    git(tree, "clean", "-ffdxq")
    repositories.unfold(repository, tree)
    venv = top / f"{name}-venv"
    say(f"{name} release {revision[:12]}: a virtual environment with its requirements")
    digest, install = tools.digest(tree), tools.install(tree)
    if digest in made:
        # Installing the same again takes most of the time of a first run.
        shutil.copytree(made[digest], venv, symlinks=True)
    else:
        before = top / "old-venv/bin/python" if name == "new" else None
        pythons.environment(venv, tree, pythons.choose(tree, before), install, say)
        made |= {digest: venv} if digest else {}
    say(f"{name} release {revision[:12]}: Python {pythons.version(venv / 'bin/python')}; what `init` changes in it")
    findings = tools.set_up(tree, venv / "bin/python")
    tools.record(tree, venv)
    # The project may ignore names that `init` writes.
    git(tree, "add", "--all", "--force")
    return findings, [] if digest else install, tools.build(tree)


def _server(tree: Path) -> str:
    """Return the server that `init` chose for a tree."""
    return str(json.loads((tree / ".ramped/project.json").read_text(encoding="utf-8"))["server"])


def _finish(venv: Path, tree: Path, server: str, machines: bool, say: Say) -> None:
    """Add the server to an environment where it lacks it, and let it be moved."""
    pythons.complete(venv, tree, [] if machines and server == "uwsgi" else SERVED_BY[server], say)
    pythons.relocate(venv)


def _commit_of(tree: Path, name: str, *parents: str) -> str:
    """Return a commit of what is staged, without the history of the repository: much of it may be large, or not there.

    Sources: git-clone(1), --depth and --filter.
    """
    message = f"The {name} release, as `init` sets it up"
    return git(tree, "commit-tree", *parents, "-m", message, git(tree, "write-tree"))


def _database(repository: Path, tree: Path) -> str:
    """Return the SQLite database with which the project is developed, if there is one."""
    facts = json.loads((tree / ".ramped/project.json").read_text(encoding="utf-8"))
    for engine, file in facts["databases"].values():
        if "sqlite" in engine and file and (repository / file).is_file():
            return str(repository / file)
    return ""


def tool_variables(environment: Mapping[str, str], home: Path) -> dict[str, str]:
    """Return where the tools of this user find packages and certificates, and keep what they have loaded.

    Sources: the references of uv ("Environment variables"), npm ("config"), Node.js ("NODE_EXTRA_CA_CERTS").
    """
    found = {name: value for name, value in environment.items() if name.startswith(_OF_TOOLS) and name not in _OF_A_PROJECT}
    files = {"UV_CACHE_DIR": ".cache/uv", "UV_CONFIG_FILE": ".config/uv/uv.toml", "npm_config_cache": ".npm"}
    files["npm_config_userconfig"] = ".npmrc"
    return {name: str(home / path) for name, path in files.items() if (home / path).exists()} | found


def _pip_settings() -> str:
    """Return pip.conf for the hosts: where this user's pip finds packages, and keeps what it has loaded."""
    listed = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False).stdout
    values: dict[str, str] = {}
    for line in listed.splitlines():
        key, _, value = line.partition("=")
        with suppress(ValueError):
            section, name = key.split(".", 1) if not key.startswith(":env:.") else ("global", key.removeprefix(":env:."))
            values[name] = value.strip("'") if section in ("global", "install") else values.get(name, "")
    cache = subprocess.run([sys.executable, "-m", "pip", "cache", "dir"], capture_output=True, text=True, check=False).stdout
    values["cache-dir"] = cache.strip()
    return "[global]\n" + "".join(f"{name} = {value}\n" for name, value in values.items() if value)
