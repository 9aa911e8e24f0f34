"""Which pending migrations have to wait until no old code runs (*contract*), and what both releases do until then.

Those that old code does not survive wait, those that are marked so, and all that depend on one of them. That is a proof only if
- old code works with what runs at once (*expand*), and with the rows of the new release;
- the new release works with the database as it is until the others have run;
- they can run over the rows of old code while the new release serves.
Each operation gets the worst of these verdicts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from django.core.exceptions import FieldDoesNotExist
from django.db.migrations import Migration
from django.db.migrations.state import ProjectState

from . import on_schema, verdicts
from .marks import AFTER, BEFORE, mark
from .plan import Plan, Reader
from .relaxing import Relaxation, relaxations
from .schema import UNKNOWN, Column, Effect, Step, Table, Verdict, worst
from .world import World, keepers

Key = tuple[str, str]  # app and name
Parents = Callable[[Key], set[Key]]
# What they take away never fails for the rows that are there.
_REMOVING = ("drop_table", "drop_column", "drop_constraint", "drop_not_null", "drop_default", "harmless")


@dataclass(frozen=True)
class Staged:
    """`waiting`: the migrations that run later; `steps`, `verdicts`: of all operations, in the order in which they run.

    `relaxed`: the numbers of the steps that let the database fill a column which is dropped later; they run before the rollout.
    """

    waiting: tuple[Key, ...]
    steps: tuple[Step, ...]
    verdicts: tuple[Verdict, ...]
    relaxed: range = range(0)

    def stages(self) -> list[str]:
        """Return the stage in which each operation runs."""
        return [
            AFTER if (step.app, step.migration) in self.waiting and number not in self.relaxed else BEFORE
            for number, step in enumerate(self.steps)
        ]


class Staging:
    """A pending plan, and how it can run in two stages.

    `parents`: the migrations on which one depends; `keeps_defaults`: `migraterolling` carries the migrations out.
    """

    def __init__(self, reader: Reader, parents: Parents, *, keeps_defaults: bool) -> None:
        self._reader, self._parents, self._keeps_defaults = reader, parents, keeps_defaults
        self._vendor, self._server = reader.connection.vendor, reader.server

    def split(self, state: ProjectState, migrations: Sequence[Migration], plan: Plan, found: Sequence[Verdict]) -> Staged | None:
        """Return the plan in two stages; None where nothing has to wait.

        `state`: that of the applied migrations; `plan`, `found`: all migrations at once, and the verdicts on them.
        """
        failing = {
            (step.app, step.migration)
            for step, verdict in zip(plan.steps, found, strict=True)
            if verdict.verdict == "incompatible"
        }
        waiting = self._waiting(migrations, failing)
        if not waiting or not plan.old:
            return None
        held = [one for one in migrations if _key(one) in waiting]
        relaxed = range(0)
        try:
            first = [one for one in migrations if _key(one) not in waiting]
            steps, verdicts_, relaxed = self._followed(state, first, held)
        except (LookupError, FieldDoesNotExist, ValueError) as error:
            # One operation needs what another one does, and its migration does not say that it depends on it.
            lost = Verdict("incompatible", f"a migration depends on one that has to wait, and does not say so: {error}", _ORDER)
            steps, verdicts_ = plan.steps, [lost for _ in plan.steps]
        refused = dict(self._refused(held))
        marked = [
            worst([verdict, refused[key]]) if (key := (step.app, step.migration)) in refused else verdict
            for step, verdict in zip(steps, verdicts_, strict=True)
        ]
        return Staged(tuple(map(_key, held)), tuple(steps), tuple(marked), relaxed)

    def contract(self, state: ProjectState, migrations: Sequence[Migration]) -> tuple[Sequence[Step], list[Verdict]]:
        """Return the pending operations, and the verdicts on them where only the release that has them runs."""
        before = self._reader.follow(state, migrations)
        final = state
        for migration in migrations:
            final = migration.mutate_state(final)
        real = {**before.old, **before.real}
        return before.steps, self._by_new_code(self._reader.follow(final, ()), real, before.steps)

    def _waiting(self, migrations: Sequence[Migration], failing: set[Key]) -> set[Key]:
        waiting: set[Key] = set()
        for migration in migrations:
            key, marked = _key(migration), mark(migration)
            if marked == AFTER or (key in failing and marked != BEFORE) or self._parents(key) & waiting:
                waiting.add(key)
        return waiting

    def _refused(self, held: Sequence[Migration]) -> Iterator[tuple[Key, Verdict]]:
        for migration in held:
            if mark(migration) == BEFORE:
                before = ", ".join(sorted(map(".".join, self._parents(_key(migration)) & set(map(_key, held)))))
                why = f"it is marked to run before the rollout, and depends on {before}, which has to wait"
                yield _key(migration), Verdict("incompatible", why, _ORDER)

    def _followed(
        self, state: ProjectState, first: Sequence[Migration], held: Sequence[Migration]
    ) -> tuple[list[Step], list[Verdict], range]:
        expand = self._reader.follow(state, first)
        after = state
        for migration in first:
            after = migration.mutate_state(after)
        relaxing = [self._relaxing(one, expand) for one in relaxations(after, held, self._reader.connection)]
        number = len(expand.steps)
        expand = replace(expand, steps=[*expand.steps, *relaxing])
        contract = self._reader.follow(after, held).steps
        final = after
        for migration in held:
            final = migration.mutate_state(final)
        later = [replace(step, effects=(), state=_of_models(step)) for step in contract]
        together = [*expand.steps, *later]
        found = verdicts(
            expand.old,
            together,
            self._vendor,
            real=self._reader.real,
            keeps_defaults=self._keeps_defaults,
            server=self._server,
        )  # fmt: skip
        own = self._by_new_code(self._reader.follow(final, ()), self._world(expand).real, contract)
        marked = {_key(migration) for migration in held if mark(migration) == AFTER}
        rows = self._over_old_rows(expand, contract, marked)
        contracting = [worst(list(three)) for three in zip(rows, found[len(expand.steps) :], own, strict=True)]
        relaxed = range(number, len(expand.steps))
        return [*expand.steps, *contract], [*found[: len(expand.steps)], *contracting], relaxed

    def _relaxing(self, one: Relaxation, expand: Plan) -> Step:
        """Return what `migraterolling --leave` does to a column besides, as an operation."""
        name, column = one.model._meta.db_table, one.field.column
        table = self._world(expand).real.get(name)
        before = table.columns.get(column, Column(column)) if table else Column(column)
        value = one.field.default if isinstance(one.field.default, str | int | float) else UNKNOWN
        after = replace(before, default=True, value=value) if one.default else replace(before, null=True)
        effect = Effect("alter_column", name, column, before=before, after=after)
        return Step(one.app, one.migration, str(one), (effect,), ())

    def _world(self, expand: Plan) -> World:
        """Return the database as it is until the contracting migrations run."""
        effects = [effect for step in expand.steps for effect in step.effects]
        kept = keepers(expand.old, effects, self._vendor) if self._keeps_defaults else set[str]()
        world = World(expand.old, self._reader.real, self._vendor, kept, self._server)
        for step in expand.steps:
            world.apply(step.effects, real=True, models=step.state is None)
            world.apply(step.state or (), real=False, models=True)
        return world

    def _by_new_code(self, new: Plan, real: Mapping[str, Table | None], contract: Sequence[Step]) -> list[Verdict]:
        """Return what the new release meets while the contracting migrations run: it is what runs then."""
        return verdicts(
            new.old,
            # What is unknown of Python code is said by `_over_old_rows`.
            [replace(step, effects=_without_opaque(step.effects), state=()) for step in contract],
            self._vendor,
            real={**dict.fromkeys(new.old), **real},
            server=self._server,
            keeps_defaults=self._keeps_defaults,
        )

    def _over_old_rows(self, expand: Plan, contract: Sequence[Step], marked: set[Key]) -> Iterator[Verdict]:
        """Yield whether each can run over the rows of old code; `marked`: whose authors say that they are to run later."""
        world = self._world(expand)
        for step in contract:
            found = [Verdict("none", "nothing changes in the database")]
            for effect in map(world.meant, step.effects):
                verdict = on_schema.verdict(world, effect)
                if effect.kind == "opaque":
                    found.append(_AS_MARKED if (step.app, step.migration) in marked else _unknown(effect.text))
                elif verdict.verdict in ("review", "incompatible") and effect.kind not in _REMOVING:
                    found.append(_unfit(verdict.why))
                else:
                    found.append(Verdict("compatible", "it waits until no old code runs"))
                world.apply([effect], real=True, models=False)
            yield worst(found)


_AS_MARKED = Verdict("compatible", "it waits until no old code runs, as it is marked")
_ORDER = (
    "put what has to wait into a migration of its own, on which nothing depends that the release needs; or run `contract` first"
    " if it waits since an earlier release"
)


def _of_models(step: Step) -> tuple[Effect, ...]:
    """Return what an operation does to the models alone: of what it would do to the data nothing happens yet."""
    return _without_opaque(step.effects if step.state is None else step.state)


def _without_opaque(effects: Sequence[Effect]) -> tuple[Effect, ...]:
    return tuple(effect for effect in effects if effect.kind not in ("opaque", "harmless"))


def _unknown(text: str) -> Verdict:
    return Verdict(
        "review",
        f"it waits until no old code runs; {text}, so whether the new release works before it is unknown",
        "make sure that the new release works before and after it",
    )


def _unfit(why: str) -> Verdict:
    return Verdict(
        "review",
        f"it waits until no old code runs, and fails then if there are rows that do not fit: {why}",
        "correct such rows before `contract`; it can be run again",
    )


def _key(migration: Migration) -> Key:
    return migration.app_label, migration.name
