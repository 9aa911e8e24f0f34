"""Models, described as tables: the constraints by the SQL that Django makes of them."""

from __future__ import annotations

import datetime
import decimal
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from django.core.exceptions import FieldDoesNotExist, FieldError
from django.db import NotSupportedError, models
from django.db.models import NOT_PROVIDED
from django.db.models.functions import Cast, Extract
from django.db.models.functions.datetime import TruncBase

from .conditions import Condition
from .schema import UNKNOWN, Column, Constraint, Table

_AUTO = (models.AutoField, models.BigAutoField, models.SmallAutoField)
_CONSTANTS = (str, bytes, bool, int, float, decimal.Decimal, datetime.date, datetime.time, datetime.timedelta, uuid.UUID)


def describe(model: type[models.Model], editor: Any) -> Table:
    """Describe the table of a model; `editor`: a schema editor of the database."""
    meta = model._meta
    columns = [_column(field, editor) for field in meta.local_concrete_fields]
    made = (_made(model, one, editor) for one in (*meta.constraints, *meta.indexes))
    constraints = (*_key(model), *_together(model), *(one for one in made if one))
    return Table(meta.db_table, {column.name: column for column in columns if column}, constraints)


def _column(field: Any, editor: Any) -> Column | None:
    parameters = field.db_parameters(connection=editor.connection)
    if parameters["type"] is None:
        return None
    references = deletes = ""
    if field.remote_field and getattr(field, "db_constraint", False):
        deletes = getattr(field.remote_field.on_delete, "operation", "")  # DB_CASCADE and the like, since Django 6.1
        references = f"{field.remote_field.model._meta.db_table}.{field.target_field.column}"
    automatic, given = isinstance(field, _AUTO), getattr(field, "db_default", NOT_PROVIDED)
    value = _constant(given)
    return Column(
        field.column,
        field=field.name,
        type=parameters["type"],
        null=field.null,
        default=automatic or (given is not NOT_PROVIDED and value is not None),
        generated=getattr(field, "generated", False),
        stored=bool(getattr(field, "db_persist", False)),
        made_of=columns_of(field.model, _names(field.expression)) if getattr(field, "generated", False) else (),
        collation=str(parameters.get("collation") or ""),
        primary=field.primary_key,
        unique=field.unique,
        check=str(parameters.get("check") or "").replace(f'"{field.column}"', "it"),
        references=references,
        deletes=deletes,
        indexed=bool(field.db_index),
        value=UNKNOWN if value is None else value,
        volatile=automatic or (given is not NOT_PROVIDED and value is UNKNOWN and not _stable(given)),
        fallback=given is NOT_PROVIDED and _falls_back(field, editor),
        fallback_value=field.default if isinstance(field.default, _CONSTANTS) else UNKNOWN,
    )


def _constant(given: Any) -> Any:
    """Return the constant of a database default; None for NULL."""
    value = given.value if isinstance(given, models.Value) else given
    return value if value is None or isinstance(value, _CONSTANTS) else UNKNOWN


def _stable(given: Any) -> bool:
    """Return whether an expression yields the same for all rows of a statement."""
    return isinstance(given, models.functions.Now | models.Value)


def _falls_back(field: Any, editor: Any) -> bool:
    """Return whether Django fills the rows that are there when it adds the column."""
    automatic = getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)
    empty = field.blank and field.empty_strings_allowed
    ordered = isinstance(field, models.fields.proxy.OrderWrt)
    if field.null or not ((field.has_default() and field.default is not None) or automatic or empty or ordered):
        return False
    # Asked of plain columns alone: MySQL calls the default for the answer, which may read rows where it refers to them.
    return field.remote_field is not None or not editor.skip_default(field)


def _key(model: type[models.Model]) -> Iterator[Constraint]:
    """Yield the primary key where it is of several columns (Django 5.2): none of these is one by itself."""
    columns = [field.column for field in getattr(model._meta, "pk_fields", ())]
    if len(columns) > 1:
        yield Constraint("", "unique", tuple(columns), detail="PRIMARY KEY", of_all=True)


def _together(model: type[models.Model]) -> Iterator[Constraint]:
    for fields in model._meta.unique_together:
        yield Constraint("", "unique", columns_of(model, fields))
    for fields in getattr(model._meta, "index_together", ()):
        yield Constraint("", "index", columns_of(model, fields))


def _made(model: type[models.Model], one: Any, editor: Any) -> Constraint | None:
    """Describe a constraint or an index; None where the database makes none of it."""
    sql, name = _sql(model, one, editor), one.name
    if sql is None:
        return None
    if isinstance(one, models.Index):
        made = one.expressions if editor.connection.features.supports_expression_indexes else ()
        failing = frozenset[Any]().union(*map(_failing, made))
        return Constraint(name, "index", columns_of(model, one.fields), detail=sql, expressions=bool(one.expressions),
                          failing=failing)  # fmt: skip
    if isinstance(one, models.UniqueConstraint):
        fields = one.fields or _names(one.expressions)
        of_all, indexed = not (one.expressions or one.condition), bool(one.include or one.opclasses)
        simple = of_all and not indexed and not one.deferrable
        distinct = getattr(one, "nulls_distinct", None) is not False
        condition = read_condition(model, flattened(one.condition)) if one.condition else None
        return Constraint(name, "unique", columns_of(model, fields), distinct, condition, detail="" if simple else sql,
                          expressions=bool(one.expressions), as_index=indexed or not of_all, of_all=of_all,
                          deferrable=bool(one.deferrable))  # fmt: skip
    if isinstance(one, models.CheckConstraint):
        given = flattened(condition_of(one))
        read = read_condition(model, given)
        return Constraint(name, "check", columns_of(model, _names(given)), condition=read, detail=sql)
    if hasattr(one, "index_type") and hasattr(one, "expressions"):
        fields = _names([expression for expression, _ in one.expressions])
        return Constraint(name, "exclude", columns_of(model, fields), detail=sql)
    return Constraint(name, "other", None, detail=sql)


