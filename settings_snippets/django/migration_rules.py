"""Whether the running release keeps working while pending migrations are applied, and afterwards.

No Django in this module: management/commands/pendingmigrations.py describes the tables of the applied migrations, and what
each pending operation does to them. These rules say what that means for old code, which names in SELECT every column that it
knows, leaves out of INSERT those that it does not know, and writes what it wrote before.

Verdicts: `none` (nothing changes in the database), `compatible` (old code works on the new schema), `review` (the rules do not
know), `incompatible` (old code fails, or the new one does). Sources: PostgreSQL, "ALTER TABLE", "CREATE INDEX",
"Explicit Locking"; Django, "Migration Operations", "SchemaEditor".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

VERDICTS = ("none", "compatible", "review", "incompatible")
Columns = dict[str, "Column"]


@dataclass(frozen=True)
class Column:
    """A column: `default` and `generated` say that the database fills it in; `references` a foreign key that it enforces.

    `deletes`: what the database does when the referenced row is deleted (Django 6.1): CASCADE, SET NULL, SET DEFAULT.
    """

    name: str
    field: str = ""
    type: str = ""
    null: bool = True
    default: bool = False
    generated: bool = False
    primary: bool = False
    unique: bool = False
    check: str = ""
    references: str = ""
    deletes: str = ""
    indexed: bool = False

    @property
    def filled(self) -> bool:
        """Return whether an INSERT may leave it out."""
        return self.null or self.default or self.generated


@dataclass(frozen=True)
class Constraint:
    """`kind`: unique, check, exclude, foreign, index or other; `columns`: None where unknown."""

    name: str
    kind: str
    columns: tuple[str, ...] | None = None
    nulls_distinct: bool = True
    demands: bool = False  # a check that NULL does not pass
    detail: str = ""  # distinguishes two of the same name
    concurrently: bool = False
    as_index: bool = False  # made as an index, not as a constraint


@dataclass(frozen=True)
class Table:
    """A table that models use."""

    name: str
    columns: Columns
    constraints: tuple[Constraint, ...] = ()


@dataclass(frozen=True)
class Effect:
    """What is done to a table: `kind` is the name of a rule below."""

    kind: str
    table: str = ""
    column: str = ""
    to: str = ""
    before: Column | None = None
    after: Column | None = None
    created: Table | None = None
    constraint: Constraint | None = None
    text: str = ""


@dataclass(frozen=True)
class Step:
    """A pending operation: its effects on the database, and those on the models where they differ (None: the same)."""

    app: str
    migration: str
    operation: str
    effects: tuple[Effect, ...]
    state: tuple[Effect, ...] | None = None


@dataclass(frozen=True)
class Verdict:
    """The verdict on an operation: why, what to do instead, and which locks make visitors wait (PostgreSQL)."""

    verdict: str
    why: str
    instead: str = ""
    locks: str = ""


def verdicts(old: Mapping[str, Table], steps: Sequence[Step], vendor: str) -> list[Verdict]:
    """Return a verdict for each operation of a plan.

    `old`: the tables that the running release uses, by name; `steps`: in the order in which they run; `vendor`: `postgresql`,
    `sqlite`, `mysql`, `oracle`.
    """
    world = _World(old, vendor)
    result = [_of_step(world, step) for step in steps]
    for number, found in world.divergences(steps):
        result[number] = worst([result[number], found])
    return result


def worst(found: Iterable[Verdict]) -> Verdict:
    """Return the worst verdict, with the locks of all of them."""
    every = list(found)
    most = max(every, key=lambda verdict: VERDICTS.index(verdict.verdict))
    return replace(most, locks=" ".join(dict.fromkeys(verdict.locks for verdict in every if verdict.locks)))


def _of_step(world: _World, step: Step) -> Verdict:
    found = [Verdict("none", "nothing changes in the database")]
    for effect in step.effects:
        found.append(_RULES[effect.kind](world, effect))
        _apply(world.real, effect)
        if step.state is None:
            _apply(world.models, effect)
    for effect in step.state or ():
        _apply(world.models, effect)
    return worst(found)


class _World:
    """The tables that old code uses, and the current state of the database and of the models."""

    def __init__(self, old: Mapping[str, Table], vendor: str) -> None:
        self.old = old
        self.postgresql = vendor == "postgresql"
        self.real: dict[str, Columns | None] = {name: dict(table.columns) for name, table in old.items()}
        self.models: dict[str, Columns | None] = {name: dict(table.columns) for name, table in old.items()}

    def uses(self, table: str, column: str) -> bool:
        """Return whether old code names the column."""
        return table in self.old and column in self.old[table].columns

    def kept_to(self, table: str, constraint: Constraint) -> bool:
        """Return whether old code already obeys a constraint over columns that it uses."""
        plain = [c for c in self.old[table].constraints if (c.kind, c.detail) == ("unique", "")]
        if constraint.kind != "unique" or constraint.detail or not constraint.nulls_distinct:
            return any(replace(c, name=constraint.name) == constraint for c in self.old[table].constraints)
        columns = set(constraint.columns or ())
        alone = any(self.old[table].columns[name].unique for name in columns)
        return alone or any(c.columns is not None and columns.issuperset(c.columns) for c in plain)

    def column(self, table: str, name: str) -> Column:
        """Return the current state of a column; an undescribed column may be anything."""
        return (self.real.get(table) or {}).get(name) or Column(name)

    def waits(self, table: str, text: str) -> str:
        """Return a sentence on locks where there is something to wait for."""
        return text if self.postgresql and table in self.old else ""

    def divergences(self, steps: Sequence[Step]) -> Iterator[tuple[int, Verdict]]:
        """Find where the database and the new release's models differ, by the number of the step that caused it."""
        opaque = any(effect.kind == "opaque" for step in steps for effect in step.effects)
        for name, columns in self.models.items():
            last = _last(steps, name)
            if last is None or columns is None:
                continue
            for text in _parted(name, columns, self.real.get(name, {})):
                unsure = " as far as known (SQL or Python in the plan may change that)" if opaque else ""
                yield last, Verdict("review" if opaque else "incompatible", f"the new release fails{unsure}: {text}", _STATE_ONLY)


