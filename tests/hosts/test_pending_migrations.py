"""What is said where a revision's migrations cannot be asked for."""

from typing import Any, cast

import pytest

from tasks.errors import DeployError, RemoteFailed
from tasks.hosts.pending_migrations import ask_pending_migrations
from tasks.hosts.ssh import Host
from tasks.settings.model import App

APP = App(directory="/srv/app", services=["site.service"], domain="www.example.com", health_path="/health/")
INSIDE = 'File "/srv/venv/lib/python3.12/site-packages/django_tasks/task.py", line 243, in wrapper | TypeError: Task.__init__()'


class Failing:
    """A host on which every command fails with one text."""

    def __init__(self, said: str) -> None:
        self.said = said

    def read(self, *_: Any, **__: Any) -> None:
        raise RemoteFailed("i-1", "manage.py pendingmigrations", 1, self.said)


def inside(package: str, error: str) -> str:
    return f'File "/srv/venv/lib/python3.12/site-packages/{package}", line 3, in f | return g() | {error}'


@pytest.mark.parametrize(
    ("said", "advised"),
    [
        (INSIDE, True),
        (inside("crispy/x.py", "ImportError: cannot import name 'force_text' from 'django.utils.encoding'"), True),
        (inside("crispy/x.py", "ModuleNotFoundError: No module named 'django.utils.six'"), True),
        (inside("crispy.py", "AttributeError: module 'x' has no attribute 'y'"), True),
        (inside("crispy/conf.py", "django.core.exceptions.ImproperlyConfigured: set X"), False),
        (inside("django/conf/__init__.py", "ImproperlyConfigured: MAILERS"), False),
        (inside("crispy/x.py", "crispy.errors.NotConfigured: set X"), False),
        (inside("crispy/x.py", "KeyError: 'TypeError:'"), False),
        (inside("django/db/backends/sqlite3/base.py", "django.db.utils.OperationalError: unable to open database file"), False),
        (inside("django/urls/resolvers.py", "AttributeError: module 'shop.urls' has no attribute 'x'"), False),
        (inside("psycopg/connection.py", "TypeError: connect()"), False),
        (inside("MySQLdb/connections.py", "TypeError: connect()"), False),
        (f'{inside("crispy/x.py", "g()")} | File "/srv/app/shop/models.py", line 3 | TypeError: f()', False),
        ('File "/srv/app/shop/models.py", line 3 | NameError: x', False),
        ("TypeError: /site-packages/", False),
    ],
)
def test_a_package_that_pip_has_left_as_it_was(said: str, advised: bool) -> None:
    with pytest.raises(DeployError) as caught:
        ask_pending_migrations(cast(Host, Failing(said)), APP, "a" * 40)
    assert said in str(caught.value)
    assert ("--upgrade-strategy eager" in str(caught.value)) is advised
