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


def apply(state: Any, migration: Any, modes: set[str] | None = None) -> Any:
    """Run a migration; `modes` gets the locks that it takes on tables that were there, where it runs in a transaction."""
    from django.db import connection, transaction

    if modes is None or not migration.atomic:
        with connection.schema_editor(atomic=migration.atomic) as editor:
            return migration.apply(state, editor)
    there = set(connection.introspection.table_names())
    with transaction.atomic():
        with connection.schema_editor(atomic=True) as editor:
            after = migration.apply(state, editor)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT c.relname, l.mode FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE l.pid = pg_backend_pid()"
            )
            modes.update(mode for table, mode in cursor.fetchall() if table in there)
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

    from settings_snippets.django.management.commands import pendingmigrations
    from settings_snippets.django.migration_rules import verdicts
    from tests.settings_snippets.migrations import exercise, touched

    steps = pendingmigrations.Reader("default").follow(state, [migration])
    found = verdicts(*steps, connection.vendor)
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
    modes: set[str] = set()
    wrong, after = _applied(state, migration, before, modes)
    old = "" if wrong else _first(exercise.exercise(model, variants[model]) for model in before)
    # Rows that the old release could not write either (a sequence behind its table, say) tell nothing.
    unfit = {model._meta.label for model in before if "0" not in variants[model]}
    models = [one for one in touched.near(exercise.ordered(fresh(after)), changed) if one._meta.label not in broken]
    later = [(model, [] if model._meta.label in unfit else ["0"]) for model in models]
    new = "" if wrong else _first(exercise.exercise(model, variants_) for model, variants_ in later)
    return {
        "verdict": said,
        "why": [one.why for one in found],
        "locks": [one.locks for one in found if one.locks],
        "modes": sorted(modes),
        "failed": wrong,
        "old": old,
        "new": new,
        "after": after,
        "opaque": any(e.kind == "opaque" for step in steps[1] for e in step.effects),
    }


def _applied(state: Any, migration: Any, before: Sequence[Any], modes: set[str]) -> tuple[str, Any]:
    from django.db import Error, connection

    try:
        return "", apply(state.clone(), migration, modes)
    except Error as error:
        # With the rows that are there it does not go: without any, perhaps.
        with connection.cursor() as cursor:
            names = ", ".join(connection.ops.quote_name(model._meta.db_table) for model in before)
            cursor.execute(f"TRUNCATE {names} CASCADE")
        first = str(error).splitlines()[0]
    try:
        return "", apply(state.clone(), migration, modes)
    except Error as error:
        return f"{first}; without rows: {str(error).splitlines()[0]}", state


def _first(told: Any) -> str:
    return next((one for one in told if one), "")


def main() -> None:
    configure(sys.argv[1])
    from django.db.migrations import Migration
    from django.db.migrations.state import ProjectState

    from tests.settings_snippets.migrations.cases import CASES

    for name, (before, after) in CASES.items():
        empty()
        first, second = Migration("0001_initial", "shop"), Migration("0002_next", "shop")
        first.operations, second.operations = before, after
        second.atomic = not name.startswith("concurrently")
        told = try_out(apply(ProjectState(), first), second)
        told.pop("after")
        print(json.dumps({"name": name, **told}), flush=True)


if __name__ == "__main__":
    main()
