"""Hooks on the management instance that cannot be reached."""

from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tasks.errors import DeployError
from tasks.hosts import hooks


@pytest.mark.parametrize("code", ["RequestLimitExceeded", "ExpiredToken", "UnauthorizedOperation", "SomethingNew"])
def test_an_error_of_aws_is_one_of_ours_so_that_it_hides_no_outcome(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    def refuse(run: Any) -> None:
        raise ClientError({"Error": {"Code": code, "Message": "no"}}, "DescribeInstances")

    monkeypatch.setattr(hooks, "open_management", refuse)
    run: Any = SimpleNamespace(hooks=SimpleNamespace(remote=None), command="fab ship", settings=None)
    hooks.reach(run)
    with pytest.raises(DeployError):
        run.hooks.remote("true", {}, 1.0)
