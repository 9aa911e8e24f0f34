"""Old code on new constraints and indexes."""

from __future__ import annotations

from dataclasses import replace

from .conditions import columns_in, outcomes
from .schema import UNKNOWN, Column, Constraint, Effect, Verdict
from .world import World, kept_to

LATER = "let this release keep to it; add {} in the next"


def fine(text: str) -> Verdict:
    """Return the verdict that old code works."""
    return Verdict("compatible", text)


def verdict(world: World, effect: Effect) -> Verdict:
    """Return the verdict on a new constraint or index."""
    constraint, table = effect.constraint or Constraint("", "other"), effect.table
    if table not in world.old:
        return fine(f"{table} is not used by the running release")
    if constraint.kind == "index" and constraint.failing.difference(*(one.failing for one in world.old[table].constraints)):
        why = f"whether the index {constraint.name} on {table} has a value for all that old code writes is unknown"
        return Verdict("review", why, "make sure that it does; or add the index in the next release")
    if constraint.kind == "index":
        return fine("an index changes no answer")
    if constraint.kind == "other" or constraint.columns is None:
        return Verdict("review", f"what the new constraint {constraint.name} on {table} demands is unknown")
    where = f"{constraint.name or 'the constraint'} on {table} ({', '.join(constraint.columns)})"
    refused = Verdict("incompatible", f"old code may write what {where} refuses", LATER.format("the constraint"))
    fresh = [world.column(table, name) for name in constraint.columns if not world.uses(table, name)]
    if kept_to(world.old[table], constraint):
        return fine(f"what {where} refuses was refused before")
    known = world.old[table]
    if constraint.plain and frozenset(constraint.columns) in known.unique_sets(deferred=True) - known.unique_sets():
        why = f"{where} is checked at once, and no longer at the end of a transaction: old code may write in another order"
        return replace(refused, verdict="review", why=why)
    found = (
        refused
        if not fresh
        else _of_check(constraint, fresh, where, refused)
        if constraint.kind == "check"
        else _of_unique(constraint, fresh, where, refused)
    )
    if found == refused and constraint.kind == "unique" and _passed_over(world, table, constraint):
        return Verdict(
            "review",
            f"{where} does not look at rows of old code, until old code changes a row of new code",
            "make sure that old code does not change those columns; or add the constraint in the next release",
        )
    if found.verdict == "compatible" and len(fresh) < len(constraint.columns):
        return Verdict(
            "review",
            f"when old code changes a row of new code, {where} may refuse it",
            "make sure that old code does not change those columns; or add the constraint in the next release",
        )
    return found


def _passed_over(world: World, table: str, constraint: Constraint) -> bool:
    """Return whether what is unique under a condition passes over rows that leave out the columns which are new."""
    if constraint.condition is None:
        return False
    fresh = [world.column(table, name) for name in columns_in(constraint.condition) if not world.uses(table, name)]
    known = {column.name: None if column.left_empty else column.value for column in fresh}
    return True not in outcomes(constraint.condition, {name: one for name, one in known.items() if one is not UNKNOWN})


def _of_unique(constraint: Constraint, fresh: list[Column], where: str, refused: Verdict) -> Verdict:
    # NULL is distinct from NULL: rows of old code, which leave the new columns out, never clash.
    if any(column.left_empty for column in fresh) and constraint.nulls_distinct and constraint.kind != "foreign":
        return fine(f"rows of old code are NULL where {where} looks")
    if constraint.kind == "foreign" and all(column.left_empty for column in fresh):
        return fine(f"rows of old code are NULL where {where} looks")
    return refused


def _of_check(constraint: Constraint, fresh: list[Column], where: str, refused: Verdict) -> Verdict:
    if constraint.condition is None:
        return replace(refused, verdict="review", why=f"whether rows of old code pass {where} is unknown")
    known = {column.name: None if column.left_empty else column.value for column in fresh}
    possible = outcomes(constraint.condition, {name: value for name, value in known.items() if value is not UNKNOWN})
    if False not in possible:
        return fine(f"rows of old code, which leave the new columns out, pass {where}")
    return refused if possible == {False} else replace(refused, verdict="review")
