"""The tables that old code uses, and the state of the database and of the new release's models after each step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from .conditions import Condition, follows
from .schema import Column, Constraint, Effect, Server, Step, Table
from .types import is_large

Tables = dict[str, Table | None]  # None: what the table is like is unknown
SQL_CHANGES = {
    "set_not_null": ("null", False),
    "drop_not_null": ("null", True),
    "set_default": ("default", True),
    "drop_default": ("default", False),
}


class World:
    """`old`: what the running release uses; `real`: the database; `models`: what the new release takes it for."""

    def __init__(
        self,
        old: Mapping[str, Table],
        real: Mapping[str, Table | None],
        vendor: str,
        keepers: set[str],
        server: Server | None = None,
    ) -> None:
        self.old = old
        self.vendor = vendor
        self.server = server or Server()
        self.keepers = keepers  # tables whose new columns keep their default in the database
        self.real: Tables = {**old, **real}
        self.models: Tables = dict(old)
        self.unsure = False  # SQL or Python in the plan may have changed what is described here
        self.referrers: dict[str, set[str]] = {}
        for table in old.values():
            self._refers(table)

    def uses(self, table: str, column: str) -> bool:
        """Return whether old code names the column."""
        return table in self.old and column in self.old[table].columns

    def column(self, table: str, name: str) -> Column:
        """Return the current state of a column; an undescribed column may be anything."""
        known = self.real.get(table)
        return known.columns.get(name, Column(name)) if known else Column(name)

    def apply(self, effects: Iterable[Effect], *, real: bool, models: bool) -> None:
        """Apply effects to the database, to the models, or to both."""
        for effect in effects:
            self.unsure |= effect.kind == "opaque"
            for tables in [self.real] * real + [self.models] * models:
                apply(tables, self.meant(effect) if tables is self.real else effect)
            for name in (effect.table, effect.to):
                if table := self.real.get(name):
                    self._refers(table)

    def placed(self, step: Step) -> Step:
        """Return a step whose effects name their table: DROP INDEX of PostgreSQL has none, and what is unique may be an index."""
        effects = tuple(replace(one, table=self._table_of(one.constraint)) if not one.table else one for one in step.effects)
        return replace(step, effects=effects)

    def _table_of(self, constraint: Constraint | None) -> str:
        name = constraint.name if constraint else ""
        return next((table.name for table in self.real.values() if table and table.named(name)), "")

    def meant(self, effect: Effect) -> Effect:
        """Return what an effect does here: a new column may keep its default in the database, MODIFY leaves keys as they are."""
        column = effect.after
        if effect.kind == "modify_column" and column:
            before = self.column(effect.table, effect.column)
            return replace(effect, before=before, after=modified(before, column))
        added = effect.kind == "add_column" and column and column.fallback and not column.filled
        if column and added and (effect.table in self.keepers or self._stays(column)):
            return replace(effect, after=replace(column, default=True, value=column.fallback_value))
        return effect

    def _stays(self, column: Column) -> bool:
        return self.vendor == "mysql" and not self.server.mariadb and self.server.version >= (8, 0, 13) and is_large(column.type)

    def _refers(self, table: Table) -> None:
        for column in table.columns.values():
            if column.target:
                self.referrers.setdefault(column.target, set()).add(table.name)


def keepers(old: Iterable[str], effects: Iterable[Effect], vendor: str) -> set[str]:
    """Return the tables whose new columns keep their default when `migraterolling` adds them."""
    # On SQLite Django makes tables anew for most changes, by the models, which do not know of the default.
    made_anew = {effect.table for effect in effects if vendor == "sqlite" and not _spares(effect)}
    return set(old) - made_anew


def _spares(effect: Effect) -> bool:
    """Return whether SQLite leaves the rest of the table as it is."""
    column, constraint = effect.after, effect.constraint
    if effect.kind == "add_column" and column:
        return not column.unique and not column.generated and not column.default and (column.null or column.fallback)
    return effect.kind in ("opaque", "harmless") or (constraint is not None and constraint.kind == "index")


def apply(tables: Tables, effect: Effect) -> None:
    """Apply an effect."""
    kind, name = effect.kind, effect.table
    if kind == "create_table":
        tables[name] = effect.created
    elif kind == "drop_table":
        tables.pop(name, None)
    elif kind == "rename_table" and name in tables:
        renamed = tables.pop(name)
        tables[effect.to] = renamed and replace(renamed, name=effect.to)
    elif table := tables.get(name):
        tables[name] = _changed_table(table, effect)


def _changed_table(table: Table, effect: Effect) -> Table:
    columns, kind, column = dict(table.columns), effect.kind, effect.column
    constraints = table.constraints
    if kind == "drop_column" or kind == "rename_column":
        gone = columns.pop(column, None)
        if kind == "rename_column":
            columns[effect.to] = replace(effect.after or gone or Column(effect.to), name=effect.to)
            constraints = tuple(_with_column(one, column, effect.to) for one in constraints)
        else:
            constraints = tuple(one for one in constraints if column not in (one.columns or ()))
    elif kind in ("add_column", "alter_column", "modify_column") and effect.after:
        columns[column] = effect.after
    elif kind in SQL_CHANGES and column in columns:
        columns[column] = changed(columns[column], kind)
    elif kind == "add_constraint" and effect.constraint:
        constraints = (*constraints, effect.constraint)
        if effect.constraint.kind == "foreign" and effect.constraint.columns:
            for one in set(effect.constraint.columns) & set(columns):
                references = f"{effect.constraint.references}.?"
                columns[one] = replace(columns[one], references=references, deletes=effect.constraint.deletes)
    elif kind == "drop_constraint":
        return _without(table, effect.constraint)
    return replace(table, columns=columns, constraints=constraints)


def _with_column(constraint: Constraint, before: str, after: str) -> Constraint:
    names = constraint.columns and tuple(after if name == before else name for name in constraint.columns)
    return replace(constraint, columns=names)


def _without(table: Table, constraint: Constraint | None) -> Table:
    """Drop what is the same, or what bears the name; SQL may drop what is known by its column alone."""
    if constraint is None:
        return replace(table, unsure=True)
    same = [one for one in table.constraints if one.essence == constraint.essence or (one.name and one.name == constraint.name)]
    if not same:
        return replace(table, unsure=True)
    return replace(table, constraints=tuple(one for one in table.constraints if one is not same[0]))


def changed(column: Column, kind: str) -> Column:
    """Return a column after ALTER COLUMN SET or DROP."""
    name, value = SQL_CHANGES[kind]
    return replace(column, null=value) if name == "null" else replace(column, default=value)


def modified(column: Column, definition: Column) -> Column:
    """Return a column after MODIFY."""
    return replace(
        column,
        type=definition.type,
        null=definition.null and not column.primary,
        default=definition.default,
        generated=definition.generated,
        stored=definition.stored,
        collation=definition.collation,
        unique=column.unique or definition.unique,
        check="",
        value=definition.value,
        volatile=definition.volatile,
        fallback=False,
    )


def kept_to(table: Table, constraint: Constraint) -> bool:
    """Return whether code that obeys this description of a table obeys a constraint over its columns."""
    if any(one.essence == constraint.essence for one in table.constraints):
        return True
    if constraint.kind == "check":
        return constraint.condition is not None and follows(facts(table), constraint.condition)
    if constraint.kind != "unique" or constraint.columns is None:
        return False
    names = set(constraint.columns)
    if constraint.expressions:
        return False
    if not constraint.nulls_distinct and any(name not in table.columns or table.columns[name].null for name in names):
        return False
    # Where all is unique, what a condition selects is.
    return any(one <= names for one in table.unique_sets(deferred=constraint.deferrable))


def facts(table: Table) -> list[Condition]:
    """Return the conditions that every row of a table obeys."""
    found: list[Condition] = [one.condition for one in table.constraints if one.kind == "check" and one.condition is not None]
    for name, column in table.columns.items():
        if not column.null or column.primary:
            found.append(("is", name, "isnull", False))
        if column.check == "it >= 0" or column.type.lower().endswith(" unsigned"):
            found.append(("is", name, "gte", 0))
    return found
