"""Old code on another collation: which texts are the same, and which can be written at all."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .schema import Column, Table, Verdict
from .types import octets
from .world import World

# PostgreSQL, "Collation Support": only what CREATE COLLATION has made may take texts that differ for the same.
_TELLS_APART = re.compile(r"|C|POSIX|default|ucs_basic|unicode|pg_\w+|C\.\S+|[a-z]{2,3}_[A-Z]{2}\S*|\S+-x-icu")


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
    held = {name for one in old.constraints if one.kind in ("unique", "exclude") for name in one.columns or ()}
    was, now = (world.vendor == "postgresql" and bool(_TELLS_APART.fullmatch(one.collation)) for one in (before, after))
    if was and now:
        yield Verdict("compatible", f"{what} is sorted by {after.collation or 'the collation of the database'}")
        return
    unique = before.unique or before.primary or before.name in held
    refused = ", and may write what is a duplicate then" if unique and not now else ""
    yield Verdict(
        "review",
        f"{what} is compared by {after.collation or 'the collation of its table'}: old code may find other texts{refused}",
        "make sure that old code can do with it: that no two of its texts differ in case or accents alone, for example",
    )


def _known(world: World, old: Table, column: Column) -> int:
    return world.server.octets.get((old.name, column.name), 4)
