"""The rehearsal's own command line."""

import pytest

from rehearsal.__main__ import main


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
