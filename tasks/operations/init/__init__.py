"""`init`: write what a Django project needs for the commands, and show what its own files need."""

from __future__ import annotations

import difflib
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ...decisions.setup.build_steps import unbuilt
from ...decisions.setup.facts import broken_reference
from ...decisions.setup.host_files import names_of
from ...decisions.setup.layout import Layout, choose_manage, manage_files, read_layout
from ...decisions.setup.source import VARIABLE
from ...errors import DeployError, Refused, SettingsError
from ...runtime.guard import interruptible
from ...runtime.text import hanging, stripped
from .changes import Changes, changes
from .hidden import about_hidden
from .looking import Proof, Scratch, scratch, variables_of
from .plan import wanted
from .project import BASE, Project
from .repository import Repository, repository
from .writing import File, place, write_all

_PACKAGE = Path(__file__).resolve().parents[2]
# In a wheel the snippets are in the package, in a clone or a fork beside it.
_SNIPPETS = (_PACKAGE / "settings_snippets", _PACKAGE.parent / "settings_snippets")
_FABFILE = f'from {__package__.partition(".")[0]} import ns\n\n__all__ = ["ns"]\n'
UNBUILT = "not built here: "  # before what is wrong only until the project is built
_REFERENCES = 20  # files of others with broken references, at most: each costs a proof


@dataclass(frozen=True)
class Options:
    """How `init` runs: `yes` changes files of the project itself, `dry` changes none at all; the rest is found if None."""

    yes: bool = False
    dry: bool = False
    python: str | None = None
    manage: str | None = None
    settings: str | None = None
    environment_file: str | None = None
    ask: bool = True  # whether the first page is part of the proof


def init(folder: Path, options: Options) -> None:
    """Write fabfile.py, fabric.yaml, the drop-ins and the files of hosts into a project, and show what its own files need.

    `folder`: anywhere in its repository. Raises SettingsError and Refused where nothing was written, DeployError where the
    project fails its proof for a reason of its own.
    """
    snippets = next((path for path in _SNIPPETS if path.is_dir()), None)
    if snippets is None:
        raise SettingsError(f"init needs the folder settings_snippets beside {_PACKAGE}: copy it too")
    found = repository(folder.resolve())
    python_files = found.texts([name for name in found.names if re.search(r"(^|/)manage\.py$|[aw]sgi[^/]*\.py$", name)])
    projects = manage_files(python_files)
    if not projects:
        _without_a_project(found, snippets, options)
        return
    if options.manage and options.manage not in python_files:
        raise SettingsError(f"--manage: there is no {options.manage} in {found.top}")
    manage, variables = options.manage or choose_manage(projects), variables_of(options.environment_file)
    layout = read_layout(python_files, found.names, manage, options.settings or "", variables.get(VARIABLE, ""))
    with _temporary() as place:
        try:
            copied = scratch(found, layout, place, options.python, variables)
            _set_up(found, copied, snippets, options)
        except OSError as error:
            raise SettingsError(f"{error.filename}: {error.strerror}; nothing was written") from error


@contextmanager
def _temporary() -> Iterator[Path]:
    with interruptible():
        folder = Path(tempfile.mkdtemp(prefix="ramped-init-")).resolve()
        try:
            yield folder
        finally:
            shutil.rmtree(folder)


def _set_up(found: Repository, copied: Scratch, snippets: Path, options: Options) -> None:
    layout, facts = copied.layout, copied.facts()
    placeholders = copied.python.placeholders if copied.python else {}
    names = names_of(found.top.name, layout, facts, tuple(dict.fromkeys([*copied.given, *placeholders])))
    project = Project(found, copied.repository.top, layout, facts, names, placeholders, path=copied.path)
    while True:
        made, proof = _proposed(project, copied, snippets, options)
        broken = next(filter(None, map(broken_reference, proof.failed)), None)
        if broken is None or broken in project.leave or len(project.leave) >= _REFERENCES:
            break
        project = replace(project, leave=(*project.leave, broken))
    if proof.broken:
        raise Refused(f"{layout.settings} does not load with the changes, so nothing was written: {stripped(proof.broken)}")
    edits = _diffs(found, made)
    bases = [base for record in made.bases.values() for base in record]
    made.left += about_hidden(found, [*made.says, *bases], (str(Path(BASE).parent), "deploy", layout.folder))
    _write(found, made, options)
    for name in made.ours:
        print(stripped(f"{'would write' if options.dry else 'written'}: {name} ({made.says[name]})"))
    print(stripped(edits), end="")
    _tell(made, proof, layout, options)


