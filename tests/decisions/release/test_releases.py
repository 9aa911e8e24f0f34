from dataclasses import replace

import pytest

from tasks.decisions.release.releases import (
    MARK,
    Manifest,
    added,
    digest_paths,
    lost_names,
    named_file,
    read_manifest,
    unhashed_references,
)

LINE = (
    f'{MARK}{{"url": "/static/", "files": ["a.1.css", "b.2.js"], "hashed": true, "problem": "", "before": ["a.1.css"], '
    '"unarchived": ""}'
)


def test_the_answer_is_found_among_chatter() -> None:
    manifest = read_manifest(f"5 objects imported automatically\nloading...\n{LINE}\nbye")
    assert manifest == Manifest("/static/", ("a.1.css", "b.2.js"), True, "", ("a.1.css",))


def test_what_our_storages_have_noted_is_read_and_nothing_is_needed_of_others() -> None:
    more = '"circular": {"js/a.1.js": "0cc1"}, "unhashed": {"js/b.js": ["js/w.js", "x.png"], "a.js": ["js/w.js"]}}'
    manifest = read_manifest(f"{LINE[:-1]}, {more}")
    assert manifest is not None and digest_paths("/static/", manifest) == {"/static/js/a.1.js": "0cc1"}
    other = read_manifest(f'{LINE[:-1]}, "circular": [], "unhashed": null}}')
    assert other is not None and digest_paths("/static/", other) == {}
    assert unhashed_references([manifest, other, manifest]) == ["a.js: js/w.js", "js/b.js: js/w.js, x.png"]


def test_what_manifests_of_others_name_is_of_the_release_too() -> None:
    manifest = read_manifest(f'{LINE[:-1]}, "circular": {{"b.2.js": "0cc1"}}, "others": {{"CACHE/c.js": "aa", "d.js": ""}}}}')
    assert manifest is not None and manifest.names == ("CACHE/c.js", "a.1.css", "b.2.js", "d.js")
    assert added(manifest) == ("CACHE/c.js", "b.2.js", "d.js")
    assert digest_paths("/s/", manifest) == {"/s/CACHE/c.js": "aa", "/s/d.js": "", "/s/b.2.js": "0cc1"}
    assert lost_names(replace(manifest, files=())) != "", "they are not those of the site's own manifest"


def test_a_manifest_that_has_lost_all_its_names_is_refused() -> None:
    lost = Manifest("/static/", (), True, before=("a.1.css", "b.1.js"))
    assert "the manifest names no file; before it named 2" in lost_names(lost)
    for fine in (
        Manifest("/static/", (), True),
        Manifest("/static/", ("a.2.css",), True, before=("a.1.css",)),
        replace(lost, hashed=False),
    ):
        assert lost_names(fine) == ""


def test_no_answer() -> None:
    assert read_manifest("Traceback (most recent call last):\n") is None


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("/static/", "/static/"),
        ("https://cdn.example.com/static/", "/static/"),
        ("https://cdn.example.com/a/b/", "/a/b/"),
        ("//cdn.example.com/static/", "/static/"),
        ("https://static.example.com/", "/"),
        ("/", "/"),
    ],
)
def test_the_path_that_the_instance_serves(url: str, path: str) -> None:
    assert Manifest(url, (), True).path == path


def test_added_is_what_was_not_there_before() -> None:
    assert added(Manifest("/", ("b.2.js", "a.2.css", "c.png"), True, before=("c.png", "gone.css"))) == ("a.2.css", "b.2.js")
    assert added(Manifest("/", ("a",), True, before=("a",))) == ()
    assert added(Manifest("/", ("a",), True)) == ("a",)


def test_a_stylesheet_or_a_script_is_named_first() -> None:
    assert named_file(["z.css", "a.png", "b.js"]) == "b.js"
    assert named_file(["b.png", "a.png"]) == "a.png"
    assert named_file([]) is None
