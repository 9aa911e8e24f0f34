"""What a project does between its checkout and its restart: install packages, build files, work on collected ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ..decisions.release.dependencies import Dependencies, read_dependencies
from ..errors import Refused, RemoteFailed
from ..runtime.run import Run
from ..runtime.text import gist
from .checkout import change, git_directory
from .shell import commands
from .shell.installation import building, called, installation
from .ssh import QUICK, Host


@dataclass(frozen=True)
class _Step:
    """A command of the project, and how it is called."""

    label: str
    command: str


def install_and_build(run: Run, host: Host, sha: str) -> bool:
    """Install the packages of the checkout if they changed, and build it; each by its own commands or as its files say.

    Returns whether anything was installed. Raises Refused for requirements files that are not there, RemoteFailed when a
    command fails.
    """
    app, needed = run.settings.app, _dependencies(run, host)
    installs = _installation(run, host, needed)
    built = building(needed.npm) if app.build is None else app.build
    _run(run, host, sha, [*installs, *(_Step(f"app.build: {gist(called(step))}", step) for step in built)])
    if installs:
        change(host, app, commands.record_installed(app, needed.digest), "recording the requirements", QUICK)
    return bool(installs)


def after_collectstatic(run: Run, host: Host, sha: str) -> None:
    """Run the project's commands that work on collected files; raises RemoteFailed when one fails."""
    steps = run.settings.app.after_collectstatic
    _run(run, host, sha, [_Step(f"app.after_collectstatic: {gist(step)}", step) for step in steps])


def _dependencies(run: Run, host: Host) -> Dependencies:
    label = "reading the requirements"
    answer = host.read(commands.dependencies(run.settings.app), label=label)
    found = read_dependencies(answer.stdout)
    if found is None:
        raise RemoteFailed(host.name, label, answer.code, gist(answer.stdout))
    return found


def _installation(run: Run, host: Host, needed: Dependencies) -> list[_Step]:
    """Return the commands that install what the checkout needs; none if nothing changed since the last time."""
    app = run.settings.app
    if needed.missing:
        raise Refused(
            f"{host.name}: {app.directory} holds no {', '.join(needed.missing)}, and no lock file of uv, Poetry, PDM or Pipenv:"
            " set app.requirements ([] for none) or app.install"
        )
    if app.install is not None:
        return [_Step(f"app.install: {gist(step)}", step) for step in app.install]
    if not needed.tool:
        return []
    if host.read(commands.installed_hash(app)).text == needed.digest:
        run.out.say("requirements: unchanged")
        return []
    files = f" {', '.join(app.requirements)}" if needed.tool == "pip" else " what the lock file says"
    run.out.say(f"requirements: changed, {needed.tool} installs{files}")
    return [_Step(f"{needed.tool} install", installation(needed.tool, app.requirements))]


def _run(run: Run, host: Host, sha: str, steps: Sequence[_Step]) -> None:
    if not steps:
        return
    with _recorded(run, host, sha):
        for step in steps:
            run.out.say(step.label)
            change(host, run.settings.app, commands.own(run.settings.app, step.command), step.label)


@contextmanager
def _recorded(run: Run, host: Host, sha: str) -> Iterator[None]:
    """Record which files are changed meanwhile: they do not refuse the next deploy.

    A run that is killed meanwhile leaves the marker of an interrupted checkout.
    """
    app = run.settings.app
    folder = git_directory(host, app)
    change(host, app, commands.built(app, folder, "begin", sha), "recording the checkout", QUICK)
    try:
        yield
    finally:
        change(host, app, commands.built(app, folder, "end", sha), "recording what was built", QUICK)