_STATE_ONLY = (
    "let the models and the database differ only where a column is nullable or has a database default, and make that change first"
)


def _last(steps: Sequence[Step], table: str) -> int | None:
    """Return the last step after which the models of a table differ from the database."""
    for number, step in reversed(list(enumerate(steps))):
        if step.state is not None and any(table in (e.table, e.to) for e in (*step.state, *step.effects)):
            return number
    return None


def _parted(table: str, models: Columns, real: Columns | None) -> Iterator[str]:
    if real is None:
        return
    if not real:
        yield f"its models use {table}, which the database does not have"
        return
    for name, column in models.items():
        if name not in real:
            yield f"its models use {table}.{name}, which the database does not have"
        elif column.null and not real[name].null and not real[name].primary:
            yield f"it may write NULL into {table}.{name}, which is NOT NULL in the database"
    for name, column in real.items():
        if name not in models and not column.filled and not column.primary:
            yield f"its INSERT leaves out {table}.{name}, which stays NOT NULL without a database default"


def _apply(tables: dict[str, Columns | None], effect: Effect) -> None:
    """Apply an effect; None as the columns of a table means unknown."""
    kind, table = effect.kind, effect.table
    if kind == "create_table":
        tables[table] = dict(effect.created.columns) if effect.created else None
    elif kind == "drop_table":
        tables.pop(table, None)
    elif kind == "rename_table" and table in tables:
        tables[effect.to] = tables.pop(table)
    columns = tables.get(table)
    if not columns:
        return
    if kind == "drop_column" or kind == "rename_column":
        gone = columns.pop(effect.column, None)
        if kind == "rename_column":
            columns[effect.to] = replace(effect.after or gone or Column(effect.to), name=effect.to)
    elif kind in ("add_column", "alter_column") and effect.after:
        columns[effect.column] = effect.after
    elif kind in _SQL_CHANGES and effect.column in columns:
        columns[effect.column] = _changed(columns[effect.column], kind)


