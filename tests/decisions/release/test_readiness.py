from dataclasses import replace

import pytest

from tasks.decisions.release.readiness import (
    BOOT,
    MARK,
    ROOM,
    Finding,
    SiteFacts,
    cached_errors,
    of_site,
    read_boot,
    read_facts,
    worst,
)

WELL = SiteFacts("/static/", "/srv/static", True, False, 5 * ROOM, 5 * ROOM)


def test_a_container_has_no_kernel_of_its_own_to_wait_for() -> None:
    printed = "KernelTimestamp={}\nUserspaceTimestampMonotonic=73758445006\nFinishTimestampMonotonic=73760945006\n"
    assert read_boot(printed.format("")) == 2.5
    assert read_boot(printed.format("Fri 2026-11-27 16:45:22 UTC")) == 73760.945006


def test_a_site_that_is_well() -> None:
    assert worst(of_site("i-1", WELL)) == "ok" and worst([]) == "ok"


@pytest.mark.parametrize(
    ("facts", "level", "text"),
    [
        (SiteFacts("/static/", "", True, False, 5 * ROOM, 5 * ROOM), "problem", "STATIC_ROOT is not set"),
        (SiteFacts("/static/", "/srv/static", False, False, 5 * ROOM, 5 * ROOM), "problem", "cannot be written"),
        (SiteFacts("/static/", "/srv/app/static", True, True, 5 * ROOM, 5 * ROOM), "problem", "lies in the checkout"),
        (SiteFacts("/static/", "/srv/static", True, False, ROOM // 2, 5 * ROOM), "warning", "0.5 GiB are free for STATIC_ROOT"),
        (replace(WELL, shared_manifests="/srv/static/a.json names files"), "problem", "/srv/static/a.json names files"),
        (replace(WELL, local="MEDIA_ROOT /srv/media"), "warning", "MEDIA_ROOT /srv/media is on a disk of this instance alone"),
    ],
)
def test_what_is_wrong(facts: SiteFacts, level: str, text: str) -> None:
    found = of_site("i-1", facts)
    assert worst(found) == level and any(text in one.text and one.level == level for one in found)


def test_an_answer_is_found_among_other_lines_or_there_is_none() -> None:
    import json
    from dataclasses import asdict

    assert read_facts(f"warning: x\n\n{MARK}{json.dumps(asdict(WELL))}\n") == WELL
    for printed in ("", f"{MARK}[", f"{MARK}{'[' * 100_000}", f'{MARK}{{"static_url": 1}}'):
        assert read_facts(printed) is None
    assert worst([Finding("a", "ok", ""), Finding("b", "warning", "")]) == "warning"


@pytest.mark.parametrize(
    "value", [{"free_static": "x"}, {"free_static": None}, {"free_checkout": []}, {"free_static": 10**400}, {"static_root": [1]}]
)
def test_an_answer_of_other_types_is_none(value: dict[str, object]) -> None:
    import json
    from dataclasses import asdict

    assert read_facts(MARK + json.dumps({**asdict(WELL), **value})) is None


@pytest.mark.parametrize("digits", ["", "0", "9" * 400, "9" * 5000, "-1", "x"])
def test_a_boot_that_cannot_be_read_is_not_known(digits: str) -> None:
    assert read_boot(f"{BOOT[0]}={digits}\n") is None and read_boot(f"{BOOT[0]}=12500000\n") == 12.5


@pytest.mark.parametrize("age", ["", "0", "\xb2", "9" * 5000, "-1"])
def test_only_a_real_age_shows_a_stored_error(age: str) -> None:
    assert cached_errors("http://cdn", {"age": age}).level == "ok"
    assert cached_errors("http://cdn", {"age": "3"}).level == cached_errors("http://cdn", {"x-cache": "Hit"}).level == "warning"
