import pytest

from tasks.settings.rules import contradictions, derive
from tasks.settings.schema import schema

DEFAULTS = {path: field.default for path, field in schema().items()}
WHOLE = {**DEFAULTS, "app.domain": "shop.example", "app.health_path": "/health_check/shop.example", "static.url": "/static/"}


def test_the_defaults_fit_together() -> None:
    assert list(contradictions(WHOLE)) == []


def test_what_follows_from_the_domain_is_filled_in() -> None:
    filled = derive({"app.domain": "shop.example", "app.health_path": None, "image.name": None})
    assert filled == {"app.domain": "shop.example", "app.health_path": "/health_check/shop.example", "image.name": "shop.example"}


def test_what_was_given_stays() -> None:
    given = {"app.domain": "shop.example", "app.health_path": "/up", "image.name": "mine"}
    assert derive(given) == given


@pytest.mark.parametrize(
    ("url", "given", "path", "cdn"),
    [
        ("/static/", None, "/static/", None),
        ("https://static.shop.example/", None, "/", "https://static.shop.example"),
        ("//cdn.example:8443/a/b/", None, "/a/b/", "https://cdn.example:8443"),
        ("http://cdn.example/s/", "https://other.example", "/s/", "https://other.example"),
        ("https://shop.example/static/", None, "/static/", None),
    ],
)
def test_a_static_url_on_another_host_names_the_cdn(url: str, given: str | None, path: str, cdn: str | None) -> None:
    filled = derive({**WHOLE, "static.url": url, "static.cdn": given})
    assert (filled["static.url"], filled["static.cdn"]) == (path, cdn)
    assert list(contradictions(filled)) == []


def test_nothing_follows_from_a_wrong_domain() -> None:
    assert derive({"image.name": None, "app.port": 80}) == {"app.port": 80}


@pytest.mark.parametrize(
    ("changes", "path", "sentence"),
    [
        ({"rollout.batch": 2}, "rollout.batch", "at most rollout.surge (1)"),
        ({"rollout.batch": "50%", "rollout.surge": "25%"}, "rollout.batch", "at most rollout.surge (25%)"),
        ({"rollout.instance_timeout": 15}, "rollout.instance_timeout", "more than warm_up (0) + poll × healthy_polls (15)"),
        ({"rollout.warm_up": 900}, "rollout.instance_timeout", "more than warm_up (900)"),
        ({"rollout.timeout": 899}, "rollout.timeout", "at least rollout.instance_timeout (900)"),
        ({"static.distribution": "E2QWRUHAPOMQZL"}, "static.cdn", "because static.distribution is E2QWRUHAPOMQZL"),
        ({"ssh.gateway": "jump@shop.example:22"}, "ssh.gateway", "the load balancer"),
        ({"app.health_path": "/static/up"}, "app.health_path", "outside static.url (/static/)"),
        ({"app.deep_health_path": "/static/deep/"}, "app.deep_health_path", "outside static.url (/static/)"),
        ({"health_check.timeout": 30}, "health_check.timeout", "less than health_check.interval (30)"),
    ],
)
def test_what_cannot_work_is_reported(changes: dict[str, object], path: str, sentence: str) -> None:
    found = list(contradictions({**WHOLE, **changes}))
    assert [where for where, _ in found] == [path]
    assert sentence in found[0][1]


@pytest.mark.parametrize(
    "changes",
    [
        {"rollout.batch": 2, "rollout.surge": 2},
        {"rollout.batch": 50, "rollout.surge": "25%"},  # which is more depends on the fleet
        {"rollout.batch": "25%", "rollout.surge": "25%"},
        {"static.cdn": "https://cdn.example"},
        {"static.cdn": "https://cdn.example", "static.distribution": "E2QWRUHAPOMQZL"},
        {"ssh.gateway": "management"},
        {"app.deep_health_path": "/health/deep/"},
    ],
)
def test_what_can_work_is_not_reported(changes: dict[str, object]) -> None:
    assert list(contradictions({**WHOLE, **changes})) == []


def test_what_is_wrong_by_itself_is_not_reported_twice() -> None:
    assert list(contradictions({})) == []
    assert list(contradictions({"rollout.batch": 7})) == []