# -- rules: what an effect means for old code


def _create_table(world: _World, effect: Effect) -> Verdict:
    return Verdict("compatible", f"old code does not know the new table {effect.table}")


def _drop_table(world: _World, effect: Effect) -> Verdict:
    if effect.table not in world.old:
        return Verdict("compatible", f"the running release does not use {effect.table}")
    return Verdict(
        "incompatible",
        f"old code reads and writes {effect.table}, which is dropped",
        "delete the model in this release in the state alone (SeparateDatabaseAndState), drop the table in the next",
    )


def _rename_table(world: _World, effect: Effect) -> Verdict:
    if effect.table not in world.old:
        return Verdict("compatible", f"the running release does not use {effect.table}")
    return Verdict(
        "incompatible",
        f"old code asks for {effect.table}, which is called {effect.to} then",
        f"keep the table's name: Meta.db_table = '{effect.table}'",
    )


def _add_column(world: _World, effect: Effect) -> Verdict:
    column, what = effect.after or Column(effect.column), f"{effect.table}.{effect.column}"
    if effect.table not in world.old:
        return Verdict("compatible", f"{effect.table} is not used by the running release")
    built = f"writes to {effect.table} wait (SHARE lock) while the index on {effect.column} is built."
    locks = world.waits(effect.table, built) if column.indexed or column.unique else ""
    if not column.filled:
        return Verdict(
            "incompatible",
            f"old code's INSERT leaves out {what}, which is NOT NULL and has no default in the database",
            "add it with null=True, or with db_default= (Django 5.0); make it required in the next release",
            locks,
        )
    if column.unique and not column.null and not column.generated:
        return Verdict(
            "review",
            f"{what} is unique, and every row that old code adds gets its database default",
            "add it with null=True",
            locks,
        )
    if column.generated:
        locks = world.waits(
            effect.table, f"every row of {effect.table} is rewritten under ACCESS EXCLUSIVE: reads and writes wait."
        )
        return Verdict("review", f"whether the expression of {what} works for all values of old code is unknown", locks=locks)
    return Verdict("compatible", f"old code does not know {what}, and may leave it out", locks=locks)


def _drop_column(world: _World, effect: Effect) -> Verdict:
    what = f"{effect.table}.{effect.column}"
    if not world.uses(effect.table, effect.column):
        return Verdict("compatible", f"the running release does not use {what}")
    return Verdict(
        "incompatible",
        f"old code names {what} in every SELECT and INSERT, and it is dropped",
        "make it nullable (or give it a db_default) and remove it in the state alone (SeparateDatabaseAndState) in this release,"
        " drop it in the next",
    )


def _rename_column(world: _World, effect: Effect) -> Verdict:
    what = f"{effect.table}.{effect.column}"
    if not world.uses(effect.table, effect.column):
        return Verdict("compatible", f"the running release does not use {what}")
    return Verdict(
        "incompatible",
        f"old code asks for {what}, which is called {effect.to} then",
        f"rename the field alone, with db_column='{effect.column}'; or add a new column, write both, and drop the old one later",
    )


def _alter_column(world: _World, effect: Effect) -> Verdict:
    before = effect.before or world.column(effect.table, effect.column)
    after = effect.after or before
    if effect.table not in world.old:
        return Verdict("compatible", f"{effect.table} is not used by the running release")
    if not world.uses(effect.table, effect.column):
        return _alter_new_column(world, effect, after)
    found = [*_changes(world, effect.table, before, after)]
    if effect.kind == "alter_column" and before.references and after.references:
        # Django drops the constraint before any change of the field.
        found.append(Verdict("compatible", "the foreign key is recreated", locks=_wait_for_both(world, effect.table, after)))
    return worst(found)


def _wait_for_both(world: _World, table: str, column: Column) -> str:
    referenced = column.references.rpartition(".")[0]
    return world.waits(
        table, f"writes to {table} and {referenced} wait (SHARE ROW EXCLUSIVE) while every row of {table} is checked."
    )


