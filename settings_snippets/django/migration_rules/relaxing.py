"""Columns that the new release no longer fills, and that are dropped later: until then the database fills them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import router
from django.db.migrations import Migration
from django.db.migrations.operations import RemoveField
from django.db.migrations.state import ProjectState
from django.db.models import NOT_PROVIDED

VENDORS = ("postgresql", "mysql")  # SQLite would make the table anew


@dataclass(frozen=True)
class Relaxation:
    """A column that a migration drops later: it gets the default of its field, or where it has none it may be NULL."""

    app: str
    migration: str
    model: Any
    field: Any
    default: bool

    def __str__(self) -> str:
        what = f"{self.model._meta.db_table}.{self.field.column}"
        return f"{'Keep a default in the database for' if self.default else 'Let the database leave empty'} {what}"


def relaxations(state: ProjectState, held: Sequence[Migration], connection: Any) -> Iterator[Relaxation]:
    """Yield the columns that migrations which wait will drop, and that an INSERT cannot leave out; `state`: without these."""
    removed = [(one, operation) for one in held for operation in one.operations if type(operation) is RemoveField]
    if connection.vendor not in VENDORS or not removed:
        return
    editor = connection.SchemaEditorClass(connection, collect_sql=True)
    for migration, operation in removed:
        key = migration.app_label, operation.model_name_lower
        if key not in state.models or operation.name not in state.models[key].fields:
            continue  # another migration that waits makes it
        model = state.apps.get_model(*key)
        field = model._meta.get_field(operation.name)
        if _must_be_filled(field) and router.allow_migrate_model(connection.alias, model) and model._meta.managed:
            default = not editor.skip_default(field) and editor.effective_default(field) is not None
            yield Relaxation(migration.app_label, migration.name, model, field, default)


def relax(connection: Any, found: Sequence[Relaxation]) -> None:
    """Let the database fill columns; again changes nothing more."""
    for one in found:
        with connection.schema_editor() as editor:
            nullable = one.field.clone()
            nullable.null = True
            nullable.set_attributes_from_name(one.field.name)
            changes, parameters = (
                editor._alter_column_default_sql(one.model, None, one.field, drop=False)
                if one.default
                else editor._alter_column_null_sql(one.model, one.field, nullable)
            )
            table = editor.quote_name(one.model._meta.db_table)
            editor.execute(editor.sql_alter_column % {"table": table, "changes": changes}, parameters)


def _must_be_filled(field: Any) -> bool:
    """Return whether an INSERT that leaves the column out fails, and a value of the database's own would do."""
    if field.many_to_many or not field.concrete or field.null or field.primary_key or field.unique or field.remote_field:
        return False
    return getattr(field, "db_default", NOT_PROVIDED) is NOT_PROVIDED and not getattr(field, "generated", False)
