"""The pending migrations of a revision, checked on a host by the site's own command before that revision is checked out."""

from __future__ import annotations

import re

from ..decisions.release import migrations
from ..decisions.setup.facts import DRIVERS
from ..errors import DeployError, Refused, RemoteFailed
from ..settings.model import App
from .checkout import LONG, change, git_directory
from .shell import commands
from .ssh import Host

# A package that was written for another version of one that it uses fails so. Django and drivers say there what others did wrong.
_DISAGREE = re.compile(r"\|\s*(?:TypeError|AttributeError|ImportError|ModuleNotFoundError):")
_PACKAGE = re.compile(r"/site-packages/([A-Za-z0-9_]+)")
_SPEAK_FOR_OTHERS = {"django", *DRIVERS, "psycopg_binary", "psycopg_c", "mysql", "oracledb", "cx_Oracle", "asyncpg"}
_LABEL = f"manage.py {migrations.COMMAND}"


def ask_pending_migrations(host: Host, app: App, sha: str) -> tuple[migrations.PendingMigrations, str]:
    """Return the site's report on the migrations that a revision would run, and its raw answer.

    The revision is written into a folder beside the checkout, which is unchanged. Raises Refused for a site without the
    command or for an unreadable answer, RemoteFailed when the command fails.
    """
    try:
        installed = host.read(commands.installed_hash(app)).text
        answer = change(host, app, commands.pending_migrations(app, git_directory(host, app), sha, installed), _LABEL)
    except RemoteFailed as error:
        if f"Unknown command: '{migrations.COMMAND}'" in str(error):
            raise Refused(
                f"{host.name}: {sha[:12]} has no command {migrations.COMMAND}, so it is unknown whether its migrations break the"
                " running release: copy migration_rules/ and management/ of settings_snippets/django into one of its apps,"
                " or set app.check_migrations: false"
            ) from error
        if "unrecognized arguments: --keep-defaults" in str(error):
            raise Refused(
                f"{host.name}: {sha[:12]} has a {migrations.COMMAND} of an older version: copy migration_rules/ and management/"
                " of settings_snippets/django again (and remove migration_rules.py)"
            ) from error
        if _disagrees(str(error)):
            raise DeployError(
                f"{error}; a package that the site uses fails there. pip keeps what is installed wherever the requirements allow"
                " it, and so does uv: name the package with its version in them, or set app.install to"
                ' ["python -m pip install --upgrade --upgrade-strategy eager -r requirements.txt"]; where the virtual'
                ' environment has no pip: ["uv pip install --upgrade -r requirements.txt"]'
            ) from error
        raise
    return _read(host, app, answer.stdout), answer.stdout


def ask_contracting(host: Host, app: App) -> migrations.PendingMigrations:
    """Return the site's report on the pending migrations of the release that is checked out, for itself.

    Raises Refused for an unreadable answer, RemoteFailed when the command fails.
    """
    return _read(host, app, host.read(commands.contracting_migrations(app), timeout=LONG, label=_LABEL).stdout)


def _disagrees(failure: str) -> bool:
    """Return whether the end of a traceback shows a package that does not suit the versions of the others."""
    path, _, said = failure.rpartition('File "')[2].partition('"')
    package = _PACKAGE.search(path)
    return package is not None and package[1] not in _SPEAK_FOR_OTHERS and _DISAGREE.search(said) is not None


def _read(host: Host, app: App, printed: str) -> migrations.PendingMigrations:
    try:
        return migrations.read(printed, app.databases)
    except migrations.Garbled as error:
        raise Refused(f"{host.name}: the answer of {_LABEL} cannot be read, so nothing is migrated: {error}") from error
