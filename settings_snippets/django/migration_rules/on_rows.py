"""Old code on the rows of the new release: what it reads, changes and deletes there."""

from __future__ import annotations

from collections.abc import Iterator

from .schema import Table, Verdict
from .types import plain, widening
from .world import World, kept_to


def problems(world: World, name: str) -> Iterator[Verdict]:
    """Find what old code cannot do with rows of a table that new code writes or changes."""
    real, models = world.real.get(name), world.models.get(name)
    if real is None:
        return
    yield from _deletes(world, real, models)
    old = world.old.get(name)
    if old is not None and name in world.models:
        yield from _nulls(old, real, models)
        yield from _uniques(world, old, real)
        yield from _arrays(old, real)
    if old is not None:
        yield from _dangling(world, old, real, models)


def _deletes(world: World, real: Table, models: Table | None) -> Iterator[Verdict]:
    """Rows of the new release refer to rows that old code deletes, which does not know that it has to look for them."""
    for column in real.columns.values():
        if not column.target or column.deletes or world.uses(real.name, column.name) or models is None:
            continue
        if column.name in models.columns:
            for target in sorted(_deleted_with(world, column.target) & world.old.keys()):
                yield Verdict(
                    "review",
                    f"once new code has written a row with {real.name}.{column.name}, old code cannot delete that row of {target}"
                    " (foreign key)",
                    f"make sure that old code deletes nothing from {target} meanwhile; or add it with db_constraint=False and"
                    " enforce it in the next release; or with on_delete=DB_CASCADE or DB_SET_NULL (Django 6.1)",
                )


def _deleted_with(world: World, table: str) -> set[str]:
    """Return the table, and those with whose rows the database deletes rows of it."""
    found, left = set[str](), [table]
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            known = world.real.get(name)
            left += [one.target for one in known.columns.values() if one.deletes == "CASCADE"] if known else []
    return found


def _nulls(old: Table, real: Table, models: Table | None) -> Iterator[Verdict]:
    for name, column in old.columns.items():
        now = real.columns.get(name)
        if column.null or column.primary or now is None or not now.null:
            continue
        known = models.columns.get(name) if models else None
        what = f"{old.name}.{name}"
        if known is not None and known.null:
            yield Verdict(
                "review",
                f"new code may write NULL into {what}, which old code takes for never NULL",
                "make sure that old code can read None there, or write none before the next release",
            )
        elif known is None and models is not None and not now.default:
            yield Verdict(
                "review",
                f"rows of new code have NULL in {what}, which old code takes for never NULL",
                "give it a default in the database (db_default, Django 5.0) instead of making it nullable",
            )


def _arrays(old: Table, real: Table) -> Iterator[Verdict]:
    """Django casts what it writes into an array to the type that the models name."""
    for name, column in old.columns.items():
        now = real.columns.get(name)
        if (
            now
            and column.type.endswith("[]")
            and plain(column.type) != plain(now.type)
            and widening(column.type, now.type) is not None
        ):
            yield Verdict(
                "review",
                f"old code that saves a row of new code casts {old.name}.{name} to {column.type}: longer elements are cut off,"
                " larger ones refused",
                "make sure that new code writes nothing there that does not fit before the next release",
            )


def _uniques(world: World, old: Table, real: Table) -> Iterator[Verdict]:
    kept, later = real.unique_sets(), real.unique_sets(deferred=True)
    for names in old.unique_sets():
        if names in kept or not names <= real.columns.keys() or any(old.columns[one].primary for one in names):
            continue
        columns = ", ".join(sorted(names))
        duplicates = (
            "" if any(one <= names for one in later) else ", and get() finds more than one of the rows that new code may write"
        )
        if world.vendor == "mysql" and not duplicates:
            continue  # its upserts name nothing
        yield Verdict(
            "review",
            f"{old.name} ({columns}) is no longer unique: old code that names it in an upsert (bulk_create with update_conflicts,"
            f" ON CONFLICT) fails{duplicates}",
            "make sure that old code does not; or drop the constraint in the next release",
        )
    for constraint in old.constraints:
        there = set(constraint.columns or ()) <= real.columns.keys()
        alone = not constraint.plain or constraint.deferrable
        if constraint.kind == "unique" and alone and there and not kept_to(real, constraint):
            yield Verdict(
                "review",
                f"new code may write duplicates that {constraint.name} on {old.name} refused: old code may find two rows for one",
                "make sure that old code can read them; or drop the constraint in the next release",
            )


def _dangling(world: World, old: Table, real: Table, models: Table | None) -> Iterator[Verdict]:
    """New code no longer knows a foreign key, and deletes what old code's rows refer to."""
    for name, column in old.columns.items():
        now = real.columns.get(name)
        forgotten = models is None or name not in models.columns
        if not column.target or now is None or now.target or world.models.get(column.target) is None:
            continue
        if not forgotten:
            yield Verdict(
                "review",
                f"nothing refuses a {old.name}.{name} any more that refers to nothing: old code fails with such rows of new code",
                "make sure that new code writes and leaves none before the next release",
            )
        else:
            yield Verdict(
                "review",
                f"new code deletes from {column.target} without a look at {old.name}.{name}: old code may find rows that refer to"
                " nothing",
                f"make sure that new code deletes nothing from {column.target} before the next release",
            )
