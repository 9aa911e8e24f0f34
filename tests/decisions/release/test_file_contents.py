"""The bytes of hashed files."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from tasks.decisions.release.file_contents import Contents, Digest

BODIES = st.lists(st.binary(max_size=40), min_size=1, max_size=8, unique=True)


def named(body: bytes, end: str = ".css") -> str:
    return f"/static/css/shop.{hashlib.md5(body).hexdigest()[:12]}{end}"


@given(BODIES, st.data())
def test_one_file_with_other_bytes_is_found_wherever_it_is(bodies: list[bytes], data: st.DataObject) -> None:
    contents, bad = Contents(), data.draw(st.sampled_from(bodies))
    for body in bodies:
        assert contents.learn(named(body), Digest(body)) == ""
    assert contents.by_name and contents.misnamed() == {}
    assert all(contents.check(named(body), Digest(body)) == "" for body in bodies)
    assert contents.check(named(bad), Digest(bad + b"x")) == "its bytes are not those of its name"


@given(BODIES)
def test_one_that_is_wrong_where_it_is_learned_is_found_there_and_elsewhere(bodies: list[bytes]) -> None:
    contents, cut = Contents(), named(b"whole, and longer than any other of them, by a good deal")
    for body in bodies:
        contents.learn(named(body), Digest(body))
    contents.learn(cut, Digest(b""))
    assert contents.misnamed() == {cut: "its bytes are not those of its name"}
    assert contents.check(cut, Digest(b"")) == "its bytes are not those of its name"
    assert contents.check(cut, Digest(b"whole, and longer than any other of them, by a good deal")) == ""


def test_a_site_that_hashes_in_its_own_way_is_compared_only() -> None:
    contents = Contents()
    contents.learn("/static/a.000000000000.css", Digest(b"a"))
    contents.learn("/static/b.deadbeef.css", Digest(b"b"))
    assert not contents.by_name and contents.misnamed() == {}
    assert contents.check("/static/a.000000000000.css", Digest(b"a")) == ""
    assert (
        contents.check("/static/a.000000000000.css", Digest(b"b")) == "its bytes are not those that the management instance sends"
    )


def test_a_name_without_hash_is_compared() -> None:
    contents = Contents()
    contents.learn(named(b"x", ""), Digest(b"x"))
    contents.learn("/static/robots.txt", Digest(b"x"))
    assert contents.by_name
    assert contents.check("/static/robots.txt", Digest(b"y")) == "its bytes are not those that the management instance sends"
    assert contents.check("/static/unknown.txt", Digest(b"y")) == ""


def test_modules_in_a_circle_are_compared_by_what_the_storage_has_noted() -> None:
    contents = Contents({"/static/a.0123456789ab.js": hashlib.md5(b"a").hexdigest()})
    contents.learn(named(b"b"), Digest(b"b"))
    contents.learn("/static/a.0123456789ab.js", Digest(b"a"))
    assert contents.by_name and contents.misnamed() == {}
    assert contents.check("/static/a.0123456789ab.js", Digest(b"a")) == ""
    assert contents.check("/static/a.0123456789ab.js", Digest(b"x")) == "its bytes are not those of this release"


def test_files_of_other_tools_are_compared_by_the_hash_that_is_known_whatever_their_names_look_like() -> None:
    """Their names say nothing of those of the site's own storage, nor the other way round."""
    known = {"/a.000000000000.js": hashlib.sha256(b"a").hexdigest()[:12], "/b.js": hashlib.md5(b"b").hexdigest(), "/c.js": ""}
    contents = Contents(known)
    assert [contents.learn(path, Digest(body)) for path, body in zip(known, (b"a", b"b", b"c"), strict=True)] == [""] * 3
    assert not contents.by_name and contents.misnamed() == {}
    contents.learn(named(b"own"), Digest(b"own"))
    assert contents.by_name and contents.misnamed() == {}
    faults = ["its bytes are not those of this release"] * 2 + [""]
    assert [contents.learn(path, Digest(b"x")) for path in known] == faults
    assert [contents.check(path, Digest(b"x")) for path in known] == faults
