"""Python files of a project, read as syntax trees: nothing of them runs."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

VARIABLE = "DJANGO_SETTINGS_MODULE"
_BOM = "\ufeff"


def settings_modules(text: str) -> list[str]:
    """Return the settings modules that a manage.py, wsgi.py or asgi.py names, in their order; [] for a file that is no Python."""
    return [value for node in ast.walk(_tree(text)) for value in _given(node)]


def named(text: str, module: str, name: str) -> bool:
    """Return whether a file imports a name, such as `get_wsgi_application`, from a module."""
    imports = (node for node in ast.walk(_tree(text)) if isinstance(node, ast.ImportFrom) and node.module == module)
    return any(alias.name == name for node in imports for alias in node.names)


def line_of(text: str, name: str) -> int | None:
    """Return the line of the last assignment to a name at the top level of a file, in its branches too."""
    lines = [target.lineno for node in ast.walk(_tree(text)) for target in _targets(node) if _is(target, name)]
    return max(lines, default=None)


def has_star(text: str) -> bool:
    """Return whether a file imports all names of another module."""
    imports = (node for node in ast.walk(_tree(text)) if isinstance(node, ast.ImportFrom))
    return any(alias.name == "*" for node in imports for alias in node.names)


def routes(text: str) -> Iterator[str]:
    """Yield what the calls of `path`, `re_path` and `url` in a URLconf have first: not their names, nor an application's."""
    calls = (node for node in ast.walk(_tree(text)) if isinstance(node, ast.Call) and node.args)
    for call in calls:
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if name in ("path", "re_path", "url"):
            yield from _strings(call.args[:1])


def compiles(text: str) -> str | None:
    """Return what is wrong with a text as Python, or None."""
    try:
        ast.parse(text.removeprefix(_BOM))
    except (SyntaxError, ValueError) as error:
        return str(error)
    return None


def _tree(text: str) -> ast.Module:
    try:
        return ast.parse(text.removeprefix(_BOM))
    except (SyntaxError, ValueError):
        return ast.Module([], [])


def _given(node: ast.AST) -> Iterator[str]:
    """Yield the values of os.environ.setdefault(VARIABLE, ...) and of os.environ[VARIABLE] = ..."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "setdefault":
        key, *values = node.args or [ast.Constant(None)]
        yield from _strings(values) if isinstance(key, ast.Constant) and key.value == VARIABLE else ()
    if isinstance(node, ast.Assign) and any(_is_item(target) for target in node.targets):
        yield from _strings([node.value])


def _strings(values: Sequence[ast.expr]) -> Iterator[str]:
    """Yield the texts among the possible values of expressions."""
    for value in values:
        if isinstance(value, ast.IfExp):
            yield from _strings([value.body, value.orelse])
        elif isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield value.value


def _is_item(target: ast.expr) -> bool:
    return isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant) and target.slice.value == VARIABLE


def _targets(node: ast.AST) -> Sequence[ast.expr]:
    if isinstance(node, ast.Assign):
        return node.targets
    return [node.target] if isinstance(node, ast.AnnAssign | ast.AugAssign) else []


def _is(target: ast.expr, name: str) -> bool:
    """Return whether an assignment is to a name, or to an item of it."""
    while isinstance(target, ast.Subscript):
        target = target.value
    return isinstance(target, ast.Name) and target.id == name
