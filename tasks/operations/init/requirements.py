"""What a project's requirements lack for a deployment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath as Path
from shlex import quote

from ...decisions.setup import texts
from ...decisions.setup.blocks import without
from ...hosts.shell.installation import locked
from ...hosts.shell.scripts.dependencies import LOCKS
from .project import Project, Wanted
from .writing import File


def require(project: Project, found: Wanted) -> None:
    """Add what the requirements of a project lack: in their file, or named where only their own tool may write it."""
    repository = project.repository
    server, versions = project.names.server, project.facts.versions if project.facts else {}
    if wanted := texts.too_old(versions, server):
        found.left.append(f"requirements: deploy/systemd/{server}.service needs {wanted}; {versions[server]} is installed")
    files = texts.requirements_files(repository.names)
    if not files:
        _without_requirements(project, found)
        return
    (file,) = files
    repository.own(file)
    every = repository.texts([name for name in repository.names if name.endswith((".txt", ".in"))])
    block_free = {name: without(text) for name, text in every.items()}
    lacking = texts.requirement_lines(texts.required(file, block_free), project.names.server)
    if not lacking:
        return
    if source := texts.compiled_of(every[file]):
        found.left.append(f"{source}: add {' and '.join(lacking)}, and compile {file} again")
    elif texts.hashed(every[file]):
        found.left.append(f"{file}: add {' and '.join(lacking)} with their hashes")
    else:
        found.blocks[file] = texts.requirements_block(lacking)


def install_commands(names: Sequence[str]) -> list[str]:
    """Return the commands that install a site whose lock file lies beside its manage.py; [] where `deploy` knows by itself."""
    lock = next((name for name, _ in texts.lock_files(names)), "")
    folder, tool = str(Path(lock).parent), LOCKS.get(Path(lock).name, "")
    return [f"cd {quote(folder)} && {locked(tool)}"] if folder != "." and not texts.requirements_files(names) else []


def _without_requirements(project: Project, found: Wanted) -> None:
    """Name what a lock file lacks, or write requirements.txt where nothing says what the site needs."""
    versions = project.facts.versions if project.facts else {}
    lacking = texts.requirement_lines(set(versions), project.names.server)
    if locks := list(texts.lock_files(project.repository.names)):
        name, command = locks[0]
        found.left += [f"{name}: {command} {' '.join(map(repr, lacking))}"] if lacking else []
    elif described := texts.described(project.repository.names):
        found.left.append(f"fabric.yaml: app.install: {described} says what the site needs: name the commands that install it")
    elif versions:
        lines = [f"django=={versions['django']}", *texts.requirement_lines(set(), project.names.server)]
        found.files["requirements.txt"] = File("\n".join(lines) + "\n")
