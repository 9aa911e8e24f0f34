"""`manage.py pendingmigrations`: what the pending migrations mean for the running release, as JSON.

Copy the folder `management` and the file `migration_rules.py` into an app of the project that is in INSTALLED_APPS. `fab deploy`
runs this command before it migrates; it changes nothing. Made for Django 4.2 to 6.1.

The pending operations are compared with the state of the *applied* migrations, which the running release uses.
"""

# mypy: allow-subclassing-any, allow-untyped-decorators

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import django
from django.core.management.base import BaseCommand, CommandParser
from django.db import DEFAULT_DB_ALIAS, connections, models, router
from django.db.migrations import Migration, operations
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import NOT_PROVIDED

from ...migration_rules import VERDICTS, Column, Constraint, Effect, Step, Table, read_sql, verdicts

FORMAT = 1
Key = tuple[str, ...]
Tables = dict[Key, Table]


class Command(BaseCommand):
    """Print the verdict on every pending operation."""

    help = "Check whether the running release keeps working with the pending migrations; prints JSON."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the option --database."""
        parser.add_argument(
            "--database", action="append", choices=list(connections), help="an alias, repeatable; default: the default database"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the verdicts; an exception ends it with an exit code other than 0."""
        databases = [database_verdicts(alias) for alias in options["database"] or [DEFAULT_DB_ALIAS]]
        verdict = _worst(database["verdict"] for database in databases)
        document = {"format": FORMAT, "django": django.get_version(), "verdict": verdict, "databases": databases}
        self.stdout.write(json.dumps(document, indent=2))


def database_verdicts(alias: str) -> dict[str, Any]:
    """Return the verdicts on the pending migrations of one database."""
    connection = connections[alias]
    reader = Reader(alias)
    old, steps = reader.read()
    found = verdicts(old, steps, connection.vendor)
    operations_ = [
        {
            "app": step.app,
            "migration": step.migration,
            "operation": step.operation,
            "verdict": verdict.verdict,
            "why": verdict.why,
            "instead": verdict.instead,
            "locks": verdict.locks,
        }
        for step, verdict in zip(steps, found, strict=True)
    ]
    worst = _worst(operation["verdict"] for operation in operations_)
    return {"alias": alias, "vendor": connection.vendor, "verdict": worst, "operations": operations_}


def _worst(found: Iterable[str]) -> str:
    return max(found, key=VERDICTS.index, default=VERDICTS[0])