# Functions that have a value for every value of their sources.
_TOTAL = {"F", "Col", "Value", "OrderBy", "Collate", "OpClass", "IndexExpression", "Lower", "Upper", "Trim", "LTrim", "RTrim"}
_TOTAL |= {"Length", "Coalesce", "Concat", "ConcatPair", "NullIf", "MD5", "SHA1", "SHA224", "SHA256", "SHA384", "SHA512"}
_TOTAL |= {"Left", "Right", "Reverse", "KeyTransform", "KeyTextTransform", "KT", "SearchVector", "SearchConfig"}


def _failing(expression: Any) -> frozenset[Any]:
    """Return the parts of an expression that are not known to have a value, whatever columns hold."""
    to_text = isinstance(expression, Cast) and isinstance(expression.output_field, models.CharField | models.TextField)
    if not (to_text or isinstance(expression, Extract | TruncBase) or type(expression).__name__ in _TOTAL):
        return frozenset([expression])
    sources = expression.get_source_expressions() if hasattr(expression, "get_source_expressions") else []
    return frozenset[Any]().union(*(_failing(one) for one in sources if one is not None))


def condition_of(check: Any) -> Any:
    """Return the condition of a CheckConstraint (`check` before Django 5.1)."""
    return check.condition if hasattr(check, "condition") else check.check


def _sql(model: type[models.Model], one: Any, editor: Any) -> str | None:
    """Return the SQL that Django makes, without names that say nothing; None where it makes none."""
    made = one.clone()
    made.name = "it"
    for attribute in ("condition", "check"):
        if isinstance(vars(made).get(attribute), models.Q):
            setattr(made, attribute, flattened(getattr(made, attribute)))
    try:
        found = made.create_sql(model, editor)
    except (FieldError, FieldDoesNotExist, NotSupportedError, TypeError, ValueError):
        return repr(one.deconstruct()[1:])
    return None if found is None else str(found).replace(editor.quote_name(model._meta.db_table), "here")


def flattened(condition: Any) -> Any:
    """Return a condition without brackets that mean nothing."""
    if not isinstance(condition, models.Q):
        return condition
    children: list[Any] = []
    for child in condition.children:
        inner = flattened(child)
        if (
            isinstance(inner, models.Q)
            and not inner.negated
            and (inner.connector == condition.connector or len(inner.children) == 1)
        ):
            children += inner.children
        else:
            children.append(inner)
    if len(children) == 1 and isinstance(children[0], models.Q) and not condition.negated:
        return children[0]
    made = models.Q(_connector=condition.connector, _negated=condition.negated)
    made.children = children
    return made


_LOOKUPS = {"exact", "gt", "gte", "lt", "lte", "in", "isnull", "range"}


def read_condition(model: type[models.Model], condition: Any) -> Condition:
    """Return a condition as `conditions` reads it."""
    if isinstance(condition, tuple):
        return _lookup(model, *condition)
    if not isinstance(condition, models.Q) or condition.connector not in ("AND", "OR"):
        return ("other", repr(condition))
    parts = [read_condition(model, child) for child in condition.children]
    found = parts[0] if len(parts) == 1 else (condition.connector.lower(), *parts)
    return ("not", found) if condition.negated else found


def _lookup(model: type[models.Model], path: str, value: Any) -> Condition:
    first, *more = path.split("__")
    columns = columns_of(model, [first])
    if columns is None or (more and more[:-1]) or not set(more) <= _LOOKUPS or hasattr(value, "resolve_expression"):
        return ("other", path, repr(value))
    how, what = (more or ["exact"])[0], columns[0]
    if how == "range":
        return ("and", ("is", what, "gte", value[0]), ("is", what, "lte", value[1]))
    if how == "in":
        return ("is", what, "in", tuple(value))
    return ("is", what, "isnull", True) if how == "exact" and value is None else ("is", what, how, value)


def columns_of(model: type[models.Model], names: Iterable[str] | None) -> tuple[str, ...] | None:
    """Return the columns of fields; None where any is unknown, or where there are none."""
    own = {name: field.column for field in model._meta.local_concrete_fields for name in (field.name, field.attname)}
    own["pk"] = own.get(str(model._meta.pk.name) if model._meta.pk else "", "")
    found = [own.get(name.lstrip("-").split("__")[0], "") for name in names] if names is not None else []
    return tuple(dict.fromkeys(found)) if found and all(found) else None


def _names(expressions: Any) -> list[str] | None:
    """Return the names of the fields in conditions or expressions; None where unknown."""
    found: list[str] = []
    for item in expressions if isinstance(expressions, list | tuple) else [expressions]:
        names = _of_item(item)
        if names is None:
            return None
        found += names
    return found


def _of_item(item: Any) -> list[str] | None:
    if isinstance(item, models.F):
        return [item.name]
    if isinstance(item, str):
        return [item]
    if isinstance(item, models.Q):
        return _of_condition(item)
    if isinstance(item, models.expressions.RawSQL) or not hasattr(item, "get_source_expressions"):
        return None
    return _names([inner for inner in item.get_source_expressions() if inner is not None])


def _of_condition(condition: models.Q) -> list[str] | None:
    found: list[str] = []
    for child in condition.children:
        if isinstance(child, tuple):
            found.append(child[0])
            names = _names(child[1]) if hasattr(child[1], "resolve_expression") else []
        else:
            names = _names(child)
        if names is None:
            return None
        found += names
    return found
