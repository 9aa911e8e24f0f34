"""Tables, columns and constraints as the rules see them, and what a pending operation does to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

VERDICTS = ("none", "compatible", "review", "incompatible")
UNKNOWN: Any = "unknown value"  # of a default that is no constant


@dataclass(frozen=True)
class Column:
    """A column: `default` and `generated` say that the database fills it in; `references` a foreign key that it enforces.

    `stored`: it is generated, and kept in the table; `made_of`: the columns that it is generated from, None where unknown;
    `collation`: "" for that of the table;
    `deletes`: what the database does when the referenced row is deleted (Django 6.1): CASCADE, SET NULL, SET DEFAULT;
    `value`: the constant of the default; `volatile`: each row gets a default of its own; `fallback`: Django fills the rows that
    are there from the models when it adds the column, and drops that default again.
    """

    name: str
    field: str = ""
    type: str = ""
    null: bool = True
    default: bool = False
    generated: bool = False
    stored: bool = False
    made_of: tuple[str, ...] | None = ()
    collation: str = ""
    primary: bool = False
    unique: bool = False
    check: str = ""
    references: str = ""
    deletes: str = ""
    indexed: bool = False
    value: Any = UNKNOWN
    volatile: bool = False
    fallback: bool = False
    fallback_value: Any = UNKNOWN  # where it is a constant

    @property
    def filled(self) -> bool:
        """Return whether an INSERT may leave it out."""
        return self.null or self.default or self.generated

    @property
    def target(self) -> str:
        """Return the table to which it refers; "" without a foreign key in the database."""
        return self.references.rpartition(".")[0]

    @property
    def left_empty(self) -> bool:
        """Return whether it is NULL where an INSERT leaves it out."""
        return self.null and not self.default and not self.generated


@dataclass(frozen=True)
class Constraint:
    """`kind`: unique, check, exclude, foreign, index or other; `columns`: None where unknown.

    `condition`: what a check demands, or in which rows something is unique, as `conditions` reads it; `detail`: what
    distinguishes it from others of its kind over the same columns, "" when plain; `of_all`: it is unique in all rows.
    """

    name: str
    kind: str
    columns: tuple[str, ...] | None = None
    nulls_distinct: bool = True
    condition: Any = None
    detail: str = ""
    expressions: bool = False
    references: str = ""  # the table of a foreign key
    deletes: str = ""
    concurrently: bool = False
    as_index: bool = False  # made as an index, not as a constraint
    inline: bool = False  # in the definition of a new column
    valid: bool = True  # rows that are there are checked
    of_all: bool = False
    deferrable: bool = False  # checked at the end of a transaction; no upsert can name it
    failing: frozenset[Any] = (
        frozenset()
    )  # expressions of an index that are not known to have a value for all that columns may hold

    @property
    def essence(self) -> tuple[Any, ...]:
        """Return what makes it the same as another."""
        return self.kind, self.columns, self.nulls_distinct, self.detail

    @property
    def plain(self) -> bool:
        """Return whether it is unique over columns: no condition, no expression."""
        return self.kind == "unique" and (not self.detail or self.of_all) and self.columns is not None


@dataclass(frozen=True)
class Table:
    """A table that models use.

    `unsure`: SQL has changed constraints of it that are not known by column; `view`: it is a view; `managed`: migrations make it.
    """

    name: str
    columns: dict[str, Column]
    constraints: tuple[Constraint, ...] = ()
    unsure: bool = False
    view: bool = False
    managed: bool = True

    def named(self, name: str) -> bool:
        """Return whether a constraint or an index of the table bears a name."""
        return any(one.name == name for one in self.constraints if name)

    def unique_sets(self, *, deferred: bool = False) -> set[frozenset[str]]:
        """Return the sets of columns that an upsert may name; `deferred`: those too that are checked at its transaction's end."""
        alone = {frozenset([name]) for name, column in self.columns.items() if column.unique or column.primary}
        made = (one for one in self.constraints if one.plain and (deferred or not one.deferrable))
        return alone | {frozenset(one.columns or ()) for one in made}


@dataclass(frozen=True)
class Effect:
    """What is done to a table: `kind` is the name of a rule."""

    kind: str
    table: str = ""
    column: str = ""
    to: str = ""
    before: Column | None = None
    after: Column | None = None
    created: Table | None = None
    constraint: Constraint | None = None
    text: str = ""
    online: bool = False  # SQL that MySQL is to refuse where writes would have to wait


@dataclass(frozen=True)
class Step:
    """A pending operation: its effects on the database, and those on the models where they differ (None: the same).

    `undone`: its migration leaves the tables as they were, in one transaction: nobody sees them otherwise.
    """

    app: str
    migration: str
    operation: str
    effects: tuple[Effect, ...]
    state: tuple[Effect, ...] | None = None
    atomic: bool = True
    undone: bool = False


@dataclass(frozen=True)
class Server:
    """Which server of the vendor `mysql` it is; `octets`: how many bytes a character takes in a column, by table and column."""

    mariadb: bool = False
    version: tuple[int, ...] = ()
    octets: Mapping[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """The verdict on an operation: why, what to do instead, and which locks make visitors wait."""

    verdict: str
    why: str
    instead: str = ""
    locks: str = ""


def worst(found: list[Verdict]) -> Verdict:
    """Return the worst verdict, with the reasons of all that are as bad."""
    most = max(found, key=lambda verdict: VERDICTS.index(verdict.verdict))
    alike = [one for one in found if one.verdict == most.verdict] if most.verdict in VERDICTS[2:] else [most]
    return replace(
        most,
        why="; ".join(dict.fromkeys(one.why for one in alike)),
        instead="; ".join(dict.fromkeys(filter(None, (one.instead for one in alike)))),
    )
