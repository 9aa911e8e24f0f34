"""What really happens: each case is applied on PostgreSQL, the old release's models live on the new schema, then the new ones.

`python -m tests.settings_snippets.migrations.truth SOCKET-FOLDER` prints a line of JSON for each case.
"""

import json
import sys
from collections.abc import Sequence
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
    return ProjectState(models, real_apps=state.real_apps)


def try_out(state: Any, migration: Any, *, rows: bool = True) -> dict[str, Any]:
    """Judge a migration, apply it, let old and new models live on the outcome, and return what was said and what happened.

    The tables of `state` are there; afterwards those of the migration are. `rows`: there are some when it is applied.
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
    if rows:
        exercise.fill(before)
        connection.check_constraints()
    # Where the old release fails already, because an earlier migration has only done half of it, nothing can be told.
    broken = {model._meta.label for model in before if exercise.exercise(model, [])}
    before = [model for model in before if model._meta.label not in broken]
    variants = {model: exercise.usable(model) for model in before}
    known = _known(before)
    locks: dict[str, str] = {}
    wrong, after = _applied(state, migration, before, locks)
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


def _known(before: list[Any]) -> set[tuple[str, str]]:
    """Return what the old release cannot do with rows of its own either."""
    from tests.settings_snippets.migrations import rows

    return {*rows.met(before, before), *rows.erased(before, before, before)}


def _between(before: list[Any], after: list[Any], known: set[tuple[str, str]]) -> str:
    """Return what one release fails to do with rows of the other, and not with its own."""
    from tests.settings_snippets.migrations import rows

    own = set(rows.apart(after))
    ways = {
        "old code, new rows": rows.met(after, before),
        "new code, old rows": rows.met(before, after),
        "old code, what new code has left": rows.erased(before, after, before),
        "new code, what old code has left": rows.erased(after, before, after),
    }
    for way, failures in ways.items():
        for key, why in failures.items():
            if key not in (known if way.startswith("old") else own):
                return f"{way}: {' '.join(key)}: {why}"
    return ""


def _applied(state: Any, migration: Any, before: Sequence[Any], locks: dict[str, str]) -> tuple[str, Any]:
    from django.db import Error, connection

    try:
        return "", apply(state.clone(), migration, locks)
    except Error as error:
        # With the rows that are there it does not go: without any, perhaps.
        with connection.cursor() as cursor:
            names = ", ".join(connection.ops.quote_name(model._meta.db_table) for model in before)
            cursor.execute(f"TRUNCATE {names} CASCADE")
        first = str(error).splitlines()[0]
    try:
        return "", apply(state.clone(), migration, locks)
    except Error as error:
        return f"{first}; without rows: {str(error).splitlines()[0]}", state


def _first(told: Any) -> str:
    return next((one for one in told if one), "")


def main() -> None:
    configure(sys.argv[1])
    from django.db import connection
    from django.db.migrations import Migration
    from django.db.migrations.state import ProjectState

    from settings_snippets.django.migration_rules.keeping import keep_defaults
    from tests.settings_snippets.migrations.every_case import CASES

    own = connection.SchemaEditorClass
    for name, (before, after) in CASES.items():
        empty()
        connection.SchemaEditorClass = own
        first, second = Migration("0001_initial", "shop"), Migration("0002_next", "shop")
        first.operations, second.operations = before, after
        second.atomic = not name.startswith("concurrently")
        state = apply(ProjectState(), first)
        if name.startswith("rolling"):
            keep_defaults(connection)
        told = try_out(state, second)
        told.pop("after")
        print(json.dumps({"name": name, **told}), flush=True)


if __name__ == "__main__":
    main()
