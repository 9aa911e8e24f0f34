"""The folder that mutmut works in: a copy of what the tests of the decisions need.

mutmut leaves decorated functions alone, and much of what is decided is decided in properties. In the copy each property calls a
plain method with its body, which mutmut changes.
"""

import ast
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "mutants"
MUTATED = "tasks/decisions/rollout"
_NEEDED = ("tasks", "tests", "rehearsal")
_PROPERTIES = ("property", "cached_property")
PREFIX = "get_"


def prepare() -> Path:
    """Make the folder anew."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    for name in _NEEDED:
        shutil.copytree(ROOT / name, FOLDER / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", FOLDER)
    for path in (FOLDER / MUTATED).glob("*.py"):
        path.write_text(without_decorators(path.read_text()))
    return FOLDER


def without_decorators(source: str) -> str:
    """Return the source with the body of each property in a method `get_...`, which the property calls."""
    lines = source.splitlines()
    classes = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    methods = [node for found in classes for node in found.body if isinstance(node, ast.FunctionDef)]
    for method in reversed(methods):
        kinds = [node.id for node in method.decorator_list if isinstance(node, ast.Name) and node.id in _PROPERTIES]
        if not kinds or method.returns is None:
            continue
        signature = f"def {method.name}(self) -> {ast.unparse(method.returns)}:"
        indent, at = " " * method.col_offset, method.lineno - 1
        lines[method.end_lineno : method.end_lineno] = [
            *("", f"{indent}@{kinds[0]}", f"{indent}{signature}"),
            f"{indent}    return self.{PREFIX}{method.name}()",
        ]
        lines[at] = lines[at].replace(f"def {method.name}(", f"def {PREFIX}{method.name}(", 1)
        del lines[method.decorator_list[0].lineno - 1]
    return "\n".join(lines) + "\n"
