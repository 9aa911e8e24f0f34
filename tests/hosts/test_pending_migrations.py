"""What is said where a revision's migrations cannot be asked for."""

from typing import Any, cast

import pytest

from tasks.errors import DeployError, RemoteFailed
from tasks.hosts.pending_migrations import ask_pending_migrations
from tasks.hosts.ssh import Host
from tasks.settings.model import App

APP = App(directory="/srv/app", services=["site.service"], domain="www.example.com", health_path="/health/")
INSIDE = 'File "/srv/venv/lib/python3.12/site-packages/django_tasks/task.py", line 243, in wrapper | TypeError: Task.__init__()'
OWN = 'File "/srv/app/shop/models.py", line 3 | NameError: x'
SETTINGS = 'File "/srv/venv/lib/python3.12/site-packages/django/conf/__init__.py", line 67 | ImproperlyConfigured: MAILERS'


class Failing:
    """A host on which every command fails with one text."""

    def __init__(self, said: str) -> None:
        self.said = said

    def read(self, *_: Any, **__: Any) -> None:
        raise RemoteFailed("i-1", "manage.py pendingmigrations", 1, self.said)


@pytest.mark.parametrize(("said", "advised"), [(INSIDE, True), (OWN, False), (SETTINGS, False)])
def test_a_package_that_pip_has_left_as_it_was(said: str, advised: bool) -> None:
    with pytest.raises(DeployError) as caught:
        ask_pending_migrations(cast(Host, Failing(said)), APP, "a" * 40)
    assert said in str(caught.value)
    assert ("--upgrade-strategy eager" in str(caught.value)) is advised
