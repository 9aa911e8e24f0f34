"""Which locks a migration holds when it ends, and what took as long as a table is large, as PostgreSQL itself says it."""

from typing import Any

from django.db import connection

# "Explicit Locking", the weakest first: what conflicts with reads or writes.
MODES = ("ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock")
_LOCKS = "SELECT c.oid, l.mode FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE l.pid = pg_backend_pid()"
_TABLES = """
SELECT c.oid, c.relname, c.relfilenode,
  ARRAY(SELECT a.attnum FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
  ARRAY(SELECT a.attnum FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND a.attnotnull),
  ARRAY(SELECT a.attnum FROM pg_attribute a WHERE a.attrelid = c.oid AND a.atthasmissing),
  ARRAY(SELECT i.indexrelid FROM pg_index i WHERE i.indrelid = c.oid)
FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
"""
_CHECKED = """
SELECT k.oid, k.conrelid, k.contype, k.conkey FROM pg_constraint k WHERE k.contype IN ('c', 'f') AND k.convalidated
"""
Catalogue = tuple[dict[int, Any], dict[int, Any]]


def catalogue() -> Catalogue:
    """Return what the database knows of every table and of every constraint that was checked."""
    with connection.cursor() as cursor:
        cursor.execute(_TABLES)
        tables = {number: more for number, *more in cursor.fetchall()}
        cursor.execute(_CHECKED)
        return tables, {number: more for number, *more in cursor.fetchall()}


def locks(before: Catalogue) -> dict[str, str]:
    """Return the strongest lock on each table that was there, by name, of those that make visitors wait."""
    found: dict[str, str] = {}
    with connection.cursor() as cursor:
        cursor.execute(_LOCKS)
        for table, mode in cursor.fetchall():
            if table in before[0] and mode in MODES:
                name = before[0][table][0]
                found[name] = max(found.get(name, MODES[0]), mode, key=MODES.index)
    return found


def work(before: Catalogue) -> str:
    """Return what was rewritten, checked or indexed of the tables that were there; "" for nothing."""
    tables, checked = catalogue()
    found = []
    for number, (name, file, _, required, _, indexes) in before[0].items():
        if number not in tables:
            continue
        _, new_file, _, now_required, filled, now_indexes = tables[number]
        found += [f"{name} rewritten"] * (new_file != file)
        found += [f"{name} indexed"] * bool(set(now_indexes) - set(indexes))
        # A new column with a constant default is not looked through.
        found += [f"{name} NOT NULL"] * bool(set(now_required) - set(required) - set(filled))
    for number in checked.keys() - before[1].keys():
        table, kind, keys = checked[number]
        # What refers to nothing in every row need not be checked: a new column without a default.
        empty = kind == "f" and table in before[0] and not set(keys) & {*before[0][table][2], *tables[table][4]}
        found += [f"{tables[table][0]} checked"] * (table in before[0] and not empty)
    return ", ".join(found)
