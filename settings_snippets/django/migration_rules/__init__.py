"""Whether the running release keeps working while pending migrations are applied, and afterwards.

Copy this folder beside `management/`. Three things are looked at apart:
- old code on the new schema (`on_schema`): it names in SELECT every column that it knows, leaves out of INSERT those that it does
  not know, and writes what it wrote before;
- old code on the new release's rows (`on_rows`): it reads, changes and deletes them;
- new code on what remains in the database (`on_remains`), where a migration changes the models alone.

Verdicts: `none` (nothing changes in the database), `compatible` (old code works), `review` (it depends on what the code does, or
the rules do not know), `incompatible` (old code fails, or the new one does). Sources: PostgreSQL, "ALTER TABLE", "CREATE INDEX",
"Explicit Locking"; MySQL, "ALTER TABLE"; Django, "Migration Operations", "SchemaEditor".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from . import locks, on_remains, on_rows, on_schema
from .schema import UNKNOWN, VERDICTS, Column, Constraint, Effect, Server, Step, Table, Verdict, worst
from .sql import read_sql
from .world import World, keepers

__all__ = [
    "UNKNOWN",
    "VERDICTS",
    "Column",
    "Constraint",
    "Effect",
    "Server",
    "Step",
    "Table",
    "Verdict",
    "read_sql",
    "verdicts",
    "worst",
]

Problems = dict[Verdict, int]  # the step since which each stands
BEFORE = -1
_UNDONE = Verdict("compatible", "its migration leaves the tables as they were, in one transaction")


def verdicts(
    old: Mapping[str, Table],
    steps: Sequence[Step],
    vendor: str,
    *,
    real: Mapping[str, Table | None] | None = None,
    keeps_defaults: bool = False,
    server: Server | None = None,
) -> list[Verdict]:
    """Return a verdict for each operation of a plan.

    `old`: the tables that the running release uses, by name; `steps`: in the order in which they run; `vendor`: `postgresql`,
    `sqlite`, `mysql`, `oracle`; `real`: what the database has instead where models are unmanaged, None where that is unknown;
    `keeps_defaults`: `migraterolling` carries the migrations out; `server`: which MySQL it is.
    """
    if not old:
        # Nobody is there yet whom anything could break.
        return [Verdict("compatible" if step.effects else "none", "no release uses this database yet") for step in steps]
    kept = keepers(old, (effect for step in steps for effect in step.effects), vendor) if keeps_defaults else set[str]()
    world = World(old, real or {}, vendor, kept, server)
    result, standing = [], dict[str, Problems]()
    waits = locks.Waits(world)
    for number, step in enumerate(steps):
        step = world.placed(step)
        for table in _touched(world, step) - standing.keys():
            standing[table] = dict.fromkeys(_problems(world, table), BEFORE)
        waits.begin(step)
        result.append(_of_step(world, waits, step))
        for table in _touched(world, step):
            standing[table] = {one: standing.get(table, {}).get(one, number) for one in _problems(world, table)}
    for problems in standing.values():
        for problem, number in problems.items():
            if number != BEFORE:
                result[number] = worst([result[number], problem])
    return [replace(one, locks=sentence) for one, sentence in zip(result, waits.sentences(), strict=True)]


def _problems(world: World, table: str) -> list[Verdict]:
    return [*on_rows.problems(world, table), *on_remains.problems(world, table)]


def _of_step(world: World, waits: locks.Waits, step: Step) -> Verdict:
    found = [Verdict("none", "nothing changes in the database")]
    for effect in map(world.meant, step.effects):
        waits.add(effect)
        found.append(_UNDONE if step.undone else on_schema.verdict(world, effect))
        world.apply([effect], real=True, models=step.state is None)
    world.apply(step.state or (), real=False, models=True)
    return worst(found)


def _touched(world: World, step: Step) -> set[str]:
    names = {name for effect in (*step.effects, *(step.state or ())) for name in (effect.table, effect.to) if name}
    return names | {other for name in names for other in world.referrers.get(name, ())}