def _alter_new_column(world: _World, effect: Effect, after: Column) -> Verdict:
    """A column that this plan itself has added: old code leaves it out."""
    added = _add_column(world, replace(effect, kind="add_column", after=after))
    locks = f"every row of {effect.table} is checked under ACCESS EXCLUSIVE: reads and writes wait" if not after.null else ""
    return replace(added, locks=world.waits(effect.table, locks) or added.locks)


def _changes(world: _World, table: str, before: Column, after: Column) -> Iterator[Verdict]:
    what = f"{table}.{before.name}"
    yield Verdict("compatible", f"old code works with {what} as it will be")
    if before.null and not after.null:
        yield Verdict(
            "incompatible",
            f"old code may write NULL into {what}, which becomes NOT NULL",
            "let this release write a value always; make it NOT NULL in the next",
            world.waits(table, f"every row of {table} is checked under ACCESS EXCLUSIVE: reads and writes wait."),
        )
    if before.default and not after.default and not after.null and not after.primary:
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
    yield from _new_demands(world, table, before, after)
    if _plain(before.type) != _plain(after.type):
        yield _type_change(world, table, before, after)


def _new_demands(world: _World, table: str, before: Column, after: Column) -> Iterator[Verdict]:
    what, index = f"{table}.{before.name}", f"writes to {table} wait (SHARE lock) while the index is built"
    if after.unique and not before.unique and not after.primary:
        yield Verdict(
            "incompatible",
            f"old code may write duplicates into {what}, which becomes unique",
            "let this release refuse duplicates; add the constraint in the next",
            world.waits(table, f"reads and writes of {table} wait (ACCESS EXCLUSIVE) while the unique index is built."),
        )
    if after.check and after.check != before.check:
        yield Verdict(
            "incompatible",
            f"old code may write into {what} what the check {after.check} refuses",
            "let this release keep to it; add the check in the next",
        )
    if after.references and after.references != before.references:
        yield Verdict(
            "incompatible",
            f"old code may write into {what} what {after.references} does not have, and delete there what is still referenced",
            "let this release keep to it; add the foreign key in the next",
            _wait_for_both(world, table, after),
        )
    elif after.references and after.deletes != before.deletes:
        yield _delete_change(what, before, after)
    if after.indexed and not before.indexed and not after.unique:
        yield Verdict(
            "compatible", f"an index on {what}", locks=world.waits(table, f"{index}; AddIndexConcurrently avoids that.")
        )


def _delete_change(what: str, before: Column, after: Column) -> Verdict:
    referenced = before.references.rpartition(".")[0]
    if not before.deletes:
        return Verdict("compatible", f"old code does by itself what the database does then with {what}")
    if not after.deletes:
        return Verdict(
            "incompatible",
            f"old code leaves {what} to the database (ON DELETE {before.deletes}), and can no longer delete from {referenced}",
            "change on_delete in this release in the state alone (SeparateDatabaseAndState), in the database in the next",
        )
    return Verdict(
        "review",
        f"when old code deletes from {referenced}, the database does ON DELETE {after.deletes} to {what}, not {before.deletes}",
        "make sure that no row is lost, and none left, that old code relies on",
    )


def _type_change(world: _World, table: str, before: Column, after: Column) -> Verdict:
    what, change = f"{table}.{before.name}", f"from {before.type} to {after.type}"
    rewrite = widening(before.type, after.type)
    if rewrite is None:
        return Verdict(
            "incompatible",
            f"{what} changes {change}: what old code writes may not fit, what it reads may be of another kind",
            "add a new column, write both, and drop the old column releases later",
            world.waits(table, f"every row of {table} may be rewritten under ACCESS EXCLUSIVE: reads and writes wait."),
        )
    locks = f"every row of {table} is rewritten under ACCESS EXCLUSIVE: reads and writes wait." if rewrite else ""
    return Verdict("compatible", f"{what} is widened {change}: all that old code writes fits", locks=world.waits(table, locks))


