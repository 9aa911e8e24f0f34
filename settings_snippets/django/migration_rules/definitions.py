"""Names, columns and constraints in the syntax tree of sqlglot."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

from .conditions import Condition
from .schema import UNKNOWN, Column, Constraint


def name_of(node: Any) -> str:
    """Return the last part of a name; what is not quoted is in lower case."""
    found = node.find(*expression("Identifier")) if type(node).__name__ != "Identifier" else node
    name = node.this if type(node).__name__ in ("Table", "Column") else found
    identifier = name if type(name).__name__ == "Identifier" else found
    if identifier is None:
        return ""
    return str(identifier.this) if identifier.args.get("quoted") else str(identifier.this).lower()


def expression(*names: str) -> Any:
    """Return classes of the syntax tree."""
    return tuple(getattr(importlib.import_module("sqlglot.expressions"), name) for name in names)


_SERIAL = {"SERIAL", "BIGSERIAL", "SMALLSERIAL"}
_KNOWN = {"NotNullColumnConstraint", "DefaultColumnConstraint", "PrimaryKeyColumnConstraint", "UniqueColumnConstraint",
          "Reference", "CheckColumnConstraint", "CollateColumnConstraint", "CharacterSetColumnConstraint",
          "CommentColumnConstraint", "GeneratedAsIdentityColumnConstraint", "ComputedColumnConstraint",
          "AutoIncrementColumnConstraint"}  # fmt: skip


def column_of(definition: Any, dialect: str = "") -> Column | None:
    """Read the definition of a column; None where it says what is not known here.

    `dialect`: name its type in the words of this one.
    """
    kinds = {type(one.args["kind"]).__name__: one.args["kind"] for one in definition.args.get("constraints") or []}
    if kinds.keys() - _KNOWN:
        return None
    given = definition.args.get("kind")
    serial = str(getattr(given, "this", "")).rpartition(".")[2] in _SERIAL
    identity, expressed = kinds.get("GeneratedAsIdentityColumnConstraint"), kinds.get("ComputedColumnConstraint")
    computed = expressed is not None or (identity is not None and identity.args.get("expression") is not None)
    counts = "AutoIncrementColumnConstraint" in kinds
    automatic = serial or counts or (identity is not None and not computed)
    required, primary = kinds.get("NotNullColumnConstraint"), "PrimaryKeyColumnConstraint" in kinds
    default = kinds.get("DefaultColumnConstraint")
    value = _constant(default.this) if default is not None else UNKNOWN
    empty = default is not None and value is None
    reference = kinds.get("Reference")
    return Column(
        name_of(definition.this),
        type=given.sql(dialect).lower() + " auto_increment" * counts if given is not None and dialect else "",
        null=not primary and not automatic and (required is None or bool(required.args.get("allow_null"))),
        default=(default is not None and not empty) or automatic,
        generated=computed,
        made_of=None if computed else (),
        stored=computed and (expressed is None or bool(expressed.args.get("persisted"))),
        unique="UniqueColumnConstraint" in kinds or primary,
        collation=_collation(kinds),
        references=f"{_referred(reference)}.?" if reference is not None else "",
        deletes=_deletes(reference),
        value=UNKNOWN if empty else value,
        volatile=automatic or (default is not None and value is UNKNOWN and type(default.this).__name__ != "CurrentTimestamp"),
    )


def _collation(kinds: dict[str, Any]) -> str:
    """Return the collation of a column, or the character set whose own it is; "" for that of the table."""
    named = kinds.get("CollateColumnConstraint") or kinds.get("CharacterSetColumnConstraint")
    return str(getattr(named.find(*expression("Identifier", "Var", "Literal")), "this", "")) if named is not None else ""


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


def _referred(reference: Any) -> str:
    """Return the table to which a reference refers, with or without the names of its columns."""
    target = reference.this
    return name_of(target.this if type(target).__name__ == "Schema" else target)


def _deletes(reference: Any) -> str:
    options = " ".join(str(one).upper() for one in (reference.args.get("options") or [])) if reference is not None else ""
    return next((rule for rule in ("CASCADE", "SET NULL", "SET DEFAULT") if f"ON DELETE {rule}" in options), "")


def columns_of(nodes: Sequence[Any]) -> tuple[str, ...] | None:
    """Return the names of columns; None where one is an expression."""
    plain = [node.this if type(node).__name__ == "Ordered" else node for node in nodes]
    if all(type(node).__name__ in ("Identifier", "Column") for node in plain) and plain:
        return tuple(name_of(node) for node in plain)
    return None


def _computes(nodes: Sequence[Any]) -> bool:
    """Return whether a key is over expressions, which are in brackets; it may also be over the beginning of a text."""
    return any(type(node.this if type(node).__name__ == "Ordered" else node).__name__ == "Paren" for node in nodes)


def constraint_of(tree: Any) -> Constraint:
    """Read the definition of a constraint or of a key; what is not known here is of the kind "other"."""
    name = ""
    if type(tree).__name__ == "Constraint":
        name, tree = name_of(tree.this), tree.expressions[0] if len(tree.expressions) == 1 else None
    kind = type(tree).__name__
    if kind == "IndexColumnConstraint":
        detail = str(tree.args.get("kind") or "").upper()  # FULLTEXT, SPATIAL
        return Constraint(name_of(tree.this) if tree.this else "", "index", columns_of(tree.expressions), detail=detail)
    if kind == "UniqueColumnConstraint" and type(tree.this).__name__ == "Schema":
        name = name or (name_of(tree.this.this) if tree.this.this is not None else "")
        found, later = columns_of(tree.this.expressions), "DEFERRABLE" in map(str, tree.args.get("options") or [])
        return Constraint(name, "unique", found, nulls_distinct=not tree.args.get("nulls"), detail="DEFERRABLE" * later,
                          expressions=_computes(tree.this.expressions), of_all=True, deferrable=later)  # fmt: skip
    if kind == "PrimaryKey":
        return Constraint(name, "unique", columns_of(tree.expressions))
    if kind == "ForeignKey":
        reference = tree.args["reference"]
        options = [*(tree.args.get("options") or []), *(reference.args.get("options") or [])]
        rule = " ".join(str(one).upper() for one in options)
        deletes = next((one for one in ("CASCADE", "SET NULL", "SET DEFAULT") if f"ON DELETE {one}" in rule), "")
        return Constraint(name, "foreign", columns_of(tree.expressions), references=_referred(reference), deletes=deletes)
    return check_of(name, tree) if kind == "CheckColumnConstraint" else Constraint(name, "other")


def check_of(name: str, tree: Any) -> Constraint:
    """Read a check."""
    names = tuple(dict.fromkeys(name_of(one) for one in tree.find_all(*expression("Column"))))
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
        return ("is", name_of(node.this), "isnull", not node.args.get("negate"))
    if kind in _COMPARED and column and (value := _constant(node.expression)) is not UNKNOWN:
        return ("is", name_of(node.this), _COMPARED[kind], value)
    return ("other", node.sql())
