"""SQL in migrations, read by sqlglot where the site's environment has it; what is not certain is `opaque`: somebody must look."""

from __future__ import annotations

import importlib
import importlib.util
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from .conditions import Condition
from .schema import UNKNOWN, Column, Constraint, Effect, Table

_LONGEST = 256 * 1024  # characters: some seconds for sqlglot
_DIALECTS = {"postgresql": "postgres", "mysql": "mysql", "sqlite": "sqlite", "oracle": "oracle"}
# What they do is over when the migration is, and changes no table.
_HARMLESS = ("Analyze", "Comment", "Set", "Show", "Transaction", "Commit")
_MADE = ("SCHEMA", "SEQUENCE", "TYPE")


def read_sql(sql: str, vendor: str = "postgresql") -> list[Effect]:
    """Return what SQL does, statement by statement."""
    if importlib.util.find_spec("sqlglot") is None:
        return [_opaque(sql, "nobody has read this SQL (pip install sqlglot beside the site, and it is read)")]
    if len(sql) > _LONGEST:
        return [_opaque(sql, "this SQL is too long to be read")]
    sqlglot: Any = importlib.import_module("sqlglot")
    # It warns of each statement that it does not know, in the midst of the answer.
    logger = logging.getLogger("sqlglot")
    before, logger.disabled = logger.disabled, True
    try:
        statements = sqlglot.parse(sql, read=_DIALECTS.get(vendor, ""))
        return [effect for one in statements if one is not None for effect in _statement(one)]
    except (sqlglot.errors.SqlglotError, RecursionError, ValueError):  # nested too deep, or a number of thousands of digits
        return [_opaque(sql)]
    finally:
        logger.disabled = before


def _opaque(text: str, why: str = "what this SQL means for old code is unknown") -> Effect:
    shown = " ".join(text.split())
    return Effect("opaque", text=f"{why}: {shown if len(shown) <= 60 else shown[:57] + '...'}")


def _statement(tree: Any) -> Iterable[Effect]:
    kind, what = type(tree).__name__, str(tree.args.get("kind") or "").upper()
    if kind == "Alter" and what == "TABLE":
        return [_placed(effect, tree) for action in tree.args["actions"] for effect in _action(_name(tree.this), action, tree)]
    if kind == "Create" and what == "INDEX":
        return [_index(tree)]
    if kind == "Create" and what == "VIEW" and not tree.args.get("replace"):
        return [Effect("create_table", _name(tree.this))]
    if kind == "Create" and what == "TABLE":
        return [_created(tree)]
    if kind == "Drop" and what in ("TABLE", "VIEW"):
        return [Effect("drop_table", _name(one)) for one in tree.args["tables"]]
    if kind == "Drop" and what == "INDEX":
        on = tree.args.get("cluster")  # MySQL names the table
        table = _name(on.this) if type(on).__name__ == "OnProperty" else ""
        return [Effect("drop_constraint", table, constraint=Constraint(_name(one), "index")) for one in tree.args["tables"]]
    harmless = kind in _HARMLESS or (kind == "Alter" and what == "INDEX")
    harmless |= kind == "Create" and what in _MADE
    harmless |= kind == "Select" and not _calls(tree) and tree.args.get("into") is None
    text = tree.sql()
    return [Effect("harmless", text=f"old code does not notice: {text[:60]}") if harmless else _opaque(text)]


def _calls(tree: Any) -> bool:
    """Return whether a function is called, which may do anything."""
    return any("Func" in {base.__name__ for base in type(node).__mro__} or type(node).__name__ == "Lock" for node in tree.walk())


def _placed(effect: Effect, tree: Any) -> Effect:
    return _opaque(tree.sql()) if tree.args.get("options") and effect.kind != "rename_column" else effect


def _name(node: Any) -> str:
    """Return the last part of a name; what is not quoted is in lower case."""
    found = node.find(_expression("Identifier")) if type(node).__name__ != "Identifier" else node
    name = node.this if type(node).__name__ in ("Table", "Column") else found
    identifier = name if type(name).__name__ == "Identifier" else found
    if identifier is None:
        return ""
    return str(identifier.this) if identifier.args.get("quoted") else str(identifier.this).lower()


def _expression(name: str) -> Any:
    return getattr(importlib.import_module("sqlglot.expressions"), name)


_DROPPED = {"CONSTRAINT": "other", "INDEX": "index"}