def _fabfiles(found: Repository) -> dict[str, File]:
    """Return fabfile.py and tasks.py where nothing has these names."""
    taken = {name.split("/")[0].removesuffix(".py") for name in found.names}
    return {f"{name}.py": File(_FABFILE) for name in ("fabfile", "tasks") if name not in taken}


def _proposed(project: Project, copied: Scratch, snippets: Path, options: Options) -> tuple[Changes, Proof]:
    """Return the changes of a project and their proof."""
    found, want = project.repository, wanted(project, snippets)
    want.files.update(_fabfiles(found))
    made = changes(found, want)
    if not project.facts:
        return made, Proof(skipped=copied.failure)
    # Those with a block that stay as they are have lost it in the copy.
    kept = {name: text for name in want.blocks if (text := found.text(name)) is not None}
    texts = kept | {name: file.text for name, file in {**made.ours, **made.edits}.items()}
    proof = copied.prove(texts, project.names.domain, ask=options.ask)
    if want.built:
        proof.unbuilt = [failure for failure in proof.failed if unbuilt(failure)]
        proof.failed = [failure for failure in proof.failed if not unbuilt(failure)]
    return made, proof


def _diffs(found: Repository, made: Changes) -> str:
    """Return the changes of the project's own files."""
    text = ""
    for name, file in made.edits.items():
        before, after = (text.splitlines(keepends=True) for text in (found.text(name) or "", file.text))
        changed = difflib.unified_diff(before, after, f"a/{name}", f"b/{name}")
        text += "\n" + "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in changed)
    return text


def _write(found: Repository, made: Changes, options: Options) -> None:
    files = {**made.ours, **(made.edits if options.yes else {})}
    if options.dry:
        for name in files:
            place(found.top, name)
        return
    waiting = set() if options.yes else set(made.edits)
    bases = {base: file for name, record in made.bases.items() if name not in waiting for base, file in record.items()}
    write_all(found.top, {**files, **bases})


def _tell(made: Changes, proof: Proof, layout: Layout, options: Options) -> None:
    """Say what was proven and what is left to do; raises DeployError where a proof failed."""
    print()
    if made.edits:
        done = options.yes and not options.dry
        print(stripped(f"{'Changed' if done else 'To change these files, add --yes'}: {', '.join(made.edits)}"))
    elif not made.ours:
        print("Everything is as the installed version has it.")
    for line in proof.proven:
        print(f"proven: {hanging(stripped(line))}")
    for line in proof.unbuilt:
        print(f"{UNBUILT}{hanging(stripped(line))}")
    if proof.skipped:
        print(f"not proven: {hanging(stripped(proof.skipped))}")
        made.left.append(f"{layout.settings_file}: nothing is known of it yet; then run `init` again")
    if made.left:
        print("\nLeft to do:\n" + "\n".join(f"  {hanging(stripped(line))}" for line in made.left))
    if proof.failed:
        raise DeployError("The project fails its proof:\n" + "\n".join(f"  {hanging(stripped(line))}" for line in proof.failed))
    print("\nNext: `inv rehearse --project .` shows a release of this site on a stand-in cloud.")


def _without_a_project(found: Repository, snippets: Path, options: Options) -> None:
    """Write the commands' files and the snippets as they are, where there is no Django project to put them into."""
    names = sorted(path for path in snippets.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    files = _fabfiles(found)
    for path in names:
        name = str(path.relative_to(snippets))
        target = name if name == "fabric.yaml" else f"settings_snippets/{name}"
        files[target] = File(path.read_text(encoding="utf-8"), path.stat().st_mode & 0o777)
    fresh = {name: file for name, file in files.items() if not (found.top / name).exists()}
    for name in ["fabfile.py", "tasks.py", *(name for name in files if name not in ("fabfile.py", "tasks.py"))]:
        print(f"{'exists, kept' if name not in fresh else 'would write' if options.dry else 'written'}: {name}")
    if not options.dry:
        write_all(found.top, fresh)
    print("There is no Django project here (no manage.py). Next: fill in fabric.yaml, and copy the drop-ins into your site.")