def _add_constraint(world: _World, effect: Effect) -> Verdict:
    constraint = effect.constraint or Constraint("", "other")
    table, kind = effect.table, constraint.kind
    if table not in world.old:
        return Verdict("compatible", f"{table} is not used by the running release")
    if kind == "index":
        wait = f"writes to {table} wait (SHARE lock) while the index is built; AddIndexConcurrently avoids that."
        return Verdict(
            "compatible", "an index changes no answer", locks="" if constraint.concurrently else world.waits(table, wait)
        )
    if kind == "other" or constraint.columns is None:
        return Verdict("review", f"what the new constraint {constraint.name} on {table} demands is unknown")
    return replace(
        _of_constraint(world, table, constraint),
        locks="" if constraint.concurrently else world.waits(table, _wait(table, constraint)),
    )


def _wait(table: str, constraint: Constraint) -> str:
    if constraint.kind == "foreign":
        return f"writes to {table} wait (SHARE ROW EXCLUSIVE) while every row is checked."
    if constraint.kind == "unique" and (constraint.detail or constraint.as_index):
        # With a condition or expressions it is an index, and no constraint.
        return f"writes to {table} wait (SHARE lock) while the unique index is built."
    return f"reads and writes of {table} wait (ACCESS EXCLUSIVE) while every row is checked."


def _of_constraint(world: _World, table: str, constraint: Constraint) -> Verdict:
    names = constraint.columns or ()
    fresh = [world.column(table, name) for name in names if not world.uses(table, name)]
    where = f"{constraint.name or 'the constraint'} on {table} ({', '.join(names)})"
    refused = Verdict(
        "incompatible",
        f"old code may write what {where} refuses",
        "let this release keep to it; add the constraint in the next",
    )
    if not fresh and world.kept_to(table, constraint):
        return Verdict("compatible", f"what {where} refuses was refused before")
    # NULL is distinct from NULL: rows of old code, which leave the new columns out, never clash.
    empty = any(column.null and not column.default for column in fresh)
    if constraint.kind in ("unique", "exclude"):
        return (
            Verdict("compatible", f"rows of old code are NULL where {where} looks")
            if empty and constraint.nulls_distinct
            else refused
        )
    if len(fresh) < len(names):
        return replace(refused, verdict="review") if fresh else refused
    if constraint.demands:
        return refused
    if all(column.null and not column.default for column in fresh):
        return Verdict("compatible", f"rows of old code are NULL where {where} looks, which passes")
    return Verdict("review", f"whether the database default passes {where} is unknown")


def _drop_constraint(world: _World, effect: Effect) -> Verdict:
    return Verdict("compatible", "code that obeyed the constraint works without it")


def _opaque(world: _World, effect: Effect) -> Verdict:
    if not world.old:
        return Verdict("compatible", "no release uses this database yet")
    return Verdict("review", effect.text, "make sure that old code works before, during and after it")


def _harmless(world: _World, effect: Effect) -> Verdict:
    return Verdict("compatible", effect.text)


def _sql_change(world: _World, effect: Effect) -> Verdict:
    before = world.column(effect.table, effect.column)
    return _alter_column(world, replace(effect, before=before, after=_changed(before, effect.kind)))


def _changed(column: Column, kind: str) -> Column:
    name, value = _SQL_CHANGES[kind]
    return replace(column, null=value) if name == "null" else replace(column, default=value)


_SQL_CHANGES = {
    "set_not_null": ("null", False),
    "drop_not_null": ("null", True),
    "set_default": ("default", True),
    "drop_default": ("default", False),
}
_RULES = {
    "create_table": _create_table,
    "drop_table": _drop_table,
    "rename_table": _rename_table,
    "add_column": _add_column,
    "drop_column": _drop_column,
    "rename_column": _rename_column,
    "alter_column": _alter_column,
    "add_constraint": _add_constraint,
    "drop_constraint": _drop_constraint,
    "opaque": _opaque,
    "harmless": _harmless,
    **dict.fromkeys(_SQL_CHANGES, _sql_change),
}