def _action(table: str, action: Any, tree: Any) -> Iterator[Effect]:
    kind, arguments = type(action).__name__, action.args
    moved = tree.args.get("options") or []
    if kind == "AlterRename" and not moved:
        yield Effect("rename_table", table, to=_name(action.this))
    elif kind == "AlterRename" and type(moved[0]).__name__ == "ToTableProperty":
        yield Effect("rename_column", table, _name(action.this), _name(moved[0].this))
    elif kind == "RenameColumn":
        yield Effect("rename_column", table, _name(action.this), _name(arguments["to"]))
    elif kind == "ColumnDef":
        yield from _added(table, action)
    elif kind == "Drop" and str(arguments.get("kind")).upper() == "COLUMN":
        yield from (Effect("drop_column", table, _name(one)) for one in arguments["tables"])
    elif kind == "Drop" and (dropped := _DROPPED.get(str(arguments.get("kind")).upper())):
        yield from (Effect("drop_constraint", table, constraint=Constraint(_name(one), dropped)) for one in arguments["tables"])
    elif kind == "AlterColumn" and (change := _change(arguments)):
        yield Effect(change, table, _name(action.this))
    elif kind == "AddConstraint":
        for one in action.expressions:
            made = replace(_constraint(one), valid=not tree.args.get("not_valid"))
            yield Effect("add_constraint", table, constraint=made)
    else:
        yield _opaque(tree.sql())


def _change(arguments: dict[str, Any]) -> str:
    """Return the one thing that ALTER COLUMN changes; "" for anything else, a type for example."""
    given = {name for name, value in arguments.items() if value not in (None, False, []) or name == "allow_null"} - {"this"}
    if given == {"allow_null"}:
        return "drop_not_null" if arguments["allow_null"] else "set_not_null"
    if given == {"allow_null", "drop"} and arguments["allow_null"]:
        return "drop_not_null"
    return {"default": "set_default", "drop": "drop_default"}.get("".join(given), "")


def _added(table: str, definition: Any) -> Iterator[Effect]:
    column = _column(definition)
    if column is None:
        yield _opaque(f"ALTER TABLE {table} ADD {definition.sql()}")
        return
    yield Effect("add_column", table, column.name, after=column)
    for kind in definition.find_all(_expression("CheckColumnConstraint")):
        yield Effect("add_constraint", table, constraint=_check("", kind))


_TYPES = {"SERIAL", "BIGSERIAL", "SMALLSERIAL"}


def _column(definition: Any) -> Column | None:
    """Read the definition of a column; None where it says what is not known here."""
    kinds = {type(one.args["kind"]).__name__: one.args["kind"] for one in definition.args.get("constraints") or []}
    serial = str(getattr(definition.args.get("kind"), "this", "")).rpartition(".")[2] in _TYPES
    known = {"NotNullColumnConstraint", "DefaultColumnConstraint", "PrimaryKeyColumnConstraint", "UniqueColumnConstraint",
             "Reference", "CheckColumnConstraint", "CollateColumnConstraint", "CommentColumnConstraint",
             "GeneratedAsIdentityColumnConstraint", "ComputedColumnConstraint"}  # fmt: skip
    if kinds.keys() - known:
        return None
    identity = kinds.get("GeneratedAsIdentityColumnConstraint")
    computed = "ComputedColumnConstraint" in kinds or (identity is not None and identity.args.get("expression") is not None)
    required, primary = kinds.get("NotNullColumnConstraint"), "PrimaryKeyColumnConstraint" in kinds
    default = kinds.get("DefaultColumnConstraint")
    value = _constant(default.this) if default is not None else UNKNOWN
    empty = default is not None and value is None
    automatic = serial or (identity is not None and not computed)
    reference = kinds.get("Reference")
    return Column(
        _name(definition.this),
        null=not primary and not automatic and (required is None or bool(required.args.get("allow_null"))),
        default=(default is not None and not empty) or automatic,
        generated=computed,
        unique="UniqueColumnConstraint" in kinds or primary,
        references=f"{_name(reference.this)}.?" if reference is not None else "",
        deletes=_deletes(reference),
        value=UNKNOWN if empty else value,
        volatile=automatic or (default is not None and value is UNKNOWN),
    )


def _constant(node: Any) -> Any:
    kind = type(node).__name__
    if kind == "Literal":
        text = str(node.this)
        return text if node.args["is_string"] else int(text) if text.lstrip("-").isdigit() else UNKNOWN
    if kind == "Boolean":
        return bool(node.this)
    if kind in ("RawString", "Heredoc"):
        return str(node.this)
    return None if kind == "Null" else UNKNOWN


