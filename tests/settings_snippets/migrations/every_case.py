"""All cases, and a choice of them that is quick to try out."""

from collections.abc import Iterator
from random import Random
from typing import Any

from tests.settings_snippets.migrations import cases, more_cases, rolling_cases, row_cases
from tests.settings_snippets.migrations.shapes import CASES

__all__ = ["CASES", "CHOSEN", "cases", "more_cases", "rolling_cases", "row_cases"]

# The rules were wrong here once or are not sure, or a test looks at their words.
ALWAYS = (
    "add and drop",
    "add nullable foreign key",
    "another primary key",
    "check: a new column is NULL or",
    "check: another message",
    "check: bounds wider",
    "check: nested",
    "check: raw",
    "create table that refers to an old one",
    "default: NULL, unique",
    "drop unique constraint",
    "exclusion with a new nullable column",
    "foreign key that may be NULL",
    "many to many",
    "no longer unique together",
    "NULL",
    "remains: forget foreign key",
    "remains: forget many to many",
    "remains: forget model that refers",
    "rows: foreign key that is made and dropped",
    "rows: model that refers, not enforced",
    "rows: NULL and back",
    "rows: unique with more",
    "sql words: column called default",
    "sql words: default in a string",
    "sql words: foreign key not valid",
    "sql words: identity",
    "sql words: quoted name",
    "sql words: serial",
    "sql words: volatile default",
    "sql: unique index with NULLs that are alike",
    "type: longer array elements",
    "type: more digits before the point",
    "unmanaged: column dropped",
    "unmanaged: column renamed",
    "unmanaged: NOT NULL",
    "unmanaged: required column",
    "unmanaged: unique",
    "add column",
    "concurrently: sql index",
    "longer text",
    "larger number",
    "forget column",
    "foreign key that is enforced",
    "index",
    "options",
    "help text",
    "proxy model",
    "database does CASCADE",
    "database does otherwise on delete",
    "database no longer does CASCADE",
)
OPTIONS = {
    "null",
    "_unique",
    "db_index",
    "db_column",
    "choices",
    "db_collation",
    "primary_key",
    "condition",
    "deferrable",
    "expressions",
}
OPTIONS |= {"include", "opclasses", "nulls_distinct"}


def kinds(name: str) -> Iterator[tuple[str, str]]:
    """Return what a case is an example of: its group, its operations, and the fields and constraints in them."""
    group = name.partition(":")[0] if ":" in name else ""
    yield "group", group
    for operation in CASES[name][1]:
        yield from _of(operation)


def _of(operation: Any) -> Iterator[tuple[str, str]]:
    yield "operation", type(operation).__name__
    for inner in (*getattr(operation, "database_operations", ()), *getattr(operation, "state_operations", ())):
        yield from _of(inner)
    for made in (getattr(operation, "field", None), getattr(operation, "constraint", None)):
        if made is not None:
            yield "made", type(made).__name__
            yield from (("option", name) for name, value in vars(made).items() if name in OPTIONS and value)


def _choice(seed: int) -> list[str]:
    """Return names that together are examples of everything."""
    others = sorted(CASES.keys() - set(ALWAYS))
    Random(seed).shuffle(others)
    found = [name for name in ALWAYS if name in CASES]
    seen = {kind for name in found for kind in kinds(name)}
    for name in others:
        if not seen.issuperset(new := set(kinds(name))):
            seen |= new
            found.append(name)
    return found


CHOSEN = _choice(seed=14)
