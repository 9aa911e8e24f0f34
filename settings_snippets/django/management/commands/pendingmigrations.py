"""`manage.py pendingmigrations`: what the pending migrations mean for the running release, as JSON.

Copy the folders `management` and `migration_rules` into an app of the project that is in INSTALLED_APPS. `fab deploy` runs this
command before it migrates; it changes nothing. Made for Django 4.2 to 6.1.

The pending operations are compared with the state of the *applied* migrations, which the running release uses.
"""

# mypy: allow-subclassing-any, allow-untyped-decorators

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import django
from django.core.management.base import BaseCommand, CommandParser
from django.db import DEFAULT_DB_ALIAS, connections

from ...migration_rules import VERDICTS, verdicts
from ...migration_rules.plan import Reader

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

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the verdicts; an exception ends it with an exit code other than 0."""
        databases = [
            database_verdicts(alias, keeps_defaults=options["keep_defaults"])
            for alias in options["database"] or [DEFAULT_DB_ALIAS]
        ]
        verdict = _worst(database["verdict"] for database in databases)
        document = {"format": FORMAT, "django": django.get_version(), "verdict": verdict, "databases": databases}
        self.stdout.write(json.dumps(document, indent=2))


def database_verdicts(alias: str, *, keeps_defaults: bool) -> dict[str, Any]:
    """Return the verdicts on the pending migrations of one database."""
    connection = connections[alias]
    plan = Reader(alias).read()
    found = verdicts(plan.old, plan.steps, connection.vendor, real=plan.real, keeps_defaults=keeps_defaults)
    operations_ = [
        {
            "app": step.app,
            "migration": step.migration,
            "operation": step.operation,
            "verdict": verdict.verdict,
            "why": verdict.why,
            "instead": verdict.instead,
            "locks": verdict.locks,
        }
        for step, verdict in zip(plan.steps, found, strict=True)
    ]
    worst = _worst(operation["verdict"] for operation in operations_)
    return {"alias": alias, "vendor": connection.vendor, "verdict": worst, "operations": operations_}


def _worst(found: Iterable[str]) -> str:
    return max(found, key=VERDICTS.index, default=VERDICTS[0])
