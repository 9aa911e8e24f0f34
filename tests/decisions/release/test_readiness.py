import pytest

from tasks.decisions.release.readiness import MARK, ROOM, Finding, SiteFacts, of_site, read_facts, worst

WELL = SiteFacts("/static/", "/srv/static", True, False, 5 * ROOM, 5 * ROOM)


def test_a_site_that_is_well() -> None:
    assert worst(of_site("i-1", WELL)) == "ok" and worst([]) == "ok"


@pytest.mark.parametrize(
    ("facts", "level", "text"),
    [
        (SiteFacts("/static/", "", True, False, 5 * ROOM, 5 * ROOM), "problem", "STATIC_ROOT is not set"),
        (SiteFacts("/static/", "/srv/static", False, False, 5 * ROOM, 5 * ROOM), "problem", "cannot be written"),
        (SiteFacts("/static/", "/srv/app/static", True, True, 5 * ROOM, 5 * ROOM), "problem", "lies in the checkout"),
        (SiteFacts("/static/", "/srv/static", True, False, ROOM // 2, 5 * ROOM), "warning", "0.5 GiB are free for STATIC_ROOT"),
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
