"""SQL in migrations, read by sqlglot where the site's environment has it; what is not certain is `opaque`: somebody must look."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from .definitions import check_of, column_of, columns_of, constraint_of, expression, name_of
from .schema import Constraint, Effect, Table

_LONGEST = 256 * 1024  # characters: some seconds for sqlglot
_DIALECTS = {"postgresql": "postgres", "mysql": "mysql", "sqlite": "sqlite", "oracle": "oracle"}
# What they do is over when the migration is, and changes no table.
_HARMLESS = ("Analyze", "Comment", "Show", "Transaction", "Commit")
# Of SET: what changes neither where the next statements do their work, nor as whom.
_SET = re.compile(
    r"SET\s+(?:LOCAL\s+|SESSION\s+)?(?:\w+_timeout|\w*work_mem|client_min_messages|foreign_key_checks|unique_checks|enable_\w+"
    r"|synchronous_commit|names)\b",
    re.IGNORECASE,
)
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
    if kind == "Alter" and what == "TABLE" and tree.args.get("actions"):
        return [_placed(effect, tree) for action in tree.args["actions"] for effect in _action(name_of(tree.this), action, tree)]
    if kind == "Create" and what == "INDEX":
        return [_index(tree)]
    if kind == "Create" and what == "VIEW" and not tree.args.get("replace"):
        return [Effect("create_table", name_of(tree.this))]
    if kind == "Create" and what == "TABLE":
        return [_created(tree)]
    if kind == "Drop" and what in ("TABLE", "VIEW"):
        return [Effect("drop_table", name_of(one)) for one in tree.args["tables"]]
    if kind == "Drop" and what == "INDEX":
        on = tree.args.get("cluster")  # MySQL names the table
        table = name_of(on.this) if type(on).__name__ == "OnProperty" else ""
        return [Effect("drop_constraint", table, constraint=Constraint(name_of(one), "index")) for one in tree.args["tables"]]
    harmless = kind in _HARMLESS or (kind == "Alter" and what == "INDEX")
    harmless |= kind == "Create" and what in _MADE
    harmless |= kind == "Select" and not _calls(tree) and tree.args.get("into") is None
    text = tree.sql()
    harmless |= kind == "Set" and bool(_SET.match(text))
    return [Effect("harmless", text=f"old code does not notice: {text[:60]}") if harmless else _opaque(text)]


def _calls(tree: Any) -> bool:
    """Return whether a function is called, which may do anything."""
    return any("Func" in {base.__name__ for base in type(node).__mro__} or type(node).__name__ == "Lock" for node in tree.walk())


# MySQL refuses what it cannot do so; what makes it do more than it has to is not read.
_ONLINE = {("AlgorithmProperty", "INPLACE"), ("LockProperty", "NONE")}


def _placed(effect: Effect, tree: Any) -> Effect:
    options = {(type(one).__name__, str(one.this).upper()) for one in tree.args.get("options") or ()}
    if options and options <= _ONLINE:
        return replace(effect, online=True)
    return _opaque(tree.sql()) if options and effect.kind != "rename_column" else effect


_DROPPED = {"CONSTRAINT": "other", "INDEX": "index"}


def _action(table: str, action: Any, tree: Any) -> Iterator[Effect]:
    kind, arguments = type(action).__name__, action.args
    moved = tree.args.get("options") or []
    if kind == "AlterRename" and not moved:
        yield Effect("rename_table", table, to=name_of(action.this))
    elif kind == "AlterRename" and type(moved[0]).__name__ == "ToTableProperty":
        yield Effect("rename_column", table, name_of(action.this), name_of(moved[0].this))
    elif kind == "RenameColumn":
        yield Effect("rename_column", table, name_of(action.this), name_of(arguments["to"]))
    elif kind == "ColumnDef":
        yield from _added(table, action)
    elif kind == "Drop" and str(arguments.get("kind")).upper() == "COLUMN":
        yield from (Effect("drop_column", table, name_of(one)) for one in arguments["tables"])
    elif kind == "Drop" and (dropped := _DROPPED.get(str(arguments.get("kind")).upper())):
        yield from (Effect("drop_constraint", table, constraint=Constraint(name_of(one), dropped)) for one in arguments["tables"])
    elif kind == "ModifyColumn":
        yield from _modified(table, action)
    elif kind == "AlterColumn" and (change := _change(arguments)):
        yield Effect(change, table, name_of(action.this))
    elif kind == "AddConstraint":
        for one in action.expressions:
            made = replace(constraint_of(one), valid=not tree.args.get("not_valid"))
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
    column = column_of(definition)
    if column is None:
        yield _opaque(f"ALTER TABLE {table} ADD {definition.sql()}")
        return
    yield Effect("add_column", table, column.name, after=column)
    yield from _checks(table, definition, inline=True)


def _modified(table: str, action: Any) -> Iterator[Effect]:
    """MODIFY and CHANGE of MySQL: the definition is the whole column; keys and references stay as they are."""
    definition, renamed = action.this, action.args.get("rename_from")
    column = column_of(definition, "mysql")
    if column is None or column.references:
        yield _opaque(f"ALTER TABLE {table} MODIFY {definition.sql()}")
        return
    if renamed is not None and name_of(renamed) != column.name:
        yield Effect("rename_column", table, name_of(renamed), column.name)
    yield Effect("modify_column", table, column.name, after=column)
    yield from _checks(table, definition)


def _checks(table: str, definition: Any, *, inline: bool = False) -> Iterator[Effect]:
    for kind in definition.find_all(*expression("CheckColumnConstraint")):
        yield Effect("add_constraint", table, constraint=replace(check_of("", kind), inline=inline))


_FAILING = ("Cast", "TryCast", "Div", "IntDiv", "Mod", "Sqrt", "Ln", "Log")


_TEXTS = ("TEXT", "VARCHAR", "CHAR", "BPCHAR")


def _always_casts(node: Any) -> bool:
    """Return whether a cast is to a text, which all that there is has, or of a constant."""
    kind, to = type(node.this).__name__, node.args.get("to")
    return to is not None and (kind == "Literal" or getattr(to.this, "name", "") in _TEXTS)


def _index(tree: Any) -> Effect:
    index, unique = tree.this, bool(tree.args.get("unique"))
    parameters = index.args.get("params")
    columns = columns_of(parameters.args.get("columns") or []) if parameters is not None else None
    partial = parameters is not None and parameters.args.get("where") is not None
    nodes = parameters.walk() if parameters is not None and columns is None else ()
    failing = [node.sql() for node in nodes if type(node).__name__ in _FAILING and not _always_casts(node)]
    made = Constraint(
        name_of(index.this) if index.this is not None else "",
        "unique" if unique else "index",
        columns,
        detail=parameters.sql() if partial or columns is None else "",
        expressions=columns is None,
        concurrently=bool(tree.args.get("concurrently")),
        as_index=True,
        failing=frozenset(failing),
    )
    return Effect("add_constraint", name_of(index.args["table"]), constraint=made)


def _created(tree: Any) -> Effect:
    schema = tree.this
    if type(schema).__name__ != "Schema":
        return Effect("create_table", name_of(schema))
    definitions = [one for one in schema.expressions if type(one).__name__ == "ColumnDef"]
    columns = [column_of(one) for one in definitions]
    whole = len(definitions) == len(schema.expressions) and all(columns)
    made = Table(name_of(schema.this), {one.name: one for one in columns if one}) if whole else None
    return Effect("create_table", name_of(schema.this), created=made)
