"""What the site says of its migrations, read; and whether a deploy goes on."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.decisions.release import migrations
from tasks.decisions.release.migrations import VERDICTS, Garbled, PendingMigrations, decide
from tests.decisions.release.answers import answer, operation

SHA = "0123456789abcdef"


def read(printed: str, databases: Sequence[str] = ("default",)) -> PendingMigrations:
    return migrations.read(printed, databases)


def test_the_answer_is_found_among_what_a_site_prints() -> None:
    printed = f"connected {{to}}\n{{not json}}\n{answer('compatible', 'incompatible', alias='stock')}\nbye"
    found = read(printed, ["stock"])
    assert found.verdict == "incompatible"
    assert found.lines[0].startswith("incompatible  shop.0002 (stock): Add field: because. Instead: wait.")
    assert found.lines[1] == "compatible    shop.0002 (stock): Add field: because."


def test_what_changes_nothing_is_not_told_and_locks_are() -> None:
    text = json.loads(answer("none", "compatible"))
    text["databases"][0]["operations"][1]["locks"] = "writes wait"
    assert read(json.dumps(text)).lines == ("compatible    shop.0002: Add field: because. Locks: writes wait",)


@pytest.mark.parametrize(
    ("printed", "why"),
    [
        ("", "not JSON"),
        ("{}", "not JSON"),
        ('["format"]', "not JSON"),
        (answer("none", format=1), "format 1, these tasks know 2"),
        (answer("incompatible", said="compatible"), "says compatible of all, and incompatible of one"),
        (answer("none", said="fine"), "says fine of all"),
        (answer("none").replace('"none"', '"fine"'), "the verdict 'fine'"),
        (answer("none").replace('"why"', '"because"'), "lacks 'why'"),
        (answer("none", databases=7), "lacks"),
        (answer("none", databases=[]), "about the databases none, asked was default"),
        (answer("none", alias="other"), "about the databases other, asked was default"),
    ],
)
def test_nothing_is_concluded_from_what_cannot_be_read(printed: str, why: str) -> None:
    with pytest.raises(Garbled, match=why):
        read(printed)


SOME = st.lists(st.lists(st.sampled_from(VERDICTS), max_size=4), min_size=1, max_size=3)


def document(databases: Sequence[Sequence[str]]) -> dict[str, Any]:
    worst = max((one for verdicts in databases for one in verdicts), key=VERDICTS.index, default="none")
    told = [{"alias": f"db{n}", "operations": [operation(one) for one in verdicts]} for n, verdicts in enumerate(databases)]
    return {"format": 2, "verdict": worst, "databases": told}


@given(SOME, st.text(alphabet='ab{}[]\n" :', max_size=40), st.sampled_from([None, 2]))
def test_a_judgement_is_as_bad_as_its_worst_operation_whatever_is_printed_round_it(
    databases: Sequence[Sequence[str]], noise: str, indent: int | None
) -> None:
    told = document(databases)
    aliases = [one["alias"] for one in told["databases"]]
    found = read(f"{noise}\n{json.dumps(told, indent=indent)}\n{noise}", aliases)
    assert [one.verdict for one in found.operations] == [one for verdicts in databases for one in verdicts]
    assert found.verdict == told["verdict"] and migrations.find(json.dumps(told)) == told


@given(SOME, st.data())
def test_an_answer_that_is_cut_short_or_changed_never_reads_as_a_better_one(
    databases: Sequence[Sequence[str]], data: st.DataObject
) -> None:
    told = document(databases)
    aliases, text = [one["alias"] for one in told["databases"]], json.dumps(told)
    with pytest.raises(Garbled):
        read(text[: data.draw(st.integers(0, len(text) - 1))], aliases)
    better = [one for one in VERDICTS if one != told["verdict"]]
    with pytest.raises(Garbled):
        read(json.dumps({**told, "verdict": data.draw(st.sampled_from(better))}), aliases)
    with pytest.raises(Garbled):
        read(json.dumps({**told, "databases": told["databases"][1:]}), aliases)


@given(verdict=st.sampled_from(VERDICTS), yes=st.booleans(), breaking=st.booleans())
def test_old_code_is_never_put_on_a_schema_that_breaks_it(verdict: str, yes: bool, breaking: bool) -> None:
    decision = decide(verdict, yes=yes, breaking=breaking)
    if verdict == "incompatible" and not breaking:
        assert decision == "refuse"
    if verdict == "review" and not (yes or breaking):
        assert decision == "ask"
    if breaking or verdict in ("none", "compatible"):
        assert decision == "go"


def test_a_refusal_names_what_is_wrong_and_both_roads() -> None:
    told = migrations.incompatible_message(read(answer("compatible", "incompatible")), SHA)
    assert "0123456789ab" in told and "because. Instead: wait" in told and "nothing was changed" in told
    assert (
        "rewrite" in told and "ship --maintenance" in told and "compatible    shop" not in told.replace("incompatible  shop", "")
    )