# -- types

_WHOLE = ("smallint", "integer", "bigint")
_PLAIN = {"serial": "integer", "bigserial": "bigint", "smallserial": "smallint", "character varying": "varchar", "int": "integer"}


def _plain(kind: str) -> str:
    text = re.sub(r"\s+generated by default as identity|\s+auto_increment|\s+autoincrement", "", kind.lower()).strip()
    return _PLAIN.get(text, text)


def widening(before: str, after: str) -> bool | None:
    """Return whether all values of a type fit into a compatible type.

    Returns None if not, else whether PostgreSQL rewrites the table.
    """
    old, new = _plain(before), _plain(after)
    unsigned = " unsigned"
    if old.endswith(unsigned) == new.endswith(unsigned) and {old.removesuffix(unsigned), new.removesuffix(unsigned)} <= set(
        _WHOLE
    ):
        grows = _WHOLE.index(old.removesuffix(unsigned)) <= _WHOLE.index(new.removesuffix(unsigned))
        return True if grows else None
    if (old, new) == ("real", "double precision"):
        return True
    length, longer = (re.fullmatch(r"varchar(?:\((\d+)\))?", text) for text in (old, new))
    if length and (
        new in ("text", "longtext") or (longer and (longer[1] is None or (length[1] and int(longer[1]) >= int(length[1]))))
    ):
        return False
    digits, more = (re.fullmatch(r"(?:numeric|decimal)\((\d+), ?(\d+)\)", text) for text in (old, new))
    if digits and more:
        whole, fraction = (int(more[1]) - int(more[2])) - (int(digits[1]) - int(digits[2])), int(more[2]) - int(digits[2])
        return fraction > 0 if whole >= 0 and fraction >= 0 else None
    return None


# -- SQL: the statements that are certain

_IDENT = r'(?:"[^"]+"|`[^`]+`|\[[^\]]+\]|[\w$]+)'
_NAME = rf"({_IDENT}(?:\.{_IDENT})*)"
_NOISE = re.compile(r"--[^\n]*|/\*.*?\*/|\$(\w*)\$.*?\$\1\$|'(?:[^']|'')*'", re.S)
# A function that a SELECT calls may do anything.
_HARMLESS = re.compile(
    r"(SELECT (?!.*\bINTO\b)[^(]*$|ANALYZE\b|VACUUM\b|COMMENT ON |SET |RESET |SHOW |BEGIN\b|COMMIT\b|GRANT "
    r"|DROP INDEX |ALTER INDEX |REINDEX .*CONCURRENTLY "
    r"|CREATE (TEMP |TEMPORARY )?(EXTENSION|TYPE|SCHEMA|SEQUENCE|VIEW|MATERIALIZED VIEW|COLLATION|STATISTICS) )",
    re.I | re.S,
)


def read_sql(sql: str) -> list[Effect]:
    """Return what SQL does, statement by statement; uncertain statements are `opaque`."""
    bare = _NOISE.sub(lambda found: "''" if found[0][0] in "'$" else " ", sql)
    statements = [" ".join(part.split()) for part in bare.split(";")]
    return [effect for statement in statements if statement for effect in _statement(statement)]


def _statement(text: str) -> Iterable[Effect]:
    def match(pattern: str) -> re.Match[str] | None:
        return re.match(pattern.replace("@", _NAME), text, re.I)

    shown = text if len(text) <= 60 else text[:57] + "..."
    if found := match(r"CREATE TABLE (?:IF NOT EXISTS )?@"):
        return [Effect("create_table", _bare(found[1]))]
    if found := match(r"DROP TABLE (?:IF EXISTS )?@( CASCADE| RESTRICT)?$"):
        return [Effect("drop_table", _bare(found[1]))]
    if found := match(r"ALTER TABLE (?:IF EXISTS )?(?:ONLY )?@ (?:\* )?(.*)$"):
        return [_action(_bare(found[1]), action) for action in _split(found[2])]
    if found := match(
        rf"CREATE (UNIQUE )?INDEX (CONCURRENTLY )?(?:IF NOT EXISTS )?(?:({_IDENT}) )?ON (?:ONLY )?@ ?(?:USING \w+ ?)?(.*)$"
    ):
        columns = _columns(found[5])
        kind, alike = "unique" if found[1] else "index", re.search(r"NULLS NOT DISTINCT", found[5], re.I)
        index = Constraint(
            _bare(found[3] or ""), kind, columns, nulls_distinct=not alike, as_index=True, concurrently=bool(found[2])
        )
        return [Effect("add_constraint", _bare(found[4]), constraint=index)]
    if _HARMLESS.match(text):
        return [Effect("harmless", text=f"old code does not notice: {shown}")]
    return [Effect("opaque", text=f"what this SQL means for old code is unknown: {shown}")]


