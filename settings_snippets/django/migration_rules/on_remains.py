"""New code on what remains in the database where a migration changes the models alone, and on the rows of old code there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from .conditions import outcomes
from .schema import UNKNOWN, Column, Constraint, Table, Verdict
from .types import plain, widening
from .world import World, kept_to

_APART = (
    "let the models and the database differ only where a column is nullable or has a database default, and make that change first"
)
_UNREFERENCED = (
    "drop the foreign key in this release too: SeparateDatabaseAndState with AlterField(..., db_constraint=False) among its"
    " database_operations"
)


def problems(world: World, name: str) -> Iterator[Verdict]:
    """Find where new code fails on a table of the database."""
    real, models = world.real.get(name), world.models.get(name)
    found: list[Verdict] = []
    if models is not None and name not in world.real:
        lacking = _fails(f"its models use {name}, which the database does not have")
        found.append(
            lacking if models.managed else replace(lacking, verdict="review", instead="make it before the migrations run")
        )
    elif models is not None and real is not None:
        found += [*_columns(models, real), *_left_out(models, real), *_constraints(models, real), *_of_old(world, models, real)]
    if real is not None:
        found += _referring(world, models, real)
    unsure = world.unsure or (real is not None and real.unsure)
    yield from (_unsure(one) if unsure else one for one in found)


def _fails(text: str, instead: str = _APART) -> Verdict:
    return Verdict("incompatible", f"the new release fails: {text}", instead)


def _unsure(found: Verdict) -> Verdict:
    why = found.why.replace("fails: ", "fails as far as known (SQL or Python in the plan may change that): ", 1)
    return replace(found, verdict="review", why=why)


def _columns(models: Table, real: Table) -> Iterator[Verdict]:
    for name, column in models.columns.items():
        now, what = real.columns.get(name), f"{real.name}.{name}"
        if now is None:
            yield _fails(f"its models use {what}, which the database does not have")
            continue
        if column.null and not now.null and not now.primary:
            yield _fails(f"it may write NULL into {what}, which is NOT NULL in the database")
        if column.default and not now.filled and not now.primary:
            yield _fails(f"it leaves {what} to a default that the database does not have")
        if column.type and now.type and plain(column.type) != plain(now.type) and widening(column.type, now.type) is None:
            yield _fails(f"it writes {column.type} into {what}, which is {now.type} in the database")
        if now.unique and not column.unique and not now.primary:
            yield _fails(f"it may write duplicates into {what}, which is unique in the database")
        if now.check and now.check != column.check:
            yield _fails(f"it may write into {what} what the check {now.check} in the database refuses")
        if now.target and not column.target:
            yield _fails(f"it may write into {what} what {now.target} does not have: the foreign key stays", _UNREFERENCED)
        if now.target and column.target and now.target != column.target:
            yield _fails(f"it refers with {what} to {column.target}, which refers to {now.target} in the database")
        if column.deletes and now.target and not now.deletes:
            yield _fails(f"it leaves {what} to the database (ON DELETE {column.deletes}) when it deletes from {now.target}")


def _left_out(models: Table, real: Table) -> Iterator[Verdict]:
    """Columns that INSERT leaves out."""
    absent = {name: column for name, column in real.columns.items() if name not in models.columns and not column.primary}
    for name, column in absent.items():
        if not column.filled:
            yield _fails(f"its INSERT leaves out {real.name}.{name}, which stays NOT NULL without a database default")
        elif column.unique and not column.left_empty and not column.volatile:
            yield _fails(f"each of its rows gets the same default in {real.name}.{name}, which is unique in the database")


def _constraints(models: Table, real: Table) -> Iterator[Verdict]:
    names = {one.name for one in models.constraints if one.name}
    for constraint in real.constraints:
        if constraint.name in names or constraint.kind not in ("unique", "check", "exclude") or kept_to(models, constraint):
            continue
        where = f"{constraint.name or 'a constraint'} on {real.name}"
        verdict = _refuses(models, real, constraint)
        if verdict:
            text = f"it may write what {where} refuses, which is still in the database"
            yield replace(_fails(text, "drop it in the database too"), verdict=verdict)
    missing = models.unique_sets() - real.unique_sets()
    for one in sorted(", ".join(sorted(columns)) for columns in missing if columns <= real.columns.keys()):
        yield Verdict(
            "review",
            f"the new release takes {real.name} ({one}) for unique, and the database does not: upserts fail, duplicates come",
            "add the unique constraint to the database first",
        )


def _refuses(models: Table, real: Table, constraint: Constraint) -> str:
    """Return the verdict on a constraint that the models do not know; "" if their rows pass."""
    if constraint.columns is None:
        return "review"
    absent = {name: real.columns.get(name, Column(name)) for name in constraint.columns if name not in models.columns}
    if constraint.kind != "check":
        empty = any(column.left_empty for column in absent.values()) and constraint.nulls_distinct
        return "incompatible" if not empty else "review" if len(absent) < len(constraint.columns) else ""
    if constraint.condition is None:
        return "review"
    known = {name: None if column.left_empty else column.value for name, column in absent.items()}
    possible = outcomes(constraint.condition, {name: value for name, value in known.items() if value is not UNKNOWN})
    return "incompatible" if False in possible else "review" if len(absent) < len(constraint.columns) else ""


def _of_old(world: World, models: Table, real: Table) -> Iterator[Verdict]:
    """Rows that old code goes on writing."""
    old = world.old.get(real.name)
    for name, column in models.columns.items():
        now = real.columns.get(name)
        if old is None or now is None:
            continue
        before = old.columns.get(name)
        if column.target and before and not before.target and not now.target:
            yield Verdict(
                "review",
                f"rows of old code may refer with {real.name}.{name} to what {column.target} does not have",
                "make sure that the new release can bear it; or add the foreign key to the database too",
            )
        if column.null or column.primary or not now.null:
            continue
        if before.null if before else now.left_empty:
            yield Verdict(
                "review",
                f"rows of old code may have NULL in {real.name}.{name}, which the new release takes for never NULL",
                "make sure that the new release can read None there",
            )


def _referring(world: World, models: Table | None, real: Table) -> Iterator[Verdict]:
    """Foreign keys that the models do not know refuse their deletes."""
    for name, column in real.columns.items():
        forgotten = world.uses(real.name, name) and (models is None or name not in models.columns)
        if forgotten and column.target and not column.deletes and world.models.get(column.target) is not None:
            yield _fails(
                f"it cannot delete from {column.target} what {real.name}.{name} refers to: the foreign key stays in the database",
                _UNREFERENCED,
            )
