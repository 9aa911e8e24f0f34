"""The pending plan of a database, followed operation by operation."""

# mypy: allow-subclassing-any

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import Error, connections, models, router, transaction
from django.db.migrations import Migration, operations
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.graph import MigrationGraph
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from .described import describe
from .differences import Key, Renaming, alike, back, differences
from .rendering import Face, Name, Rendering
from .schema import Column, Effect, Server, Step, Table
from .sql import read_sql

Tables = dict[Key, Table]


@dataclass(frozen=True)
class Described:
    """The tables of a state's models by key, and which of them were made of which model, as it was."""

    tables: Tables
    models: dict[Name, tuple[Face, Tables]]


@dataclass(frozen=True)
class Plan:
    """What the running release uses, what the database has instead for unmanaged models (None: unknown), and what is pending."""

    old: dict[str, Table]
    real: dict[str, Table | None]
    steps: list[Step]


class Reader:
    """Follow the plan of a database, and describe each operation."""

    def __init__(self, alias: str) -> None:
        self.alias = alias
        self.connection = connections[alias]
        self.real: dict[str, Table | None] = {}
        # django-tenants: what the router refuses in one schema is made in those of the tenants.
        self._tenants = hasattr(self.connection, "set_tenant")
        self._editor = self.connection.SchemaEditorClass(self.connection, collect_sql=True)
        self.server = _server(self.connection) if self.connection.vendor == "mysql" else Server()

    def pending(self) -> tuple[ProjectState, list[Migration], MigrationGraph]:
        """Return the state of the applied migrations, the pending ones in order, and the graph of all."""
        executor = MigrationExecutor(self.connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        state = executor._create_project_state(with_applied_migrations=True)
        return state, [migration for migration, _ in plan], executor.loader.graph

    def follow(self, state: ProjectState, migrations: Iterable[Migration]) -> Plan:
        """Return what migrations would do to the tables of a state; the state is unchanged."""
        described = self._described(state, Described({}, {}))
        old = {table.name: table for table in _used(described.tables).values()}
        for name, table in old.items():
            if not table.managed:
                self.real[name] = self._introspected(table)
                old[name] = replace(table, view=self._is_view(name))
        steps = list(self._steps(state, described, migrations)) if old else list(_unread(migrations))
        return Plan(old, self.real, steps)

    def _steps(self, state: ProjectState, described: Described, migrations: Iterable[Migration]) -> Iterator[Step]:
        for migration in migrations:
            made, seen = list[Step](), [described]
            for operation in migration.operations:
                following = _Following(self, migration.app_label, state, described)
                effects, of_models = following.step(operation)
                atomic = migration.atomic
                made.append(Step(migration.app_label, migration.name, operation.describe(), effects, of_models, atomic))
                state, described = following.state, following.described
                seen.append(described)
            whole = migration.atomic and self.connection.features.can_rollback_ddl
            undone = _undone(migration.operations, made, [one.tables for one in seen]) if whole else range(0)
            yield from (replace(step, undone=number in undone) for number, step in enumerate(made))

    def _described(self, state: ProjectState, before: Described) -> Described:
        """Describe every model that has a table; those that are as before are not described again."""
        rendering = Rendering(state)
        found: dict[Name, tuple[Face, Tables]] = {}
        for name in rendering.names():
            face, known = rendering.face(name), before.models.get(name)
            found[name] = known if known and known[0] == face else (face, self._tables(rendering.render(name)))
        tables = {key: table for _, made in found.values() for key, table in made.items()}
        for key in tables.keys() - before.tables.keys() if before.models else ():
            if not tables[key].managed and (there := self._introspected(tables[key])):
                self.real.setdefault(tables[key].name, there)
        return Described(tables, found)

    def _tables(self, classes: Iterable[type[models.Model]]) -> Tables:
        found: Tables = {}
        for model in classes:
            meta = model._meta
            if meta.proxy or meta.swapped or not (self._tenants or router.allow_migrate_model(self.alias, model)):
                continue
            made = meta.managed and meta.can_migrate(self.connection)
            found[_key(model)] = replace(describe(model, self._editor), managed=made)
        return found

    def _introspected(self, table: Table) -> Table | None:
        """Ask the database what a table is like; None where it does not say."""
        introspection = self.connection.introspection
        try:
            with transaction.atomic(using=self.alias), self.connection.cursor() as cursor:
                found = introspection.get_table_description(cursor, table.name)
        except Error:
            return None
        columns = {
            one.name: replace(
                table.columns.get(one.name, Column(one.name)), null=bool(one.null_ok), default=one.default is not None
            )
            for one in found
        }
        return replace(table, columns=columns) if columns else None

    def _is_view(self, name: str) -> bool:
        with self.connection.cursor() as cursor:
            return any(one.name == name and one.type == "v" for one in self.connection.introspection.get_table_list(cursor))


class _Following:
    """The state and its description, before an operation and after it."""

    def __init__(self, reader: Reader, app: str, state: ProjectState, described: Described) -> None:
        self._reader, self._app = reader, app
        self.state, self.described = state, described

    def step(self, operation: Operation) -> tuple[tuple[Effect, ...], tuple[Effect, ...] | None]:
        """Follow an operation; return its effects on the database, and on the models where these are others."""
        if isinstance(operation, operations.SeparateDatabaseAndState):
            inside = _Following(self._reader, self._app, self.state, self.described)
            inner = tuple(effect for one in operation.database_operations for effect in inside.step(one)[0])
            return inner, tuple(self._move(operation, unmanaged=True))
        before = self.described
        effects = tuple(_filled(operation, effect) for effect in self._move(operation))
        if isinstance(operation, operations.RunSQL):
            return tuple(self._sql(operation)), effects
        if isinstance(operation, operations.RunPython):
            return tuple(self._python(operation)), ()
        if type(operation).__module__.split(".")[0] != "django" and _does_its_own(operation):
            text = f"what the operation {type(operation).__name__} does to the database is unknown"
            return (Effect("opaque", text=text),), effects
        if isinstance(operation, operations.AlterModelOptions | operations.AlterModelManagers):
            # The table of a model that becomes managed, or ceases to be, stays as it is.
            return (), tuple(self._difference(operation, before, unmanaged=True))
        of_models = tuple(self._difference(operation, before, unmanaged=True))
        return effects, None if of_models == effects else of_models

    def _move(self, operation: Operation, *, unmanaged: bool = False) -> Iterator[Effect]:
        # The state before lives until both are compared: its fields are compared by identity.
        before, after = self.described, self.state.clone()
        operation.state_forwards(self._app, after)
        self.state, self.described = after, self._reader._described(after, before)
        return self._difference(operation, before, unmanaged=unmanaged)

    def _difference(self, operation: Operation, before: Described, *, unmanaged: bool) -> Iterator[Effect]:
        """Return what differs from before: of the tables that migrations make, or of all that models use."""
        old, new = (_used(one.tables) if unmanaged else _made(one.tables) for one in (before, self.described))
        kind = type(operation).__name__
        concurrently, valid = kind.endswith("Concurrently"), not kind.endswith("NotValid")
        return differences(old, new, Renaming(operation, self._app), concurrently=concurrently, valid=valid)

    def _allowed(self, operation: Any) -> bool:
        return self._reader._tenants or bool(router.allow_migrate(self._reader.alias, self._app, **operation.hints))

    def _sql(self, operation: operations.RunSQL) -> Iterator[Effect]:
        if not self._allowed(operation) or operation.sql == operations.RunSQL.noop:
            return
        parts = operation.sql if isinstance(operation.sql, list | tuple) else [operation.sql]
        for part in parts:
            yield from read_sql(part[0] if isinstance(part, list | tuple) else part, self._reader.connection.vendor)

    def _python(self, operation: operations.RunPython) -> Iterator[Effect]:
        if self._allowed(operation) and operation.code is not operations.RunPython.noop:
            yield Effect("opaque", text="what Python code does to the data is unknown")


def _server(connection: Any) -> Server:
    """Ask which MySQL it is, and how long a character may be: what else the rules know of a column the models say."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name, maxlen FROM information_schema.columns"
            " JOIN information_schema.character_sets USING (character_set_name) WHERE table_schema = DATABASE()"
        )
        octets = {(table, column): int(size) for table, column, size in cursor.fetchall()}
    return Server(connection.mysql_is_mariadb, tuple(connection.mysql_version), octets)


def _unread(migrations: Iterable[Migration]) -> Iterator[Step]:
    """A database that no release uses yet: what migrations do to it need not be followed."""
    for migration in migrations:
        for operation in migration.operations:
            yield Step(migration.app_label, migration.name, operation.describe(), (Effect("harmless"),))


def _filled(operation: Operation, effect: Effect) -> Effect:
    """Add the default that is given for the rows which are there, and for nothing else."""
    if isinstance(operation, operations.AddField) and not operation.preserve_default and effect.after:
        return replace(effect, after=replace(effect.after, fallback=True))
    return effect


def _undone(made: Sequence[Operation], steps: Sequence[Step], seen: Sequence[Tables]) -> range:
    """Return the numbers of operations that rename something and end where they began: a model renamed that keeps its table, say.

    `seen`: the tables before each operation, and after the last one.
    """
    own = (operations.RunSQL, operations.RunPython, operations.SeparateDatabaseAndState)
    renaming = [number for number, step in enumerate(steps) if any(one.kind.startswith("rename_") for one in step.effects)]
    for first, last in ((first, last) for first in renaming for last in reversed(renaming) if first < last):
        between = made[first : last + 1]
        if any(isinstance(one, own) or _does_its_own(one) for one in between):
            continue
        effects = (effect for step in steps[first : last + 1] for effect in step.effects)
        # Two columns that have changed their names look as before, too.
        if alike(_made(seen[first]), _made(seen[last + 1])) and back(effects):
            return range(first, last + 1)
    return range(0)


def _does_its_own(operation: Operation) -> bool:
    """Return whether the operation is not Django's own."""
    return not type(operation).database_forwards.__module__.startswith("django.")


def _made(tables: Tables) -> Tables:
    """Return the tables that migrations make on this database."""
    return {key: table for key, table in tables.items() if table.managed}


def _used(tables: Tables) -> Tables:
    """Return what all models together use of each table: two may share it, of which one is managed."""
    found: dict[str, tuple[Key, Table]] = {}
    for key, table in sorted(tables.items(), key=lambda item: not item[1].managed):
        first, known = found.get(table.name, (key, table))
        found[table.name] = first, known if known is table else replace(known, columns={**table.columns, **known.columns})
    return dict(found.values())


def _key(model: type[models.Model]) -> Key:
    meta = model._meta
    if meta.auto_created:
        owner = meta.auto_created._meta
        field = next(f for f in owner.local_many_to_many if f.remote_field.through is model)
        return owner.app_label, owner.model_name, field.name
    return meta.app_label, meta.model_name
