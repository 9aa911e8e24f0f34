import pytest

from tasks.decisions.reporting.notices import body, is_due, text, webhooks
from tests.decisions.reporting.sample import event

ALL = ("start", "success", "failure", "interrupted", "crash")


@pytest.mark.parametrize(
    ("outcome", "wanted"),
    [
        ("ok", "success"),
        ("interrupted", "interrupted"),
        *((name, "failure") for name in ("failed", "refused", "rolled-back", "paused", "half-way", "bug")),
    ],
)
def test_each_end_is_due_under_its_name_alone(outcome: str, wanted: str) -> None:
    ended = event("run-ended", outcome=outcome, code=1, text="", seconds=1.0)
    assert [name for name in ALL if is_due(ended, [name], ["ship"])] == [wanted]
    assert not is_due(ended, ALL, ["rollback"])


def test_beginnings_and_crashes_are_due_and_steps_never() -> None:
    assert is_due(event("run-began"), ["start"], ["ship"]) and not is_due(event("run-began"), ["success"], ["ship"])
    assert is_due(event("crashed"), ["crash"], ["ship"]) and not is_due(event("crashed"), ["failure"], ["ship"])
    assert not is_due(event("step-ended", step="git", number="", outcome="failed", seconds=1.0), ALL, ["ship"])


def test_the_text_says_what_ended_how_and_why() -> None:
    ended = event("run-ended", outcome="rolled-back", code=1, text="web: version 4 <bad> & gone", seconds=75.2)
    ended.facts.update(revision="c0ffee" + "0" * 34, from_versions="web=3", to_versions="web=4")  # type: ignore[attr-defined]
    assert text(ended) == (
        "ship of web rolled back after 75 s, by ann@desk, revision c0ffee000000, web=3 -> web=4\nweb: version 4 <bad> & gone"
    )
    assert body(ended, "slack") == {"text": text(ended).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")}
    assert body(ended, "json")["outcome"] == "rolled-back" and body(ended, "json")["text"] == text(ended)
    assert text(event("run-began")) == "ship of web begins, by ann@desk"
    assert text(event("crashed")) == "ship of web never ended: its process is gone, by ann@desk"


def test_the_form_is_that_of_the_host_or_stands_in_front() -> None:
    given = "# ours\n\nhttps://hooks.slack.com/services/T/B/x\nslack https://chat.example/hooks/y\n  https://api.example/z  \n"
    assert [(form, address.rpartition("/")[2]) for form, address in webhooks(given)] == [
        ("slack", "x"),
        ("slack", "y"),
        ("json", "z"),
    ]


@pytest.mark.parametrize(
    "line",
    [
        *("ftp://x/secret", "secret", "teams https://x/secret", "https:///secret", "json https://[x/secret"),
        *("http://x/secret", "slack http://10.0.0.5/secret", "http://127.0.0.1.example.com/secret"),
    ],
)
def test_a_wrong_line_is_named_by_its_number_and_never_shown(line: str) -> None:
    with pytest.raises(ValueError, match="^line 2") as caught:
        webhooks(f"https://x/y\n{line}\n")
    assert "secret" not in str(caught.value)
