"""Which changes make visitors wait on MySQL and MariaDB: those for which a table is copied while nobody may write to it.

All else is instant or done in place, and reads and writes go on (LOCK=NONE). No statement holds its locks longer than itself.
Sources: MySQL, "Online DDL Operations", "Metadata Locking"; MariaDB, "InnoDB Online DDL Overview", "ALTER TABLE" (a copy with
LOCK=NONE since 11.2); both servers, asked by ALGORITHM and LOCK.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .schema import UNKNOWN, Column, Constraint, Effect, Server
from .types import is_large, octets, plain
from .world import World


def sentences(world: World, effect: Effect) -> Iterator[str]:
    """Say who waits for long while an effect is applied."""
    table, after = effect.table, effect.after
    if table not in world.old:
        return
    parents = {name for name in _checked(effect) if name in world.old}
    if parents or _copied(world, effect):
        online = world.server.mariadb and world.server.version >= (11, 2)
        if waiting := sorted(parents if online else {table, *parents}):
            yield f"writes of {' and '.join(waiting)} wait (LOCK=SHARED) while every row of {table} is copied."
    elif effect.kind == "add_constraint" and effect.constraint and _held_still(world.server, effect.constraint):
        names = ", ".join(effect.constraint.columns or ()) or effect.constraint.name
        yield f"writes of {table} wait (LOCK=SHARED) while the index on {table} ({names}) is built."
    required = effect.kind == "alter_column" and effect.before and effect.before.null and after and not after.null
    if required and after and (after.fallback or after.default):
        yield f"writes of rows of {table} that have NULL in {effect.column} wait while these are filled."


def _held_still(server: Server, index: Constraint) -> bool:
    """Return whether an index is built while nobody may write."""
    return index.detail in ("FULLTEXT", "SPATIAL") or (index.expressions and not server.mariadb)


def _checked(effect: Effect) -> Iterator[str]:
    """Return the tables to which a new foreign key refers; Django makes it anew with each change of its column."""
    after = effect.after
    if effect.kind in ("add_column", "alter_column", "rename_column") and after and after.target:
        yield after.target
    if effect.kind == "add_constraint" and effect.constraint and effect.constraint.kind == "foreign":
        yield effect.constraint.references


def _copied(world: World, effect: Effect) -> bool:
    column, constraint = effect.after or Column(effect.column), effect.constraint
    if effect.kind == "add_column":
        return bool(column.target) or _computed(world.server, column)
    if effect.kind in ("alter_column", "modify_column") and effect.before:
        return bool(effect.kind == "alter_column" and column.target) or _altered(world, effect.table, effect.before, column)
    if effect.kind == "rename_column":
        return bool(column.target)
    if effect.kind != "add_constraint" or constraint is None:
        return False
    if constraint.kind == "check":
        return not (constraint.inline and world.server.mariadb)
    return constraint.kind in ("foreign", "other")


def _computed(server: Server, column: Column) -> bool:
    """Return whether each row gets a value of its own for a new column."""
    if column.stored or column.volatile:
        return True
    given = column.default or column.fallback
    return not server.mariadb and (
        bool(column.check)
        or (given and is_large(column.type))
        or (column.default and column.value is UNKNOWN and not column.fallback)
    )


def _altered(world: World, table: str, before: Column, after: Column) -> bool:
    server, name = world.server, before.name
    was = octets(before.collation, server.octets.get((table, name), 4))
    now = octets(after.collation, was)
    counted, counts = ("auto_increment" in one.type.lower() for one in (before, after))
    if was != now or counts > counted or (counts < counted and not server.mariadb):
        return True
    if after.stored or before.stored or (after.check and after.check != before.check):
        return True
    if before.collation != after.collation and _indexed(world, table, before):
        # MariaDB makes the index alone anew.
        return not server.mariadb or server.version < (10, 11)
    return plain(before.type) != plain(after.type) and not _longer(server, was, before, after)


def _longer(server: Server, size: int, before: Column, after: Column) -> bool:
    """Return whether a text becomes longer, and its length is stored as before."""
    found = [re.fullmatch(r"varchar\((\d+)\)", plain(one.type)) for one in (before, after)]
    if not (found[0] and found[1]):
        return False
    old, new = (int(one[1]) * size for one in found if one)
    return new >= old and (new < 256 or old > 255 or (server.mariadb and old < 128))


def _indexed(world: World, table: str, column: Column) -> bool:
    known = world.real.get(table)
    alone = column.unique or column.indexed or column.primary
    return alone or any(_covers(one, column.name) for one in (known.constraints if known else ()))


def _covers(constraint: Constraint, name: str) -> bool:
    return constraint.kind in ("unique", "index") and name in (constraint.columns or (name,))
