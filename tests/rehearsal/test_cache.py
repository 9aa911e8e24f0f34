"""CloudFront's rules of what is kept and for how long, without any I/O."""

import pytest

from rehearsal.cache import Cache, directives, encoding, lifetime, matches


def kept(status: int, control: str | None = None) -> float:
    """Return the lifetime with a default of 50 s and an error minimum of 10 s."""
    return lifetime(status, [] if control is None else [(b"Cache-Control", control.encode())], 50, 10)


@pytest.mark.parametrize(
    ("status", "control", "seconds"),
    [
        (200, None, 50),
        (200, "public", 50),
        (200, "max-age=60", 60),
        (200, "max-age=60, s-maxage=5", 5),
        (200, "max-age=315360000, public, immutable", 315360000),
        (200, "MAX-AGE=0", 0),
        (200, "no-store", 0),
        (200, "no-cache, max-age=60", 0),
        (200, "private, max-age=60", 0),
        (200, 'max-age="60"', 60),
        (200, "max-age=soon", 50),
        (404, None, 10),
        (404, "max-age=60", 60),
        (404, "max-age=1", 10),
        (404, "no-store", 0),
        (410, "no-store", 0),
        (500, None, 10),
        (503, "no-store", 10),
        (502, "max-age=30", 30),
        (403, None, 0),
        (403, "max-age=30", 30),
        (301, None, 0),
        (302, "max-age=60", 0),
        (206, "max-age=60", 0),
    ],
)
def test_how_long_an_answer_is_kept(status: int, control: str | None, seconds: float) -> None:
    assert kept(status, control) == seconds


def test_directives_are_read_in_any_case_with_and_without_a_value() -> None:
    assert directives(' Public , max-age="5",, IMMUTABLE') == {"public": "", "max-age": "5", "immutable": ""}


@pytest.mark.parametrize(
    ("accepted", "reduced"),
    [
        ("", ""),
        ("gzip, deflate, br", "br,gzip"),
        ("br;q=1.0, gzip;q=0.8", "br,gzip"),
        ("GZIP", "gzip"),
        ("gzip;q=0, br", "br"),
        ("gzip; q=0", ""),
        ("identity", ""),
    ],
)
def test_accept_encoding_is_reduced_to_what_matters(accepted: str, reduced: str) -> None:
    assert encoding(accepted) == reduced


@pytest.mark.parametrize(
    ("pattern", "target", "covered"),
    [
        ("/static/a.css", "/static/a.css", True),
        ("static/a.css", "/static/a.css", True),
        ("/static/a.css", "/static/a.css?v=1", False),
        ("/static/a.css*", "/static/a.css?v=1", True),
        ("/static/*", "/static/b/c.js", True),
        ("/static/*", "/pages", False),
        ("/*", "/anything", True),
        ("*", "/anything", True),
        ("/A", "/a", False),
        ("/a[bc]", "/ab", False),
        ("/a?", "/ab", False),
    ],
)
def test_invalidation_paths(pattern: str, target: str, covered: bool) -> None:
    assert matches(pattern, target) is covered


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_an_entry_is_there_until_it_expires() -> None:
    time = Time()
    cache = Cache(time)
    cache.put(("/a", ""), 200, [(b"A", b"1")], b"body", 10)
    time.now += 9.9
    entry = cache.get(("/a", ""))
    assert entry and (entry.status, entry.body, entry.headers, entry.stored) == (200, b"body", ((b"A", b"1"),), 100)
    time.now += 0.1
    assert cache.get(("/a", "")) is None


def test_an_invalidation_takes_every_encoding_and_nothing_else() -> None:
    cache = Cache(Time())
    for key in (("/a", ""), ("/a", "gzip"), ("/b", ""), ("/b/c", "")):
        cache.put(key, 200, [], b"", 10)
    assert cache.invalidate(["/a", "/b/*"]) == 3
    assert cache.get(("/b", "")) and not cache.get(("/a", "gzip")) and not cache.get(("/b/c", ""))