class Reader:
    """Follow the pending plan of a database operation by operation, and describe each."""

    def __init__(self, alias: str) -> None:
        self.alias = alias
        self.connection = connections[alias]
        self._described: dict[type[models.Model], Table] = {}

    def read(self) -> tuple[dict[str, Table], list[Step]]:
        """Return the tables that the running release uses, by name, and the pending operations."""
        executor = MigrationExecutor(self.connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        state = executor._create_project_state(with_applied_migrations=True)
        return self.follow(state, [migration for migration, _ in plan])

    def follow(self, state: ProjectState, migrations: Iterable[Migration]) -> tuple[dict[str, Table], list[Step]]:
        """Return the tables of a state by name, and what migrations would do to it; the state is unchanged."""
        old = {table.name: table for table in self.tables(state).values()}
        steps = []
        for migration in migrations:
            for operation in migration.operations:
                after = _forwards(operation, migration.app_label, state)
                effects, models_ = self._step(operation, migration.app_label, state, after)
                steps.append(Step(migration.app_label, migration.name, operation.describe(), effects, models_))
                state = after
        return old, steps

    def tables(self, state: ProjectState) -> Tables:
        """Describe every table that migrations create on this database, join tables too."""
        found: Tables = {}
        for model in state.apps.get_models(include_auto_created=True, include_swapped=True):
            meta = model._meta
            if not meta.can_migrate(self.connection) or not router.allow_migrate_model(self.alias, model):
                continue
            found[_key(model)] = self._table(model)
        return found

    def _table(self, model: type[models.Model]) -> Table:
        # Models that an operation does not touch stay the same classes from state to state.
        if model not in self._described:
            self._described[model] = describe(model, self.connection)
        return self._described[model]

    def _step(
        self, operation: Operation, app: str, before: ProjectState, after: ProjectState
    ) -> tuple[tuple[Effect, ...], tuple[Effect, ...] | None]:
        """Return the effects of an operation on the database, and on the models where these are others."""
        if isinstance(operation, operations.SeparateDatabaseAndState):
            inner = self._database_effects(operation.database_operations, app, before)
            return tuple(inner), tuple(self._diff(operation, app, before, after))
        if isinstance(operation, operations.RunSQL):
            return tuple(self._sql(operation, app)), tuple(self._diff(operation, app, before, after))
        if isinstance(operation, operations.RunPython):
            return tuple(self._python(operation, app)), ()
        if isinstance(operation, operations.AlterModelOptions | operations.AlterModelManagers):
            return (), ()
        effects = tuple(self._diff(operation, app, before, after))
        if type(operation).__module__.split(".")[0] != "django" and _does_its_own(operation):
            text = f"what the operation {type(operation).__name__} does to the database is unknown"
            return (Effect("opaque", text=text),), effects
        return effects, None

    def _database_effects(self, inner: Iterable[Operation], app: str, state: ProjectState) -> Iterator[Effect]:
        for operation in inner:
            after = _forwards(operation, app, state)
            yield from self._step(operation, app, state, after)[0]
            state = after

    def _allowed(self, operation: Any, app: str) -> bool:
        return bool(router.allow_migrate(self.alias, app, **operation.hints))

    def _sql(self, operation: operations.RunSQL, app: str) -> Iterator[Effect]:
        if not self._allowed(operation, app) or operation.sql == operations.RunSQL.noop:
            return
        parts = operation.sql if isinstance(operation.sql, list | tuple) else [operation.sql]
        for part in parts:
            yield from read_sql(part[0] if isinstance(part, list | tuple) else part)

    def _python(self, operation: operations.RunPython, app: str) -> Iterator[Effect]:
        if self._allowed(operation, app) and operation.code is not operations.RunPython.noop:
            yield Effect("opaque", text="what Python code does to the data is unknown")

    # -- what differs between two states

    def _diff(self, operation: Operation, app: str, before: ProjectState, after: ProjectState) -> Iterator[Effect]:
        old, new = self.tables(before), self.tables(after)
        names = _Renaming(operation, app)
        kept = {names.key(key): table for key, table in old.items()}
        for key, table in kept.items():
            if key not in new:
                yield Effect("drop_table", table.name)
        for key, table in new.items():
            if key not in kept:
                yield Effect("create_table", table.name, created=table)
            elif kept[key] != table:
                fields = {name: names.field(key, name) for name in (c.field for c in kept[key].columns.values())}
                yield from _altered(kept[key], table, fields, concurrently=_concurrent(operation))


def _forwards(operation: Operation, app: str, state: ProjectState) -> ProjectState:
    after = state.clone()
    operation.state_forwards(app, after)
    return after


def _does_its_own(operation: Operation) -> bool:
    """Return whether the operation is not Django's own."""
    return not type(operation).database_forwards.__module__.startswith("django.")


def _concurrent(operation: Operation) -> bool:
    return type(operation).__name__.endswith("Concurrently")


class _Renaming:
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


def _altered(old: Table, new: Table, fields: Mapping[str, str], *, concurrently: bool) -> Iterator[Effect]:
    """Compare two descriptions of one table; `fields`: what each field of the old one is called in the new one."""
    if old.name != new.name:
        yield Effect("rename_table", old.name, to=new.name)
    before = {fields[column.field]: column for column in old.columns.values()}
    after = {column.field: column for column in new.columns.values()}
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
    renamed = {was.name: after[name].name for name, was in before.items() if name in after}
    yield from _constrained(old, new, renamed, concurrently=concurrently)


def _constrained(old: Table, new: Table, renamed: Mapping[str, str], *, concurrently: bool) -> Iterator[Effect]:
    """Compare the constraints; a constraint with only a new name, or a renamed column, is the same."""

    def essence(constraint: Constraint, columns: Mapping[str, str]) -> tuple[Any, ...]:
        names = None if constraint.columns is None else tuple(columns.get(name, name) for name in constraint.columns)
        return constraint.kind, names, constraint.nulls_distinct, constraint.detail

    before = {essence(constraint, renamed): constraint for constraint in old.constraints}
    after = {essence(constraint, {}): constraint for constraint in new.constraints}
    for key, constraint in after.items():
        if key not in before:
            yield Effect("add_constraint", new.name, constraint=replace(constraint, concurrently=concurrently))
    for key, constraint in before.items():
        if key not in after:
            yield Effect("drop_constraint", new.name, constraint=constraint)


def _essence(column: Column) -> Mapping[str, Any]:
    return {name: value for name, value in vars(column).items() if name not in ("name", "field")}


# -- models, described


def _key(model: type[models.Model]) -> Key:
    meta = model._meta
    if meta.auto_created:
        owner = meta.auto_created._meta
        field = next(f for f in owner.local_many_to_many if f.remote_field.through is model)
        return owner.app_label, owner.model_name, field.name
    return meta.app_label, meta.model_name


def describe(model: type[models.Model], connection: Any) -> Table:
    """Describe the table of a model on a connection."""
    meta = model._meta
    columns = [_column(field, connection) for field in meta.local_concrete_fields]
    constraints = (*_together(model), *(_constraint(model, constraint) for constraint in meta.constraints), *_indexes(model))
    return Table(meta.db_table, {column.name: column for column in columns if column}, constraints)


def _column(field: Any, connection: Any) -> Column | None:
    parameters = field.db_parameters(connection=connection)
    if parameters["type"] is None:
        return None
    auto = isinstance(field, models.AutoField | models.BigAutoField | models.SmallAutoField)
    references = deletes = ""
    if field.remote_field and getattr(field, "db_constraint", False):
        deletes = getattr(field.remote_field.on_delete, "operation", "")  # DB_CASCADE and the like, since Django 6.1
        references = f"{field.remote_field.model._meta.db_table}.{field.target_field.column}"
    return Column(
        field.column,
        field=field.name,
        type=parameters["type"],
        null=field.null,
        default=auto or getattr(field, "db_default", NOT_PROVIDED) is not NOT_PROVIDED,
        generated=getattr(field, "generated", False),
        primary=field.primary_key,
        unique=field.unique,
        check=str(parameters.get("check") or "").replace(f'"{field.column}"', "it"),
        references=references,
        deletes=deletes,
        indexed=bool(field.db_index),
    )


def _together(model: type[models.Model]) -> Iterator[Constraint]:
    for fields in model._meta.unique_together:
        yield Constraint("", "unique", _columns(model, fields))
    for fields in getattr(model._meta, "index_together", ()):
        yield Constraint("", "index", _columns(model, fields))


def _indexes(model: type[models.Model]) -> Iterator[Constraint]:
    for index in model._meta.indexes:
        yield Constraint("", "index", _columns(model, index.fields), detail=_detail(index))


def _constraint(model: type[models.Model], constraint: Any) -> Constraint:
    name, detail = constraint.name, _detail(constraint)
    if isinstance(constraint, models.UniqueConstraint):
        fields = constraint.fields or _names(constraint.expressions)
        distinct = getattr(constraint, "nulls_distinct", None) is not False
        return Constraint(name, "unique", _columns(model, fields), nulls_distinct=distinct, detail=detail)
    if isinstance(constraint, models.CheckConstraint):
        condition = getattr(constraint, "condition", None) or getattr(constraint, "check", None)
        return Constraint(name, "check", _columns(model, _names(condition)), demands="isnull" in str(condition), detail=detail)
    if hasattr(constraint, "index_type") and hasattr(constraint, "expressions"):
        fields = _names([expression for expression, _ in constraint.expressions])
        return Constraint(name, "exclude", _columns(model, fields), detail=detail)
    return Constraint(name, "other", None, detail=detail)


def _detail(made: Any) -> str:
    """Return what distinguishes a constraint or index from others over the same columns; "" when plain."""
    _, arguments, options = made.deconstruct()
    details = {name: str(value) for name, value in options.items() if name not in ("name", "fields")}
    return repr((arguments, sorted(details.items()))) if arguments or details else ""


def _columns(model: type[models.Model], names: Iterable[str] | None) -> tuple[str, ...] | None:
    """Return the columns of fields; None where any is unknown."""
    own = {field.name: field.column for field in model._meta.local_concrete_fields}
    own |= {field.attname: field.column for field in model._meta.local_concrete_fields} | {"pk": own.get(_pk(model), "")}
    found = [own.get(name.lstrip("-").split("__")[0], "") for name in names] if names is not None else [""]
    return tuple(dict.fromkeys(found)) if all(found) else None


def _pk(model: type[models.Model]) -> str:
    return str(model._meta.pk.name) if model._meta.pk else ""


def _names(expressions: Any) -> list[str] | None:
    """Return the names of the fields in conditions or expressions; None where unknown."""
    found: list[str] = []
    for item in expressions if isinstance(expressions, list | tuple) else [expressions]:
        if isinstance(item, models.F):
            names: list[str] | None = [item.name]
        elif isinstance(item, str):
            names = [item]
        elif isinstance(item, models.Q):
            names = _of_condition(item)
        elif hasattr(item, "get_source_expressions"):
            names = _names([inner for inner in item.get_source_expressions() if inner is not None])
        else:
            return None
        if names is None:
            return None
        found += names
    return found


def _of_condition(condition: models.Q) -> list[str] | None:
    found: list[str] = []
    for child in condition.children:
        if not isinstance(child, tuple):
            names = _names(child)
        else:
            found.append(child[0])
            names = _names(child[1]) if hasattr(child[1], "resolve_expression") else []
        if names is None:
            return None
        found += names
    return found
