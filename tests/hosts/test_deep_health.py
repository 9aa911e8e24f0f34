"""With which headers a deploy asks the deep health path."""

import pytest

from tasks.hosts.site import deep_headers
from tasks.settings.model import App


@pytest.mark.parametrize(
    "path, by_address",
    [("/health_check/a.example.com/deep", True), ("/health_check/a.example.com2/deep", False), ("/deep/", False), (None, False)],
)
def test_below_the_health_path_it_is_asked_as_the_load_balancer_asks(path: str | None, by_address: bool) -> None:
    health = "/health_check/a.example.com"
    app = App(directory="app", services=("a.service",), domain="a.example.com", health_path=health, deep_health_path=path)
    assert ("Host" not in deep_headers(app)) == by_address
