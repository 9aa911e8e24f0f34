"""The floors of the house: imports run downwards only, in no circle, and hide in functions only where a command begins."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

TASKS = Path(__file__).parents[1] / "tasks"
REHEARSAL = TASKS.parent / "rehearsal"
# From the top to the ground. A room may import from itself and from rooms below; rooms on one floor know nothing of each other.
FLOORS = (
    ("__main__", "__init__", "commands"),
    ("operations",),
    ("fleet",),
    ("hosts",),
    ("aws",),
    ("runtime",),
    ("decisions", "settings"),
    ("errors", "version"),
)
# What runs at every `--list`, and so imports the rest when a command begins.
LAZY = ("commands", "runtime")


class Import(NamedTuple):
    """One import of a module of the same package."""

    importer: str
    imported: str
    hidden: bool  # in a function
    checked: bool  # for type checkers only


def imports(package: Path) -> Iterator[Import]:
    modules = {name_of(package, path): path for path in package.rglob("*.py") if not {"v1", "v2"} & set(path.parts)}
    for name, path in modules.items():
        for node, hidden, checked in walk(ast.parse(path.read_text())):
            base = [] if name == "__init__" else name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
            parts = [*base[: len(base) - node.level + 1], *(node.module or "").split(".")]
            target = ".".join(part for part in parts if part) or "__init__"
            for alias in node.names:
                found = next(
                    (one for one in (f"{target}.{alias.name}".removeprefix("__init__."), target) if one in modules), None
                )
                assert found is not None, f"{path}:{node.lineno}: imports {target}.{alias.name}, which is not there"
                yield Import(name, found, hidden, checked)


def name_of(package: Path, path: Path) -> str:
    parts = path.relative_to(package).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def walk(node: ast.AST, hidden: bool = False, checked: bool = False) -> Iterator[tuple[ast.ImportFrom, bool, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ImportFrom) and child.level:
            yield child, hidden, checked
        typing = isinstance(child, ast.If) and getattr(child.test, "id", "") == "TYPE_CHECKING"
        yield from walk(child, hidden or isinstance(child, ast.FunctionDef), checked or typing)


def floor(module: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if module.split(".")[0] in rooms)


ALL = tuple(imports(TASKS))


def test_every_module_lies_in_a_room() -> None:
    assert {path.stem for path in TASKS.iterdir() if path.name != "__pycache__"} == {room for rooms in FLOORS for room in rooms}


def test_no_import_runs_upwards() -> None:
    wrong = [one for one in ALL if floor(one.importer) > floor(one.imported) and not one.checked]
    sideways = [
        one
        for one in ALL
        if floor(one.importer) == floor(one.imported) and one.importer.split(".")[0] != one.imported.split(".")[0]
    ]
    assert not wrong
    assert {(one.importer, one.imported) for one in sideways} <= {("__init__", "commands"), ("__main__", "__init__")}


def test_decisions_and_settings_touch_nothing() -> None:
    """No I/O in what decides: neither a library that reaches out, nor the modules of Python that do."""
    reaching = {"boto3", "botocore", "fabric", "paramiko", "socket", "subprocess", "http", "random", "os"}
    for path in (TASKS / "decisions").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            assert not {name.split(".")[0] for name in names} & reaching, path


def test_imports_hide_only_where_a_command_begins() -> None:
    assert not [one for one in ALL if one.hidden and one.importer.split(".")[0] not in LAZY]


@pytest.mark.parametrize("package", [TASKS, REHEARSAL], ids=["tasks", "rehearsal"])
def test_there_is_no_circle(package: Path) -> None:
    arrows: dict[str, set[str]] = {}
    for one in imports(package):
        if one.importer != one.imported:
            arrows.setdefault(one.importer, set()).add(one.imported)
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join([*path[path.index(module) :], module])
        if module not in done:
            for target in sorted(arrows.get(module, ())):
                visit(target, (*path, module))
            done.add(module)

    for module in sorted(arrows):
        visit(module, ())


def test_the_rehearsal_knows_nothing_of_the_tasks() -> None:
    for path in REHEARSAL.rglob("*.py"):
        names = [
            *(
                alias.name
                for node in ast.walk(ast.parse(path.read_text()))
                if isinstance(node, ast.Import)
                for alias in node.names
            ),
            *(node.module or "" for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)),
        ]
        assert not [name for name in names if name.split(".")[0] in ("tasks", "ramped")], path


def test_no_test_file_imports_another() -> None:
    """Its fixtures and constants would be part of both: what they share has a module of its own."""
    importing = re.compile(r"^\s*(from|import) [\w. ]*\.test_\w+\b", re.M)
    assert importing.search("from tests.fleet.test_loop import Hurried")
    files = Path(__file__).parent.rglob("*.py")
    assert not [str(path) for path in files if importing.search(path.read_text())]
