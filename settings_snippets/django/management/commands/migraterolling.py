"""`manage.py migraterolling`: `migrate`, and new NOT NULL columns keep their default in the database.

Old code, which leaves a new column out of its INSERT, gets the default of the models then. `fab deploy` runs this command instead
of `migrate`; it takes the same options, and runs the project's own `migrate` where there is one. Made for Django 4.2 to 6.1.
"""

# mypy: allow-subclassing-any

from __future__ import annotations

from typing import Any

from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand, CommandParser
from django.db import DEFAULT_DB_ALIAS, connections

from ...migration_rules.keeping import keep_defaults


class Command(BaseCommand):
    """Run `migrate` with schema editors that keep the defaults of new columns."""

    help = "As migrate; new NOT NULL columns keep their default in the database, for the release that does not know them."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options of migrate."""
        found = get_commands()["migrate"]
        self._migrate = load_command_class(found, "migrate") if isinstance(found, str) else found
        self._migrate.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the project's migrate."""
        keep_defaults(connections[options.get("database") or DEFAULT_DB_ALIAS])
        self._migrate.execute(*args, **{"skip_checks": False, **options})
