"""`manage.py migraterolling`: `migrate`; new NOT NULL columns keep their default, and migrations that wait can be left out.

Old code, which leaves a new column out of its INSERT, gets the default of the models then. `fab deploy` runs this command instead
of `migrate`; it takes the same options, and runs the project's own `migrate` where there is one. Made for Django 4.2 to 6.1.
"""

# mypy: allow-subclassing-any

from __future__ import annotations

from typing import Any

from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.executor import MigrationExecutor

from ...migration_rules.keeping import keep_defaults
from ...migration_rules.relaxing import relax, relaxations


class Command(BaseCommand):
    """Run `migrate` with schema editors that keep the defaults of new columns."""

    help = "As migrate; new NOT NULL columns keep their default in the database, for the release that does not know them."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options of migrate."""
        found = get_commands()["migrate"]
        self._migrate = load_command_class(found, "migrate") if isinstance(found, str) else found
        self._migrate.add_arguments(parser)
        names = "a migration that has to wait, as app.name; repeatable"
        parser.add_argument("--leave", action="append", default=[], metavar="MIGRATION", help=names)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the project's migrate."""
        left = set(options.pop("leave", ()))
        if left:
            leave_out(left)
        keep_defaults(connections[options.get("database") or DEFAULT_DB_ALIAS])
        self._migrate.execute(*args, **{"skip_checks": False, **options})
        if left and not options.get("plan") and not options.get("check_unapplied"):
            self._relax(connections[options.get("database") or DEFAULT_DB_ALIAS], left)

    def _relax(self, connection: Any, left: set[str]) -> None:
        """Let the database fill the columns that those which are left out will drop: new code does not know them any more."""
        executor = MigrationExecutor(connection)
        state = executor._create_project_state(with_applied_migrations=True)
        nodes = executor.loader.graph.nodes
        found = list(relaxations(state, [one for one in nodes.values() if _name(one) in left], connection))
        relax(connection, found)
        for one in found:
            self.stdout.write(str(one))


def leave_out(names: set[str]) -> None:
    """Let this process migrate without some migrations; none may run that depends on one of them."""
    planned = MigrationExecutor.migration_plan

    def without(executor: Any, targets: Any, clean_start: bool = False) -> list[Any]:
        plan: list[Any] = planned(executor, targets, clean_start=clean_start)
        if clean_start:  # the states of all migrations, from which those that are applied are chosen
            return plan
        found = [(migration, backwards) for migration, backwards in plan if _name(migration) not in names]
        for migration, _ in found:
            node = executor.loader.graph.node_map[migration.app_label, migration.name]
            if needed := {".".join(parent.key) for parent in node.parents} & names:
                raise CommandError(f"{_name(migration)} depends on {', '.join(sorted(needed))}, which is to be left out")
        return found

    MigrationExecutor.migration_plan = without


def _name(migration: Any) -> str:
    return f"{migration.app_label}.{migration.name}"
