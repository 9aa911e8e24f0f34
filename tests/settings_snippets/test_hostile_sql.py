"""SQL of migrations that nobody can read: an opaque statement, in time, whatever the parser makes of it."""

import pytest

from settings_snippets.django.migration_rules import sql

pytest.importorskip("sqlglot")
HOSTILE = {
    "parentheses": "SELECT " + "(" * 20_000,
    "conditions": "ALTER TABLE a ADD CONSTRAINT c CHECK (" + " OR ".join(["x > 1"] * 5000) + ")",
    "negations": "SELECT " + "NOT " * 5000 + "1",
    "casts": "SELECT a" + "::int" * 5000,
    "subqueries": "SELECT * FROM (" * 1000,
    "digits": "ALTER TABLE a ADD COLUMN b int DEFAULT " + "9" * 6000,
    "length": "SELECT * FROM a WHERE x IN (" + ", ".join(["1"] * 200_000) + ")",
    "quote": "SELECT '" + "a" * 100_000,
}


@pytest.mark.parametrize("vendor", ["postgresql", "mysql", "sqlite"])
@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_opaque(name: str, vendor: str) -> None:
    (effect,) = sql.read_sql(HOSTILE[name], vendor)
    assert effect.kind == "opaque" and len(effect.text) < 200
