"""Old code on another collation: which texts are the same, and which can be written at all."""

from __future__ import annotations

from collections.abc import Iterator

from .schema import Column, Table, Verdict
from .types import octets
from .world import World


def verdicts(world: World, old: Table, before: Column, after: Column) -> Iterator[Verdict]:
    """Find what another collation of a column means for old code."""
    if before.collation == after.collation:
        return
    what = f"{old.name}.{before.name}"
    if world.vendor == "mysql" and octets(after.collation, 4) < octets(before.collation, _known(world, old, before)):
        yield Verdict(
            "incompatible",
            f"old code may write characters into {what} that {after.collation} does not have",
            "add a new column, write both, and drop the old one releases later",
        )
    unique = before.unique or any(before.name in names for names in old.unique_sets())
    if world.vendor == "postgresql" and not unique:
        # Unless it is not deterministic, it tells the same texts apart as any other.
        yield Verdict("compatible", f"{what} is sorted by {after.collation or 'the collation of the database'}")
        return
    refused = ", and may write what is a duplicate then" if unique else ""
    yield Verdict(
        "review",
        f"{what} is compared by {after.collation or 'the collation of its table'}: old code may find other texts{refused}",
        "make sure that old code can do with it: that no two of its texts differ in case or accents alone, for example",
    )


def _known(world: World, old: Table, column: Column) -> int:
    return world.server.octets.get((old.name, column.name), 4)
