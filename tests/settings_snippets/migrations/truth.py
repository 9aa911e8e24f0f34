"""What really happens: each case is applied on PostgreSQL, the old release's models live on the new schema, then the new ones.

`python -m tests.settings_snippets.migrations.truth SOCKET-FOLDER` reads a list of names and prints a line of JSON for each.
"""

import json
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import django
from django.conf import settings


def configure(folder: str, apps: Sequence[str] = (), database: str = "postgres", **more: Any) -> None:
    settings.configure(
        SECRET_KEY="x",
        USE_TZ=True,
        INSTALLED_APPS=list(apps),
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": database, "USER": "shop", "HOST": folder}},
        **more,
    )
    django.setup()


def empty() -> None:
    """Drop every table."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SET client_min_messages = warning; DROP SCHEMA public CASCADE; CREATE SCHEMA public")


def count_anew() -> None:
    """Let every sequence begin again: no transaction takes back what it has given."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT setval(oid, 1, false) FROM pg_class WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace")


def apply(state: Any, migration: Any, locks: dict[str, str] | None = None) -> Any:
    """Run a migration.

    `locks` gets the strongest lock that it takes on each table that was there, where it runs in a transaction, and as "work" what
    took as long as the table is large.
    """
    from django.db import connection, transaction

    from tests.settings_snippets.migrations import taken

    if locks is None or not migration.atomic:
        with connection.schema_editor(atomic=migration.atomic) as editor:
            return migration.apply(state, editor)
    before = taken.catalogue()
    with transaction.atomic():
        with connection.schema_editor(atomic=True) as editor:
            after = migration.apply(state, editor)
        locks.clear()
        locks.update(taken.locks(before), work=taken.work(before))
    return after


def fresh(state: Any) -> Any:
    """Return a state whose models are made anew, all at once, as those of a release are: others know of older ones."""
    from django.db.migrations.state import ProjectState

    models = {key: model.clone() for key, model in state.models.items()}
    for model in models.values():
        # Some old states are ordered by what they do not have.
        model.options = {name: value for name, value in model.options.items() if name != "ordering"}
        # taggit's has an index twice, which its database has once.
        model.options["indexes"] = list({one.name: one for one in model.options.get("indexes", ())}.values())
    return ProjectState(models, real_apps=state.real_apps)


def try_out(state: Any, migration: Any, *, rows: bool = True) -> dict[str, Any]:
    """Judge a migration, apply it, let old and new models live on the outcome, and return what was said and what happened.

    The tables of `state` are there; afterwards those of the migration are, where it has no transaction of its own; elsewhere the
    caller has one, and rolls it back. `rows`: there are some when the migration is applied.
    """
    from django.db import connection

    from settings_snippets.django.migration_rules import verdicts
    from settings_snippets.django.migration_rules.plan import Reader
    from tests.settings_snippets.migrations import exercise, touched

    plan = Reader("default").follow(state, [migration])
    rolling = connection.SchemaEditorClass.__name__ == "KeepsDefaults"
    found = verdicts(plan.old, plan.steps, connection.vendor, real=plan.real, keeps_defaults=rolling)
    ranks = ("none", "compatible", "review", "incompatible")
    said = max((one.verdict for one in found), key=ranks.index, default="none")
    changed = touched.tables(state, migration)
    before = touched.near(exercise.ordered(fresh(state)), changed)
    untouched = connection.savepoint() if migration.atomic else None
    if rows:
        exercise.fill(before)
        connection.check_constraints()
    # Where the old release fails already, because an earlier migration has only done half of it, nothing can be told.
    broken = {model._meta.label for model in before if exercise.exercise(model, [])}
    before = [model for model in before if model._meta.label not in broken]
    variants = {model: exercise.usable(model) for model in before}
    filled = before if rows else []
    known = partial(_known, before, filled, untouched) if untouched else _known(before, [], None).copy
    locks: dict[str, str] = {}
    wrong, after = _applied(state, migration, before, locks, untouched)
    old = "" if wrong else _first(exercise.exercise(model, variants[model]) for model in before)
    # Rows that the old release could not write either (a sequence behind its table, say) tell nothing.
    unfit = {model._meta.label for model in before if "0" not in variants[model]}
    around = {model._meta.db_table for model in before}
    models = [one for one in touched.near(exercise.ordered(fresh(after)), changed, around) if one._meta.label not in broken]
    later = [(model, [] if model._meta.label in unfit else ["0"]) for model in models]
    new = "" if wrong else _first(exercise.exercise(model, variants_) for model, variants_ in later)
    return {
        "verdict": said,
        "why": [one.why for one in found],
        "instead": [one.instead for one in found if one.instead],
        "locks": [one.locks for one in found if one.locks],
        "taken": locks,
        "failed": wrong,
        "old": old,
        "new": new,
        "rows": "" if wrong or old or new else _between(before, models, known),
        "after": after,
        "opaque": any(e.kind == "opaque" for step in plan.steps for e in step.effects),
    }


