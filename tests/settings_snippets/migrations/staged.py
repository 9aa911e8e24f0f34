"""What really happens in two stages: the first half is applied, both releases live on it, then the other half, over their rows.

`python -m tests.settings_snippets.migrations.staged SOCKET-FOLDER` prints a line of JSON for each case of which something waits;
the names are read from standard input. With APP FOLDER-OF-APPS as in `third_party` the releases are all stretches of its
migrations.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tests.settings_snippets.migrations import third_party, truth

Parents = Callable[[tuple[str, str]], set[tuple[str, str]]]


def try_out(state: Any, migrations: Sequence[Any], parents: Parents, *, rows: bool = True) -> dict[str, Any] | None:
    """Split migrations, let both releases live on each half, and return what was said and what happened; None: nothing waits.

    The tables of `state` are there; whatever is left afterwards is the caller's to undo.
    """
    from django.db import connection, transaction

    from settings_snippets.django.migration_rules import verdicts
    from settings_snippets.django.migration_rules.plan import Reader
    from settings_snippets.django.migration_rules.relaxing import relax, relaxations
    from settings_snippets.django.migration_rules.stages import Staging
    from tests.settings_snippets.migrations import exercise, touched

    reader, rolling = Reader("default"), connection.SchemaEditorClass.__name__ == "KeepsDefaults"
    plan = reader.follow(state, migrations)
    found = verdicts(plan.old, plan.steps, connection.vendor, real=plan.real, keeps_defaults=rolling)
    split = Staging(reader, parents, keeps_defaults=rolling).split(state, migrations, plan, found)
    if split is None:
        return None
    ranks = ("none", "compatible", "review", "incompatible")
    told = {
        "verdict": max((one.verdict for one in split.verdicts), key=ranks.index),
        "why": [one.why for one in split.verdicts if one.verdict in ranks[2:]],
        "waiting": [name for _, name in split.waiting],
        "opaque": any(effect.kind == "opaque" for step in plan.steps for effect in step.effects),
        **dict.fromkeys(("failed", "old", "new", "rows", "contract", "after"), ""),
    }
    held = [one for one in migrations if (one.app_label, one.name) in split.waiting]
    final = state
    for one in migrations:
        final = one.mutate_state(final)
    effects = [effect for step in plan.steps for effect in (*step.effects, *(step.state or ()))]
    changed = {name for effect in effects for name in (effect.table, effect.to)} | set(touched._of_models(state, final))
    before = touched.near(exercise.ordered(truth.fresh(state)), changed)
    around = {model._meta.db_table for model in before}
    new = touched.near(exercise.ordered(truth.fresh(final)), changed, around)
    if rows:
        exercise.fill(before)
        connection.check_constraints()
    broken = {model._meta.label for model in before if exercise.exercise(model, [])}
    before, new = ([model for model in models if model._meta.label not in broken] for models in (before, new))
    variants, known = {model: exercise.usable(model) for model in before}, truth._known(before, [], None)
    between = state
    for one in migrations:
        if one not in held and not told["failed"]:
            told["failed"], between = truth._applied(between, one, before, {}, None)
    if told["failed"]:
        return told
    relax(connection, list(relaxations(between, held, connection)))
    unfit = {model._meta.label for model in before if "0" not in variants[model]}
    later = [(model, [] if model._meta.label in unfit else ["0"]) for model in new]
    told["old"] = truth._first(exercise.exercise(model, variants[model]) for model in before)
    told["new"] = truth._first(exercise.exercise(model, own) for model, own in later)
    if not told["old"] and not told["new"]:
        told["rows"] = truth._between(before, new, known.copy)
    _written(before, new)
    for one in held:
        try:
            with transaction.atomic():
                between = truth.apply(between.clone(), one)
        except Exception as error:  # noqa: BLE001  (whatever it is, it is told)
            told["contract"] = f"{type(error).__name__}: {error}".splitlines()[0]
            return told
    told["after"] = truth._first(exercise.exercise(model, own) for model, own in later)
    return told


def _written(*releases: Sequence[Any]) -> None:
    """Leave rows of both releases."""
    from django.db import connection, transaction

    from tests.settings_snippets.migrations import exercise, rows

    for models in releases:
        for model in models:
            for variant in ("full", "again", "sparse", "crossed"):
                rows._tried(lambda model=model, variant=variant: exercise._insert(model, variant))
    with transaction.atomic():
        connection.check_constraints()


def chained(migrations: Sequence[Any]) -> Parents:
    """Return the parents of migrations of which each depends on the one before."""
    keys = [(one.app_label, one.name) for one in migrations]
    before = dict(zip(keys[1:], keys, strict=False))
    return lambda key: {before[key]} if key in before else set()


def cases(names: Sequence[str]) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """Try cases out, each operation as a migration that depends on the one before."""
    from django.db import connection
    from django.db.migrations import Migration
    from django.db.migrations.state import ProjectState

    from settings_snippets.django.migration_rules.keeping import keep_defaults
    from tests.settings_snippets.migrations.every_case import CASES
    from tests.settings_snippets.migrations.stage_cases import STAGED

    own, every = connection.SchemaEditorClass, CASES | STAGED
    for name in names:
        truth.empty()
        connection.SchemaEditorClass = own
        first = Migration("0001_initial", "shop")
        first.operations, after = every[name]
        state = truth.apply(ProjectState(), first)
        if name.startswith("rolling"):
            keep_defaults(connection)
        migrations = []
        for number, operation in enumerate(after, 2):
            one = Migration(f"{number:04}", "shop")
            one.operations, one.atomic = [operation], not name.startswith("concurrently")
            migrations.append(one)
        yield name, try_out(state, migrations, chained(migrations))


def stretches(executor: Any) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """Try the migrations of others out, one to three at a time; nothing stays of what is tried."""
    from django.db import transaction
    from django.db.migrations.operations import RunPython

    graph = executor.loader.graph
    plan = [migration for migration, _ in executor.migration_plan(graph.leaf_nodes(), clean_start=True)]
    state = executor._create_project_state()
    for number, migration in enumerate(plan):
        for length in (1, 3):
            release = plan[number : number + length]
            if len(release) == length and all(one.atomic for one in release):
                rows = not any(isinstance(operation, RunPython) for one in release for operation in one.operations)
                with transaction.atomic():
                    told = try_out(state, release, lambda key: {one.key for one in graph.node_map[key].parents}, rows=rows)
                    transaction.set_rollback(True)
                yield f"{migration} and {length - 1} more", told
        state = truth.apply(state, migration)
        third_party.know_content_types(state)


def main() -> None:
    if sys.argv[2:]:
        found = stretches(third_party.prepared(*sys.argv[1:]))
    else:
        truth.configure(sys.argv[1])
        found = cases(json.load(sys.stdin))
    for name, told in found:
        if told:
            print(json.dumps({"name": name, **told}), flush=True)


if __name__ == "__main__":
    main()
