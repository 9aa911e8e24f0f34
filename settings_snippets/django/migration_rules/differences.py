"""What an operation changes: two descriptions of the same tables, compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from django.db.migrations import operations
from django.db.migrations.operations.base import Operation

from .schema import Column, Constraint, Effect, Table

Key = tuple[str, ...]
_SAME = ("name", "field", "fallback", "fallback_value")  # of the models alone


class Renaming:
    """The model or field that an operation renames."""

    def __init__(self, operation: Operation, app: str) -> None:
        self._app = app
        self._model = ("", "")
        self._field = ("", "", "")
        if isinstance(operation, operations.RenameModel):
            self._model = (operation.old_name_lower, operation.new_name_lower)
        elif isinstance(operation, operations.RenameField):
            self._field = (operation.model_name_lower, operation.old_name, operation.new_name)

    def key(self, key: Key) -> Key:
        """Return what the key of a table is afterwards."""
        app, name, *through = key
        if (app, name) == (self._app, self._model[0]):
            return (app, self._model[1], *through)
        model, before, after = self._field
        return (app, name, after) if (app, name, *through) == (self._app, model, before) else key

    def field(self, key: Key, name: str) -> str:
        """Return what a field of the table with this key (as it is afterwards) is called afterwards."""
        model, before, after = self._field
        if key == (self._app, model) and name == before:
            return after
        old, new = self._model
        # The fields of a table between two models bear the names of these.
        return name.replace(old, new) if old and len(key) == 3 and name in (old, f"from_{old}", f"to_{old}") else name


def differences(
    before: Mapping[Key, Table], after: Mapping[Key, Table], names: Renaming, *, concurrently: bool, valid: bool = True
) -> Iterator[Effect]:
    """Return the effects that make the tables before into those after; `valid`: rows that are there are checked."""
    kept = {names.key(key): table for key, table in before.items()}
    for key, table in kept.items():
        if key not in after:
            yield Effect("drop_table", table.name)
    for key, table in after.items():
        if key not in kept:
            yield Effect("create_table", table.name, created=table)
        elif kept[key] != table:
            fields = {name: names.field(key, name) for name in (column.field for column in kept[key].columns.values())}
            for effect in _altered(kept[key], table, fields):
                made = effect.constraint if effect.kind == "add_constraint" else None
                yield replace(effect, constraint=replace(made, concurrently=concurrently, valid=valid)) if made else effect


def alike(before: Mapping[Key, Table], after: Mapping[Key, Table]) -> bool:
    """Return whether the database has the same tables, whatever the models are called."""
    return _seen(before) == _seen(after)


def back(effects: Iterable[Effect]) -> bool:
    """Return whether all that is renamed has its own name again, and nothing is dropped: what is made anew is empty."""
    tables, columns = dict[str, str](), dict[tuple[str, str], str]()
    for one in effects:
        if one.kind in ("drop_table", "drop_column"):
            return False
        table = tables.get(one.table, one.table)
        if one.kind == "rename_table":
            tables[one.to] = tables.pop(one.table, one.table)
        elif one.kind == "rename_column":
            columns[table, one.to] = columns.pop((table, one.column), one.column)
    return all(now == was for now, was in tables.items()) and all(now == was for (_, now), was in columns.items())


def _seen(tables: Mapping[Key, Table]) -> Mapping[str, Any]:
    return {
        table.name: (
            {name: _essence(column) for name, column in table.columns.items()},
            {(one.name, *one.essence) for one in table.constraints},
        )
        for table in tables.values()
    }


def _altered(old: Table, new: Table, fields: Mapping[str, str]) -> Iterator[Effect]:
    """Compare two descriptions of one table; `fields`: what each field of the old one is called in the new one."""
    if old.name != new.name:
        yield Effect("rename_table", old.name, to=new.name)
    before = {fields[column.field]: column for column in old.columns.values()}
    after = {column.field: column for column in new.columns.values()}
    renamed = {was.name: after[name].name for name, was in before.items() if name in after}
    yield from _dropped(old, new, renamed)
    for name, column in before.items():
        if name not in after:
            yield Effect("drop_column", new.name, column.name)
    for name, column in after.items():
        if name not in before:
            yield Effect("add_column", new.name, column.name, after=column)
            continue
        was = before[name]
        if was.name != column.name:
            yield Effect("rename_column", new.name, was.name, column.name, after=column)
        if _essence(was) != _essence(column):
            yield Effect("alter_column", new.name, column.name, before=was, after=column)
    known = {_renamed(constraint, renamed).essence for constraint in old.constraints}
    for constraint in new.constraints:
        if constraint.essence not in known:
            yield Effect("add_constraint", new.name, constraint=constraint)


def _dropped(old: Table, new: Table, renamed: Mapping[str, str]) -> Iterator[Effect]:
    """A constraint with only a new name, or a renamed column, is the same."""
    kept = {constraint.essence for constraint in new.constraints}
    for constraint in old.constraints:
        if _renamed(constraint, renamed).essence not in kept:
            yield Effect("drop_constraint", new.name, constraint=constraint)


def _renamed(constraint: Constraint, columns: Mapping[str, str]) -> Constraint:
    names = constraint.columns and tuple(columns.get(name, name) for name in constraint.columns)
    return replace(constraint, columns=names)


def _essence(column: Column) -> Mapping[str, Any]:
    return {name: value for name, value in vars(column).items() if name not in _SAME}
