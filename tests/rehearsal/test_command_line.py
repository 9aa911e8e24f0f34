"""The rehearsal's own command line."""

import signal
from collections.abc import Iterator
from itertools import chain, cycle, repeat
from pathlib import Path

import pytest

from rehearsal.__main__ import main
from rehearsal.hosts.machines import golden, namespaces, requirements
from rehearsal.more_scenarios import of_each


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seed", "1"], "--seed needs --unkind"),
        (["--instances", "0"], "found 0; allowed: 1 to 40"),
        (["--outside", "--hosts", "machines"], "--outside is not modelled for machines"),
    ],
)
def test_wrong_usage_is_explained(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyboardInterrupt(), "rehearsal: stopped\n"),
        (golden.GoldenError("no room"), "rehearsal: no room\n"),
        (OSError("full"), ""),
    ],
)
def test_the_prepared_site_is_removed_where_no_box_begins(
    error: BaseException, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.delenv(namespaces.VARIABLE, raising=False)
    monkeypatch.setattr(requirements, "missing", lambda _: "")
    monkeypatch.setattr(golden, "layers", fail)
    (top := tmp_path / "top").mkdir()
    if isinstance(error, OSError):
        with pytest.raises(OSError, match="full"):
            main(["--hosts", "machines", "--top", str(top)])
    else:
        assert main(["--hosts", "machines", "--top", str(top)]) == 1
    assert not top.exists() and capsys.readouterr().err == said


def test_a_worker_that_answers_seldom_is_asked_too() -> None:
    answers: Iterator[tuple[str, str]] = chain(repeat(("1", "green"), 25), [("2", "red")], cycle([("1", "green"), ("2", "red")]))
    assert of_each(lambda: next(answers)) == {"1": "green", "2": "red"}
    assert len(list(zip(range(2), answers, strict=False))) == 2, "it ends"