def _action(table: str, text: str) -> Effect:
    """Read one action of ALTER TABLE."""

    def match(pattern: str) -> re.Match[str] | None:
        return re.match(pattern.replace("@", _NAME), text, re.I)

    if found := match(r"RENAME TO @$"):
        return Effect("rename_table", table, to=_bare(found[1]))
    if match(r"(RENAME|VALIDATE|DROP) CONSTRAINT\b"):
        return Effect("drop_constraint", table)
    if found := match(r"RENAME (?:COLUMN )?@ TO @$"):
        return Effect("rename_column", table, _bare(found[1]), _bare(found[2]))
    if found := match(r"ADD (?:CONSTRAINT @ )?(CHECK|UNIQUE|PRIMARY KEY|FOREIGN KEY|EXCLUDE)\b ?(.*)$"):
        kinds = {"CHECK": "check", "UNIQUE": "unique", "PRIMARY KEY": "unique", "FOREIGN KEY": "foreign", "EXCLUDE": "other"}
        kind = kinds[found[2].upper()]
        columns = None if kind == "check" else _columns(found[3])
        return Effect("add_constraint", table, constraint=Constraint(_bare(found[1] or ""), kind, columns))
    if found := match(r"DROP (?:COLUMN )?(?:IF EXISTS )?@(?: CASCADE| RESTRICT)?$"):
        return Effect("drop_column", table, _bare(found[1]))
    if found := match(r"ALTER (?:COLUMN )?@ (SET NOT NULL|DROP NOT NULL|SET DEFAULT|DROP DEFAULT)\b"):
        return Effect(found[2].lower().replace(" ", "_"), table, _bare(found[1]))
    if found := match(r"ADD (?:COLUMN )?(?:IF NOT EXISTS )?(?!INDEX\b|KEY\b)@ (.+)$"):
        return _added(table, _bare(found[1]), found[2])
    return Effect("opaque", table, text=f"what this SQL means for old code is unknown: ALTER TABLE {table} {text}"[:160])


def _added(table: str, name: str, rest: str) -> Effect:
    words = rest.upper()
    filled = "DEFAULT" in words or "SERIAL" in words or "IDENTITY" in words
    primary = "PRIMARY KEY" in words
    column = Column(
        name,
        null="NOT NULL" not in words and not primary,
        default=filled,
        generated="GENERATED ALWAYS AS (" in words,
        unique="UNIQUE" in words or primary,
    )
    return Effect("add_column", table, name, after=column)


def _columns(text: str) -> tuple[str, ...] | None:
    """Read the columns in the first brackets; None for expressions and for what has conditions."""
    found = re.match(
        rf"\(\s*({_IDENT}(?: (?:ASC|DESC|NULLS FIRST|NULLS LAST))*(?:\s*,\s*{_IDENT}(?: (?:ASC|DESC))?)*)\s*\)", text, re.I
    )
    return tuple(_bare(name.split()[0]) for name in found[1].split(",")) if found else None


def _split(text: str) -> list[str]:
    """Split at the commas outside of brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def _bare(name: str) -> str:
    last = re.findall(_IDENT, name)[-1] if name else ""
    return last.strip('"`[]') if last[:1] in '"`[' else last.lower()
