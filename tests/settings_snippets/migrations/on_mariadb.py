"""What really happens on MariaDB, where no transaction takes a change of a table back: each case has a database of its own.

`python -m tests.settings_snippets.migrations.on_mariadb PORT` reads a list of names and prints a line of JSON for each; for what
MariaDB does not have (types of PostgreSQL, its SQL) `lacks` says so.
"""

import json
import sys
from collections.abc import Sequence
from typing import Any

import django
from django.conf import settings
from django.db import DatabaseError

from tests.settings_snippets.migrations import truth

DATABASE = "truth"
UNABLE = (DatabaseError, TypeError, AttributeError)  # fields of PostgreSQL know no type here


def configure(port: str) -> None:
    server = {"ENGINE": "django.db.backends.mysql", "NAME": None, "USER": "shop", "HOST": "127.0.0.1", "PORT": port}
    more = {"SECRET_KEY": "x", "USE_TZ": True, "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField"}
    settings.configure(DATABASES={"default": {**server, "OPTIONS": {"charset": "utf8mb4"}}}, **more)
    django.setup()
    from django.db import connection

    # InnoDB looks at once, and Django's own look asks the catalogue of every table for it.
    connection.check_constraints = lambda *names: None


def empty(name: str = DATABASE) -> None:
    """Drop every table, and use the database that is made in its place."""
    from django.db import connection

    # What SQL has set for its session does not last.
    connection.close()
    connection.settings_dict["NAME"] = None
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name}")
        cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        cursor.execute(f"USE {name}")
    connection.settings_dict["NAME"] = name  # by which introspection asks


def apply(state: Any, migration: Any) -> Any:
    from django.db import connection

    with connection.schema_editor(atomic=False) as editor:
        return migration.apply(state, editor)


def spoken(operations: list[Any]) -> list[Any]:
    """Return operations whose SQL is in MariaDB's words, as far as they are known."""
    from django.db.migrations.operations import RunSQL, SeparateDatabaseAndState

    from tests.settings_snippets.migrations.mariadb_cases import SPOKEN

    found: list[Any] = []
    for one in operations:
        if isinstance(one, RunSQL) and isinstance(one.sql, str):
            text = one.sql
            for theirs, ours in SPOKEN.items():
                text = text.replace(theirs, ours)
            found.append(RunSQL(text, state_operations=one.state_operations))
        elif isinstance(one, SeparateDatabaseAndState):
            found.append(SeparateDatabaseAndState(spoken(one.database_operations), one.state_operations))
        else:
            found.append(one)
    return found


def begun(*migrations: Any) -> str:
    """Run migrations over nothing; return why they do not go even so, or ""."""
    from django.db.migrations.state import ProjectState

    empty()
    state = ProjectState()
    try:
        for migration in migrations:
            state = apply(state, migration)
    except UNABLE as error:
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return ""


def tried(first: Any, second: Any, *, rolling: bool = False) -> dict[str, Any]:
    """Judge a migration, run it, let both releases live on the outcome; return what was said and what happened.

    `rolling`: as `migraterolling` runs it.
    """
    from django.db import connection
    from django.db.migrations.state import ProjectState

    from settings_snippets.django.migration_rules import verdicts
    from settings_snippets.django.migration_rules.keeping import keep_defaults
    from settings_snippets.django.migration_rules.plan import Reader
    from tests.settings_snippets.migrations import copied, exercise

    if lacks := begun(first):
        return {"lacks": lacks}
    state = first.mutate_state(ProjectState())
    reader = Reader("default")
    plan = reader.follow(state, [second])
    if rolling:
        keep_defaults(connection)
    found = verdicts(plan.old, plan.steps, connection.vendor, real=plan.real, keeps_defaults=rolling, server=reader.server)
    said = max((one.verdict for one in found), key=("none", "compatible", "review", "incompatible").index, default="none")
    before = exercise.ordered(truth.fresh(state))
    exercise.fill(before)
    # A model without a table, or with half of one: nothing can be told.
    broken = {model._meta.label for model in before if exercise.exercise(model, [])}
    before = [model for model in before if model._meta.label not in broken]
    variants = {model: exercise.usable(model) for model in before}
    known = truth._known(before, [], None)
    wrong, after, carried = "", state, copied.Carried()
    try:
        with connection.execute_wrapper(carried):
            after = apply(state.clone(), second)
    except UNABLE as error:
        wrong = str(error).splitlines()[0]
        if lacks := begun(first, second):
            return {"lacks": lacks}
    # What SQL has set for its session is not there for the others.
    connection.close()
    old = "" if wrong else truth._first(exercise.exercise(model, variants[model]) for model in before)
    unfit = {model._meta.label for model in before if "0" not in variants[model]}
    models = [model for model in exercise.ordered(truth.fresh(after)) if model._meta.label not in broken]
    later = [(model, [] if model._meta.label in unfit else ["0"]) for model in models]
    new = "" if wrong else truth._first(exercise.exercise(model, names) for model, names in later)
    return {
        "lacks": "",
        "verdict": said,
        "why": [one.why for one in found],
        "locks": [one.locks for one in found if one.locks],
        "ways": carried.ways,
        "used": sorted(plan.old),
        "failed": wrong,
        "old": old,
        "new": new,
        "rows": "" if wrong or old or new else truth._between(before, models, known.copy),
        "opaque": any(e.kind == "opaque" for step in plan.steps for e in step.effects),
    }


def main(arguments: Sequence[str]) -> None:
    configure(arguments[0])
    from django.db import connection
    from django.db.migrations import Migration

    from tests.settings_snippets.migrations import mariadb_cases
    from tests.settings_snippets.migrations.every_case import CASES

    own = connection.SchemaEditorClass
    for name in json.load(sys.stdin):
        first, second = Migration("0001_initial", "shop"), Migration("0002_next", "shop")
        first.operations, second.operations = map(spoken, {**CASES, **mariadb_cases.CASES}[name])
        told = tried(first, second, rolling=name.startswith("rolling"))
        print(json.dumps({"name": name, **told}), flush=True)
        connection.SchemaEditorClass = own


if __name__ == "__main__":
    main(sys.argv[1:])
