"""Which paths CloudFront is asked to forget."""

import pytest

from tasks.decisions.release.invalidations import BATCH, batches, reference, url_paths
from tasks.errors import SettingsError


def test_paths_are_sorted_and_asked_once() -> None:
    assert url_paths(["/b", "/a*", "/b"]) == ["/a*", "/b"]


@pytest.mark.parametrize("path", ["static/app.css", "", "*", "/a*/b", "/**", "https://cdn.example.com/a"])
def test_what_cloudfront_would_not_understand_is_refused(path: str) -> None:
    with pytest.raises(SettingsError, match="--path: found ") as caught:
        url_paths(["/fine", path])
    assert caught.value.code == 2


def test_names_are_percent_encoded_once() -> None:
    assert batches(["/static/a b.css", "/static/ü.css", "/static/50%25.css", "/x*"], "/static/") == [
        ["/static/a%20b.css", "/static/%C3%BC.css", "/static/50%25.css", "/x*"]
    ]


def test_more_than_may_be_in_progress_become_one_wildcard() -> None:
    many = [f"/static/{number}.css" for number in range(BATCH)]
    assert batches(many, "/static/") == [many]
    assert batches([*many, "/static/more.css"], "/static/") == [["/static/*"]]


def test_a_reference_is_that_of_one_request() -> None:
    assert reference(["/a", "/b"], 1) == reference(["/a", "/b"], 1)
    assert len({reference(["/a"], 1), reference(["/b"], 1), reference(["/a"], 2)}) == 3
