"""The bytes of hashed files."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from tasks.decisions.release.file_contents import Contents

BODIES = st.lists(st.binary(max_size=40), min_size=1, max_size=8, unique=True)


def named(body: bytes, end: str = ".css") -> str:
    return f"/static/css/shop.{hashlib.md5(body).hexdigest()[:12]}{end}"


@given(BODIES, st.data())
def test_one_file_with_other_bytes_is_found_wherever_it_is(bodies: list[bytes], data: st.DataObject) -> None:
    contents, bad = Contents(), data.draw(st.sampled_from(bodies))
    for body in bodies:
        assert contents.learn(named(body), body) == ""
    assert contents.by_name and contents.misnamed() == {}
    assert all(contents.judge(named(body), body) == "" for body in bodies)
    assert contents.judge(named(bad), bad + b"x") == "its bytes are not those of its name"


@given(BODIES)
def test_one_that_is_wrong_where_it_is_learned_is_found_there_and_elsewhere(bodies: list[bytes]) -> None:
    contents, cut = Contents(), named(b"whole, and longer than any other of them, by a good deal")
    for body in bodies:
        contents.learn(named(body), body)
    contents.learn(cut, b"")
    assert contents.misnamed() == {cut: "its bytes are not those of its name"}
    assert contents.judge(cut, b"") == "its bytes are not those of its name"
    assert contents.judge(cut, b"whole, and longer than any other of them, by a good deal") == ""


def test_a_site_that_hashes_in_its_own_way_is_compared_only() -> None:
    contents = Contents()
    contents.learn("/static/a.000000000000.css", b"a")
    contents.learn("/static/b.deadbeef.css", b"b")
    assert not contents.by_name and contents.misnamed() == {}
    assert contents.judge("/static/a.000000000000.css", b"a") == ""
    assert contents.judge("/static/a.000000000000.css", b"b") == "its bytes are not those that the management instance sends"


def test_a_name_without_hash_is_compared() -> None:
    contents = Contents()
    contents.learn(named(b"x", ""), b"x")
    contents.learn("/static/robots.txt", b"x")
    assert contents.by_name
    assert contents.judge("/static/robots.txt", b"y") == "its bytes are not those that the management instance sends"
    assert contents.judge("/static/unknown.txt", b"y") == ""
