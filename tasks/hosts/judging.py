"""The pending migrations of a revision, judged on a host by the site's own command, before that revision is checked out."""

from __future__ import annotations

from ..decisions.release import migrations
from ..errors import Refused, RemoteFailed
from ..settings.model import App
from .checkout import change, git_directory
from .shell import commands
from .ssh import Host


def judge(host: Host, app: App, sha: str) -> tuple[migrations.Judgement, str]:
    """Return what the site says of the migrations that a revision would run, and its answer as it came.

    The revision is laid out in a folder beside the checkout, which stays as it is. Raises Refused for a site that has no such
    command or an answer that cannot be read, RemoteFailed when the command fails.
    """
    label = f"manage.py {migrations.COMMAND}"
    try:
        installed = host.read(commands.installed_hash(app)).text
        answer = change(host, app, commands.judge(app, git_directory(host, app), sha, installed), label)
    except RemoteFailed as error:
        if f"Unknown command: '{migrations.COMMAND}'" in str(error):
            raise Refused(
                f"{host.name}: {sha[:12]} has no command {migrations.COMMAND}, so it is unknown what its migrations do to the"
                " release that serves: copy migration_rules.py and management/ of settings_snippets/django into one of its apps,"
                " or set app.check_migrations: false"
            ) from error
        raise
    try:
        return migrations.read(answer.stdout, app.databases), answer.stdout
    except migrations.Garbled as error:
        raise Refused(f"{host.name}: the answer of {label} cannot be read, so nothing is migrated: {error}") from error
