"""The setting up of a repository."""

from __future__ import annotations

from invoke import Context, task

from ..runtime.arguments import CommandTask


@task(
    klass=CommandTask,
    auto_shortflags=False,
    help={
        "yes": "change settings, urls.py, .gitignore and requirements too; without it their changes are only shown",
        "python": "the project's own Python; default: the active virtual environment, .venv, venv, or this one",
        "manage": "the project's manage.py, where there are several",
        "settings": "the settings module that serves visitors; default: as wsgi.py and manage.py name it",
        "environment-file": "a file of lines NAME=VALUE that the settings need",
    },
)
def init(
    c: Context,
    yes: bool = False,
    python: str | None = None,
    manage: str | None = None,
    settings: str | None = None,
    environment_file: str | None = None,
) -> None:
    """Set a Django repository up: write fabric.yaml, fabfile.py and the drop-ins, show what its own files need, and prove it.

    Run again it updates the drop-ins to the installed version and keeps what was changed by hand. Needs no fabric.yaml.
    """
    from pathlib import Path

    from ..operations import init

    options = init.Options(yes, bool(c.config.run.dry), python, manage, settings, environment_file)
    init.init(Path.cwd(), options)