def _deletes(reference: Any) -> str:
    options = " ".join(str(one).upper() for one in (reference.args.get("options") or [])) if reference is not None else ""
    return next((rule for rule in ("CASCADE", "SET NULL", "SET DEFAULT") if f"ON DELETE {rule}" in options), "")


def _columns(nodes: Sequence[Any]) -> tuple[str, ...] | None:
    """Return the names of columns; None where one is an expression."""
    plain = [node.this if type(node).__name__ == "Ordered" else node for node in nodes]
    if all(type(node).__name__ in ("Identifier", "Column") for node in plain) and plain:
        return tuple(_name(node) for node in plain)
    return None


def _constraint(tree: Any) -> Constraint:
    name = ""
    if type(tree).__name__ == "Constraint":
        name, tree = _name(tree.this), tree.expressions[0] if len(tree.expressions) == 1 else None
    kind = type(tree).__name__
    if kind == "UniqueColumnConstraint" and type(tree.this).__name__ == "Schema":
        return Constraint(name, "unique", _columns(tree.this.expressions), nulls_distinct=not tree.args.get("nulls"))
    if kind == "PrimaryKey":
        return Constraint(name, "unique", _columns(tree.expressions))
    if kind == "ForeignKey":
        reference = tree.args["reference"]
        options = [*(tree.args.get("options") or []), *(reference.args.get("options") or [])]
        rule = " ".join(str(one).upper() for one in options)
        deletes = next((one for one in ("CASCADE", "SET NULL", "SET DEFAULT") if f"ON DELETE {one}" in rule), "")
        return Constraint(name, "foreign", _columns(tree.expressions), references=_name(reference.this), deletes=deletes)
    return _check(name, tree) if kind == "CheckColumnConstraint" else Constraint(name, "other")


def _check(name: str, tree: Any) -> Constraint:
    names = tuple(dict.fromkeys(_name(one) for one in tree.find_all(_expression("Column"))))
    return Constraint(name, "check", names or None, condition=_condition(tree.this), detail=tree.sql())


def _only(node: Any, *known: str) -> bool:
    """Return whether nothing else is said than what is read here."""
    return all(value in (None, False, []) or name in known for name, value in node.args.items())


_COMPARED = {"GT": "gt", "GTE": "gte", "LT": "lt", "LTE": "lte", "EQ": "exact"}


def _condition(node: Any) -> Condition:
    """Return what a check demands, as `conditions` reads it."""
    kind = type(node).__name__
    if kind == "Paren":
        return _condition(node.this)
    if kind in ("And", "Or"):
        return (kind.lower(), _condition(node.this), _condition(node.expression))
    if kind == "Not":
        return ("not", _condition(node.this))
    column = type(node.this).__name__ == "Column"
    if kind == "Is" and column and type(node.expression).__name__ == "Null" and _only(node, "this", "expression", "negate"):
        return ("is", _name(node.this), "isnull", not node.args.get("negate"))
    if kind in _COMPARED and column and (value := _constant(node.expression)) is not UNKNOWN:
        return ("is", _name(node.this), _COMPARED[kind], value)
    return ("other", node.sql())


def _index(tree: Any) -> Effect:
    index, unique = tree.this, bool(tree.args.get("unique"))
    parameters = index.args.get("params")
    columns = _columns(parameters.args.get("columns") or []) if parameters is not None else None
    partial = parameters is not None and parameters.args.get("where") is not None
    made = Constraint(
        _name(index.this) if index.this is not None else "",
        "unique" if unique else "index",
        columns,
        detail=parameters.sql() if partial or columns is None else "",
        expressions=columns is None,
        concurrently=bool(tree.args.get("concurrently")),
        as_index=True,
    )
    return Effect("add_constraint", _name(index.args["table"]), constraint=made)


def _created(tree: Any) -> Effect:
    schema = tree.this
    if type(schema).__name__ != "Schema":
        return Effect("create_table", _name(schema))
    definitions = [one for one in schema.expressions if type(one).__name__ == "ColumnDef"]
    columns = [_column(one) for one in definitions]
    whole = len(definitions) == len(schema.expressions) and all(columns)
    made = Table(_name(schema.this), {one.name: one for one in columns if one}) if whole else None
    return Effect("create_table", _name(schema.this), created=made)
