"""`manage.py pendingmigrations`: what the pending migrations mean for the running release, as JSON.

Copy the folders `management` and `migration_rules` into an app of the project that is in INSTALLED_APPS. `fab deploy` runs this
command before it migrates; it changes nothing. Made for Django 4.2 to 6.1.

The pending operations are compared with the state of the *applied* migrations, which the running release uses. Where some of them
have to wait until no old code runs, `staged` has the verdicts of a deploy that leaves these out (`migraterolling --leave`). With
--contract the running release is the one that has the pending migrations: they may run as soon as no other code does.
"""

# mypy: allow-subclassing-any, allow-untyped-decorators

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import django
from django.core.management.base import BaseCommand, CommandParser
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.graph import MigrationGraph

from ...migration_rules import VERDICTS, Step, Verdict, verdicts
from ...migration_rules.marks import delay
from ...migration_rules.plan import Reader
from ...migration_rules.stages import Parents, Staging

FORMAT = 2


class Command(BaseCommand):
    """Print the verdict on every pending operation."""

    help = "Check whether the running release keeps working with the pending migrations; prints JSON."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        parser.add_argument(
            "--database", action="append", choices=list(connections), help="an alias, repeatable; default: the default database"
        )
        parser.add_argument("--keep-defaults", action="store_true", help="migraterolling will run the migrations, not migrate")
        parser.add_argument("--contract", action="store_true", help="the running release is the one with the pending migrations")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the verdicts; an exception ends it with an exit code other than 0."""
        judge = contract_verdicts if options["contract"] else database_verdicts
        databases = [judge(alias, keeps_defaults=options["keep_defaults"]) for alias in options["database"] or [DEFAULT_DB_ALIAS]]
        verdict = _worst(database["verdict"] for database in databases)
        document = {"format": FORMAT, "django": django.get_version(), "verdict": verdict, "databases": databases}
        self.stdout.write(json.dumps(document, indent=2))


def database_verdicts(alias: str, *, keeps_defaults: bool) -> dict[str, Any]:
    """Return the verdicts on the pending migrations of one database, at once and in two stages."""
    reader = Reader(alias)
    state, migrations, graph = reader.pending()
    plan, vendor = reader.follow(state, migrations), reader.connection.vendor
    found = verdicts(plan.old, plan.steps, vendor, real=plan.real, keeps_defaults=keeps_defaults, server=reader.server)
    split = Staging(reader, _parents(graph), keeps_defaults=keeps_defaults).split(state, migrations, plan, found)
    shown = _shown(plan.steps, found)
    answer = {"alias": alias, "vendor": vendor, "verdict": _worst(one["verdict"] for one in shown), "operations": shown}
    if split is None:
        return answer
    staged = [{**one, "stage": stage} for one, stage in zip(_shown(split.steps, split.verdicts), split.stages(), strict=True)]
    waiting = [".".join(key) for key in split.waiting]
    longest = max(delay(migration) for migration in migrations if (migration.app_label, migration.name) in split.waiting)
    return {
        **answer,
        "staged": {
            "verdict": _worst(one["verdict"] for one in staged), "waiting": waiting, "delay": longest, "operations": staged
        },
    }  # fmt: skip


def contract_verdicts(alias: str, *, keeps_defaults: bool) -> dict[str, Any]:
    """Return the verdicts on the pending migrations of one database where only the release that has them runs."""
    reader = Reader(alias)
    state, migrations, graph = reader.pending()
    steps, found = Staging(reader, _parents(graph), keeps_defaults=keeps_defaults).contract(state, migrations)
    shown = _shown(steps, found)
    verdict = _worst(one["verdict"] for one in shown)
    waiting = [f"{migration.app_label}.{migration.name}" for migration in migrations]
    return {"alias": alias, "vendor": reader.connection.vendor, "verdict": verdict, "waiting": waiting, "operations": shown}


def _parents(graph: MigrationGraph) -> Parents:
    return lambda key: {parent.key for parent in graph.node_map[key].parents}


def _shown(steps: Sequence[Step], found: Sequence[Verdict]) -> list[dict[str, Any]]:
    return [
        {
            "app": step.app,
            "migration": step.migration,
            "operation": step.operation,
            "verdict": verdict.verdict,
            "why": verdict.why,
            "instead": verdict.instead,
            "locks": verdict.locks,
        }
        for step, verdict in zip(steps, found, strict=True)
    ]


def _worst(found: Iterable[str]) -> str:
    return max(found, key=VERDICTS.index, default=VERDICTS[0])
