"""Which tables a migration changes, as PostgreSQL's own catalogue says it: the others need not be tried out again."""

from collections.abc import Collection, Iterator
from typing import Any

from django.db import Error, connection, transaction

_CATALOGUE = """
SELECT c.relname,
  (SELECT string_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attgenerated, a.attidentity,
                               a.attcollation, pg_get_expr(d.adbin, d.adrelid)), ';' ORDER BY a.attnum)
     FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
  (SELECT string_agg(pg_get_constraintdef(k.oid), ';' ORDER BY k.conname)
     FROM pg_constraint k WHERE c.oid IN (k.conrelid, k.confrelid)),
  (SELECT string_agg(pg_get_indexdef(i.indexrelid), ';' ORDER BY i.indexrelid) FROM pg_index i WHERE i.indrelid = c.oid),
  (SELECT string_agg(pg_get_triggerdef(g.oid), ';' ORDER BY g.tgname)
     FROM pg_trigger g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal)
FROM pg_class c WHERE c.relkind IN ('r', 'v') AND c.relnamespace = 'public'::regnamespace
"""


class _Undo(Exception):
    """End a transaction that is to leave nothing."""


def tables(state: Any, migration: Any) -> set[str] | None:
    """Return the tables that a migration makes, drops or changes, or whose models it changes; None where it cannot be tried."""
    found = None
    if migration.atomic:
        try:
            with transaction.atomic():
                before = _catalogue()
                with connection.schema_editor(atomic=True) as editor:
                    after = migration.apply(state.clone(), editor)
                found = {name for name, _ in before ^ _catalogue()} | set(_of_models(state, after))
                raise _Undo
        except (_Undo, Error):
            pass
    return found


def _catalogue() -> set[tuple[str, tuple[str, ...]]]:
    with connection.cursor() as cursor:
        cursor.execute(_CATALOGUE)
        return {(name, tuple(more)) for name, *more in cursor.fetchall()}


def _of_models(before: Any, after: Any) -> Iterator[str]:
    """Return the tables of the models that differ between two states."""
    for key in before.models.keys() | after.models.keys():
        models = [state.models[key] for state in (before, after) if key in state.models]
        if len(models) == 1 or models[0] != models[1]:
            yield from (model.options.get("db_table") or "_".join(key) for model in models)


def near(models: list[Any], changed: set[str] | None, besides: Collection[str] = ()) -> list[Any]:
    """Return the models of these tables, and those that refer to them or to which they refer; None: all.

    `besides`: tables that were near before.
    """
    if changed is None:
        return models
    at = {model for model in models if model._meta.db_table in changed}
    links = [(model, f.remote_field.model) for model in models for f in model._meta.local_concrete_fields if f.remote_field]
    around = {one for pair in links if at.intersection(pair) for one in pair}
    return [model for model in models if model in at | around or model._meta.db_table in besides]