def alone(state: Any, migration: Any, *, rows: bool = True) -> dict[str, Any]:
    """Try a migration out; nothing stays, unless it has no transaction."""
    from django.db import transaction

    if not migration.atomic:
        return try_out(state, migration, rows=rows)
    with transaction.atomic():
        told = try_out(state, migration, rows=rows)
        transaction.set_rollback(True)
    return told


def _known(before: list[Any], filled: list[Any], untouched: str | None) -> set[tuple[str, str]]:
    """Return what the old release cannot do with rows of its own either; go back to `untouched` for it."""
    from django.db import connection

    from tests.settings_snippets.migrations import exercise, rows

    if untouched:
        connection.savepoint_rollback(untouched)
        exercise.fill(filled)
    return {*rows.met(before, before), *rows.erased(before, before, before)}


def _between(before: list[Any], after: list[Any], known: Callable[[], set[tuple[str, str]]]) -> str:
    """Return what one release fails to do with rows of the other, and not with its own.

    `known` returns what the old release failed to do before the migration, and may undo it.
    """
    from tests.settings_snippets.migrations import rows

    ways = {
        "new code, old rows": rows.met(before, after),
        "new code, what old code has left": rows.erased(after, before, after),
        "old code, new rows": rows.met(after, before),
        "old code, what new code has left": rows.erased(before, after, before),
    }
    of_new, of_old = list(ways)[:2], list(ways)[2:]
    own = set(rows.apart(after)) if any(ways[way] for way in of_new) else set()
    old = known() if any(ways[way] for way in of_old) else set()
    for way, failures in ways.items():
        for key, why in failures.items():
            if key not in (own if way in of_new else old):
                return f"{way}: {' '.join(key)}: {why}"
    return ""


def _applied(state: Any, migration: Any, before: Sequence[Any], locks: dict[str, str], untouched: str | None) -> tuple[str, Any]:
    """Run a migration with the rows that are there; if it does not go, without those that were filled in; then without any."""
    from django.db import Error, connection

    undo = (lambda: connection.savepoint_rollback(untouched)) if untouched else (lambda: None)
    why = []
    for prepare in (lambda: None, undo, partial(_truncate, before)):
        prepare()
        try:
            return "", apply(state.clone(), migration, locks)
        except Error as error:
            why.append(str(error).splitlines()[0])
    return f"{why[0]}; without rows: {why[-1]}", state


def _truncate(models: Sequence[Any]) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        for model in models:
            cursor.execute(f"TRUNCATE {connection.ops.quote_name(model._meta.db_table)} CASCADE")


def _first(told: Any) -> str:
    return next((one for one in told if one), "")


def _written(operations: Sequence[Any]) -> str:
    from django.db.migrations.writer import OperationWriter

    return "".join(OperationWriter(one).serialize()[0] for one in operations)


def main() -> None:
    configure(sys.argv[1])
    from django.db import connection
    from django.db.migrations import Migration
    from django.db.migrations.state import ProjectState

    from settings_snippets.django.migration_rules.keeping import keep_defaults
    from tests.settings_snippets.migrations.every_case import CASES

    own = connection.SchemaEditorClass
    # Those that begin with the same tables share them: nothing of a case stays.
    there, state = "", ProjectState()
    for name in sorted(json.load(sys.stdin), key=lambda name: _written(CASES[name][0])):
        first, second = Migration("0001_initial", "shop"), Migration("0002_next", "shop")
        first.operations, second.operations = CASES[name]
        second.atomic = not name.startswith("concurrently")
        if _written(first.operations) != there:
            empty()
            state, there = apply(ProjectState(), first), _written(first.operations)
        count_anew()
        if name.startswith("rolling"):
            keep_defaults(connection)
        told = alone(state, second)
        connection.SchemaEditorClass = own
        there = there if second.atomic else ""
        told.pop("after")
        print(json.dumps({"name": name, **told}), flush=True)


if __name__ == "__main__":
    main()
