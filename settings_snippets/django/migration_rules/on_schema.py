"""Old code on the new schema: what each effect means for what it reads and writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from . import locks_mysql, on_collation, on_constraints
from .on_constraints import LATER, fine
from .schema import Column, Constraint, Effect, Table, Verdict, worst
from .types import plain, widening
from .world import SQL_CHANGES, World, changed, kept_to


def verdict(world: World, effect: Effect) -> Verdict:
    """Return the verdict on an effect, before it is applied."""
    found = _RULES[effect.kind](world, effect)
    if effect.online and any(locks_mysql.sentences(world, effect)):
        refused = Verdict(
            "review", f"the server refuses it: it cannot do this to {effect.table} while others write", "leave LOCK out"
        )
        return worst([found, refused])
    return found


def _create_table(world: World, effect: Effect) -> Verdict:
    return fine(f"old code does not know the new table {effect.table}")


def _drop_table(world: World, effect: Effect) -> Verdict:
    if effect.table not in world.old:
        return _views(world, effect.table) or fine(f"the running release does not use {effect.table}")
    return Verdict(
        "incompatible",
        f"old code reads and writes {effect.table}, which is dropped",
        "delete the model in this release in the state alone (SeparateDatabaseAndState), and its foreign keys in the database"
        " (AlterField with db_constraint=False); drop the table in the next",
    )


def _views(world: World, table: str) -> Verdict | None:
    """What is dropped takes the views with it that are made of it (CASCADE)."""
    views = sorted(name for name, used in world.old.items() if used.view)
    if not views or table not in world.real:
        return None
    return Verdict("review", f"the view {', '.join(views)}, which old code uses, goes too if it is made of {table}")


def _rename_table(world: World, effect: Effect) -> Verdict:
    if effect.table not in world.old:
        return fine(f"the running release does not use {effect.table}")
    return Verdict(
        "incompatible",
        f"old code asks for {effect.table}, which is called {effect.to} then",
        f"keep the table's name: Meta.db_table = '{effect.table}'",
    )


def _add_column(world: World, effect: Effect) -> Verdict:
    column, what = effect.after or Column(effect.column), f"{effect.table}.{effect.column}"
    if effect.table not in world.old:
        return fine(f"{effect.table} is not used by the running release")
    if not column.filled:
        return Verdict(
            "incompatible",
            f"old code's INSERT leaves out {what}, which is NOT NULL and has no default in the database",
            "add it with null=True, with a default or with db_default= (Django 5.0); make it required in the next release",
        )
    if column.unique and not column.left_empty and not column.generated:
        return Verdict(
            "review" if column.volatile else "incompatible",
            f"{what} is unique, and every row that old code adds gets its database default",
            "add it with null=True and without a default in the database",
        )
    if column.generated:
        return Verdict("review", f"whether the expression of {what} works for all values of old code is unknown")
    if column.fallback and not column.null:
        return fine(f"rows of old code, which does not know {what}, get the default of the models, which stays in the database")
    return fine(f"old code does not know {what}, and may leave it out")


def _drop_column(world: World, effect: Effect) -> Verdict:
    what = f"{effect.table}.{effect.column}"
    if not world.uses(effect.table, effect.column):
        return _views(world, effect.table) or fine(f"the running release does not use {what}")
    return Verdict(
        "incompatible",
        f"old code names {what} in every SELECT and INSERT, and it is dropped",
        "in this release give it a default in the database (db_default, Django 5.0; or null=True where old code can read None),"
        " drop its foreign key (db_constraint=False), and remove the field in the state alone (SeparateDatabaseAndState); drop"
        " the column in the next",
    )


def _rename_column(world: World, effect: Effect) -> Verdict:
    what = f"{effect.table}.{effect.column}"
    if not world.uses(effect.table, effect.column):
        return fine(f"the running release does not use {what}")
    return Verdict(
        "incompatible",
        f"old code asks for {what}, which is called {effect.to} then",
        f"rename the field alone, with db_column='{effect.column}'; or add a new column, write both, and drop the old one later",
    )


def _alter_column(world: World, effect: Effect) -> Verdict:
    after = effect.after or world.column(effect.table, effect.column)
    if effect.table not in world.old:
        return fine(f"{effect.table} is not used by the running release")
    if not world.uses(effect.table, effect.column):
        # This plan itself has added it, or it remains from a release before: old code leaves it out.
        return _add_column(world, replace(effect, kind="add_column", after=after))
    old = world.old[effect.table]
    before = old.columns[effect.column]
    return worst(
        [*_changes(old, before, after), *on_collation.verdicts(world, old, before, after), *_held(world, old, before, after)]
    )


def _held(world: World, old: Table, before: Column, after: Column) -> Iterator[Verdict]:
    """Yield the verdict on another type of what a generated column is made of. Source: PostgreSQL, "Generated Columns"."""
    if world.vendor != "postgresql" or (plain(before.type), before.collation) == (plain(after.type), after.collation):
        return
    for one in (world.real.get(old.name) or old).columns.values():
        if one.generated and (one.made_of is None or before.name in one.made_of):
            yield Verdict(
                "review" if one.made_of is None else "incompatible",
                f"PostgreSQL refuses another type of {old.name}.{before.name}: the generated column {one.name} is made of it",
                f"take {one.name} out in one release, and add it again in the next",
            )


def _modify_column(world: World, effect: Effect) -> Verdict:
    found, before, after = [_alter_column(world, effect)], effect.before, effect.after
    name = f"{effect.table}.{effect.column}"
    referred = any(one.references in (name, f"{effect.table}.?") for table in world.real.values() if table
                   for one in table.columns.values())  # fmt: skip
    if before and after and plain(before.type) != plain(after.type) and (before.target or referred):
        why = f"MySQL refuses another type of {name} as long as a foreign key is there"
        found.append(Verdict("review", why, "use AlterField: Django drops the foreign key first, and makes it anew"))
    return worst(found)


def _changes(old: Table, before: Column, after: Column) -> Iterator[Verdict]:
    table, what = old.name, f"{old.name}.{before.name}"
    yield fine(f"old code works with {what} as it will be")
    if before.null and not after.null:
        yield Verdict(
            "incompatible",
            f"old code may write NULL into {what}, which becomes NOT NULL",
            "let this release write a value always; make it NOT NULL in the next",
        )
    if before.default and not after.default and not after.null:
        yield Verdict(
            "incompatible",
            f"old code leaves {what} to the database default, which is dropped",
            "drop the default in the next release",
        )
    if before.primary != after.primary:
        yield Verdict("incompatible", f"the primary key of {table} changes", "add a new table, and copy over several releases")
    if after.generated and not before.generated:
        yield Verdict(
            "incompatible", f"old code writes {what}, which becomes a generated column", "add the generated column beside it"
        )
    yield from _new_demands(old, before, after)
    if plain(before.type) != plain(after.type):
        yield _type_change(what, before.type, after.type)


def _new_demands(old: Table, before: Column, after: Column) -> Iterator[Verdict]:
    what = f"{old.name}.{before.name}"
    if after.unique and not after.primary and not kept_to(old, Constraint("", "unique", (before.name,))):
        yield Verdict(
            "incompatible",
            f"old code may write duplicates into {what}, which becomes unique",
            "let this release refuse duplicates; add the constraint in the next",
        )
    if after.check and after.check != before.check:
        yield Verdict(
            "incompatible",
            f"old code may write into {what} what the check {after.check} refuses",
            LATER.format("the check"),
        )
    if after.references and after.references != before.references:
        yield Verdict(
            "incompatible",
            f"old code may write into {what} what {after.references} does not have, and delete there what is still referenced",
            LATER.format("the foreign key"),
        )
    elif after.references and after.deletes != before.deletes:
        yield _delete_change(what, before, after)


def _delete_change(what: str, before: Column, after: Column) -> Verdict:
    if not before.deletes:
        return fine(f"old code does by itself what the database does then with {what}")
    if not after.deletes:
        return Verdict(
            "incompatible",
            f"old code leaves {what} to the database (ON DELETE {before.deletes}), and can no longer delete from {before.target}",
            "change on_delete in this release in the state alone (SeparateDatabaseAndState), in the database in the next",
        )
    return Verdict(
        "review",
        f"when old code deletes from {before.target}, the database does ON DELETE {after.deletes} to {what} instead of"
        f" {before.deletes}",
        "make sure that no row is lost, and none left, that old code relies on",
    )


def _type_change(what: str, before: str, after: str) -> Verdict:
    if widening(before, after) is None:
        return Verdict(
            "incompatible",
            f"{what} changes from {before} to {after}: what old code writes may not fit, what it reads may be of another kind",
            "add a new column, write both, and drop the old column releases later",
        )
    return fine(f"{what} is widened from {before} to {after}: all that old code writes fits")


def _drop_constraint(world: World, effect: Effect) -> Verdict:
    dropped, table = effect.constraint, world.real.get(effect.table)
    # Of a unique column MySQL makes an index, with a name that only the database knows.
    nameless = dropped is None or dropped.kind != "index" or dropped.columns or not dropped.name
    if world.vendor == "mysql" and table and dropped and not nameless and not table.named(dropped.name):
        why = f"whether {dropped.name} on {table.name} is unique is unknown: old code may count on it"
        return Verdict("review", why, "drop it by an operation of Django's")
    return fine("code that obeyed the constraint works without it")


def _opaque(world: World, effect: Effect) -> Verdict:
    return Verdict("review", effect.text, "make sure that old code works before, during and after it")


def _harmless(world: World, effect: Effect) -> Verdict:
    return fine(effect.text)


def _sql_change(world: World, effect: Effect) -> Verdict:
    before = world.column(effect.table, effect.column)
    return _alter_column(world, replace(effect, after=changed(before, effect.kind)))


_RULES: dict[str, Callable[[World, Effect], Verdict]] = {
    "create_table": _create_table,
    "drop_table": _drop_table,
    "rename_table": _rename_table,
    "add_column": _add_column,
    "drop_column": _drop_column,
    "rename_column": _rename_column,
    "alter_column": _alter_column,
    "modify_column": _modify_column,
    "add_constraint": on_constraints.verdict,
    "drop_constraint": _drop_constraint,
    "opaque": _opaque,
    "harmless": _harmless,
    **dict.fromkeys(SQL_CHANGES, _sql_change),
}
