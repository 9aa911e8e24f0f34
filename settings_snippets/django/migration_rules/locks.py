"""Which locks of a migration make visitors wait.

PostgreSQL holds every lock until the migration ends: what takes long at its end is waited for by all that it has locked before.
Sources: PostgreSQL, "Explicit Locking", "ALTER TABLE" (which changes rewrite or scan a table); Django, "SchemaEditor".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from . import locks_mysql
from .schema import Column, Constraint, Effect, Step
from .types import plain, widening
from .world import SQL_CHANGES, World, changed

ALL, WRITES, BUILD = "ACCESS EXCLUSIVE", "SHARE ROW EXCLUSIVE", "SHARE lock"  # the strongest first
_RANK = (BUILD, WRITES, ALL)


@dataclass
class _Batch:
    """What a migration has locked so far, and what takes long, by the number of the step."""

    held: dict[str, str] = field(default_factory=dict)
    work: dict[int, list[str]] = field(default_factory=dict)

    def lock(self, table: str, mode: str) -> None:
        self.held[table] = max(self.held.get(table, BUILD), mode, key=_RANK.index)


class Waits:
    """Collect the locks of a plan, step by step: each effect before it is applied."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._batches: list[_Batch] = []
        self._last: tuple[str, str] | None = None
        self._steps = 0
        self._mysql: dict[int, list[str]] = {}

    def begin(self, step: Step) -> None:
        """Begin with the next step."""
        self._steps += 1
        name = (step.app, step.migration)
        if name != self._last or not step.atomic:
            self._batches.append(_Batch())
            self._last = name

    def add(self, effect: Effect) -> None:
        """Add the locks of an effect of this step."""
        if self._world.vendor == "mysql":
            self._mysql.setdefault(self._steps - 1, []).extend(locks_mysql.sentences(self._world, effect))
        if self._world.vendor != "postgresql":
            return
        for table, mode, work in _of(self._world, effect):
            if table in self._world.old and mode:
                self._batches[-1].lock(table, mode)
            if work and (table in self._world.old or not table):
                self._batches[-1].work.setdefault(self._steps - 1, []).append(work)

    def sentences(self) -> list[str]:
        """Return a text for each step; "" where nobody waits for long."""
        texts = [" ".join(dict.fromkeys(self._mysql.get(number, ()))) for number in range(self._steps)]
        for batch in self._batches:
            for number, work in batch.work.items():
                texts[number] = " ".join(_sentences(batch.held, " and ".join(dict.fromkeys(work))))
        return texts


def _sentences(held: dict[str, str], work: str) -> Iterator[str]:
    for mode in reversed(_RANK):
        tables = " and ".join(sorted(table for table, strongest in held.items() if strongest == mode))
        if tables:
            yield f"{'reads and writes' if mode == ALL else 'writes'} of {tables} wait ({mode}) while {work}."


Wait = tuple[str, str, str]  # table, mode, what takes long meanwhile


def _of(world: World, effect: Effect) -> Iterator[Wait]:
    table, column = effect.table, effect.after or Column(effect.column)
    if effect.kind == "create_table" and effect.created:
        yield from ((one.target, WRITES, "") for one in effect.created.columns.values() if one.target)
    elif effect.kind == "add_column":
        yield from _added(table, column)
    elif effect.kind in ("drop_table", "rename_table", "drop_column", "rename_column"):
        yield table, ALL, ""
        yield from ((one.target, ALL, "") for one in _gone(world, effect) if one.target)
        if effect.kind == "rename_column" and effect.after:
            yield from _referred(table, world.column(table, effect.column), effect.after)
    elif effect.kind == "alter_column" and effect.before:
        yield from _altered(table, effect.before, column)
        if effect.before.collation != column.collation:
            yield table, ALL, _build(table, column.name) if _is_indexed(world, table, column) else ""
    elif effect.kind in SQL_CHANGES:
        before = world.column(table, effect.column)
        yield from _altered(table, before, changed(before, effect.kind))
        if effect.kind == "set_not_null":
            yield table, ALL, _scan(table)
        yield table, ALL, ""
    elif effect.kind in ("add_constraint", "drop_constraint") and effect.constraint:
        yield from _constrained(table, effect.constraint, drops=effect.kind == "drop_constraint")
    elif effect.kind == "opaque":
        yield "", "", "Python or SQL runs whose duration is unknown"


def _is_indexed(world: World, table: str, column: Column) -> bool:
    known = world.real.get(table)
    over = known is not None and any(one.kind != "check" and column.name in (one.columns or ()) for one in known.constraints)
    return column.indexed or column.unique or over


def _gone(world: World, effect: Effect) -> list[Column]:
    """Return the columns that are dropped."""
    known = world.real.get(effect.table)
    if effect.kind == "drop_column":
        return [world.column(effect.table, effect.column)]
    return list(known.columns.values()) if known and effect.kind == "drop_table" else []


def _scan(table: str) -> str:
    return f"every row of {table} is checked"


def _build(table: str, names: str) -> str:
    # An index on expressions names no columns.
    return f"the index on {table}{f' ({names})' if names else ''} is built"


def _added(table: str, column: Column) -> Iterator[Wait]:
    yield table, ALL, ""
    if column.volatile or column.generated:
        yield table, ALL, f"every row of {table} is rewritten"
    elif column.check or not (column.filled or column.fallback):
        yield table, ALL, _scan(table)
    if column.unique or column.indexed:
        yield table, ALL, _build(table, column.name)
    if column.target:
        yield column.target, WRITES, ""
        # PostgreSQL knows that what is NULL refers to nothing.
        yield table, ALL, "" if column.left_empty else _scan(table)


def _altered(table: str, before: Column, after: Column) -> Iterator[Wait]:
    if before.null and not after.null:
        yield table, ALL, _scan(table)
    if (before.null, before.default) != (after.null, after.default) or before.value != after.value:
        yield table, ALL, ""
    if plain(before.type) != plain(after.type):
        rewritten = widening(before.type, after.type) is not False
        yield table, ALL, f"every row of {table} is rewritten" if rewritten else ""
    if after.unique and not before.unique:
        yield table, ALL, _build(table, after.name)
    elif after.indexed and not before.indexed and not after.unique:
        yield table, BUILD, _build(table, after.name)
    if before.unique and not after.unique:
        yield table, ALL, ""
    if after.check and after.check != before.check:
        yield table, ALL, _scan(table)
    yield from _referred(table, before, after)


def _referred(table: str, before: Column, after: Column) -> Iterator[Wait]:
    if before.target:
        # Django drops the constraint before any change of the column.
        yield table, ALL, ""
        yield before.target, ALL, ""
    if after.target:
        yield table, WRITES, _scan(table)
        yield after.target, WRITES, ""


def _constrained(table: str, constraint: Constraint, *, drops: bool) -> Iterator[Wait]:
    if constraint.concurrently:
        return
    if drops:
        yield table, ALL, ""
        return
    indexed = constraint.kind == "index" or constraint.as_index
    names = ", ".join(constraint.columns or ())
    if constraint.kind == "foreign":
        yield constraint.references, WRITES, ""
    mode = BUILD if indexed else WRITES if constraint.kind == "foreign" else ALL
    builds = constraint.kind in ("index", "unique", "exclude")
    yield table, mode, _build(table, names) if builds else _scan(table) if constraint.valid else ""
