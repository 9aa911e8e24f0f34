"""NOT NULL columns whose default stays in the database, so that old code, which does not know them, can go on adding rows."""

# mypy: allow-subclassing-any

from __future__ import annotations

from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import NOT_PROVIDED


def keep_defaults(connection: Any) -> None:
    """Let the schema editors of a connection keep the defaults of the columns that they add."""
    connection.SchemaEditorClass = type("KeepsDefaults", (_KeepsDefaults, connection.SchemaEditorClass), {"made": set[str]()})


class _KeepsDefaults:
    """Django fills the rows that are there by a default of the new column, and drops it at once: here it is not dropped."""

    connection: Any
    made: set[str]
    _keeping = False

    def create_model(self, model: Any) -> None:
        """Remember which tables old code does not know."""
        self.made.add(model._meta.db_table)
        super().create_model(model)  # type: ignore[misc]

    def add_field(self, model: Any, field: Any) -> None:
        """Add a column with its default."""
        if model._meta.db_table in self.made or not self._keeps(field):
            super().add_field(model, field)  # type: ignore[misc]
            return
        self._keeping = True
        try:
            if self.connection.vendor == "sqlite":
                # Django makes the table anew, as SQLite cannot drop a default; the statement of the other databases does too.
                BaseDatabaseSchemaEditor.add_field(self, model, field)
            else:
                super().add_field(model, field)  # type: ignore[misc]
        finally:
            self._keeping = False

    def skip_default_on_alter(self, field: Any) -> bool:
        """Say whether Django is to leave the default of the column as it is."""
        return self._keeping or super().skip_default_on_alter(field)  # type: ignore[misc]

    def alter_field(self, model: Any, old_field: Any, new_field: Any, strict: bool = False) -> None:
        """Drop a default that was kept before PostgreSQL has to convert it to another type, which it may refuse."""
        types = [field.db_parameters(connection=self.connection)["type"] for field in (old_field, new_field)]
        if self.connection.vendor == "postgresql" and types[0] != types[1] and None not in types and self._kept(model, old_field):
            sql, parameters = self._alter_column_default_sql(model, None, old_field, drop=True)  # type: ignore[attr-defined]
            table = self.quote_name(model._meta.db_table)  # type: ignore[attr-defined]
            self.execute(f"ALTER TABLE {table} {sql}", parameters)  # type: ignore[attr-defined]
        super().alter_field(model, old_field, new_field, strict)  # type: ignore[misc]

    def _keeps(self, field: Any) -> bool:
        if field.many_to_many or field.null or field.unique or _has_own_default(field):
            return False
        editor: Any = self
        return not editor.skip_default(field) and editor.effective_default(field) is not None

    def _kept(self, model: Any, field: Any) -> bool:
        if _has_own_default(field) or self.collect_sql:  # type: ignore[attr-defined]
            return False
        with self.connection.cursor() as cursor:
            found = self.connection.introspection.get_table_description(cursor, model._meta.db_table)
        return any(one.name == field.column and one.default is not None for one in found) and "serial" not in field.db_type(
            self.connection
        )


def _has_own_default(field: Any) -> bool:
    """Return whether the database fills the column by what the models say."""
    given = getattr(field, "db_default", NOT_PROVIDED) is not NOT_PROVIDED
    return given or getattr(field, "generated", False) or field.get_internal_type().endswith("AutoField")
