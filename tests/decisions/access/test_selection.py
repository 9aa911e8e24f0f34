"""Which hosts the words of `--on` mean."""

import pytest

from tasks.decisions.access.selection import select
from tasks.errors import SettingsError

WEB = ["i-1", "i-2"]


@pytest.mark.parametrize(
    ("wanted", "management", "meant"),
    [
        (["all"], "i-0", ["i-0", "i-1", "i-2"]),
        (["all"], None, WEB),
        (["web"], "i-0", WEB),
        (["management"], "i-0", ["i-0"]),
        (["i-2"], "i-0", ["i-2"]),
        (["i-2", "management", "i-2"], "i-0", ["i-0", "i-2"]),
        (["web", "all"], "i-0", ["i-0", "i-1", "i-2"]),
    ],
)
def test_words_mean_hosts_each_once(wanted: list[str], management: str | None, meant: list[str]) -> None:
    assert select(wanted, WEB, management) == meant


def test_an_unknown_word_names_the_allowed_ones() -> None:
    with pytest.raises(SettingsError, match="found i-9, wbe; allowed: web, management, all, i-0, i-1, i-2"):
        select(["i-9", "web", "wbe"], WEB, "i-0")


@pytest.mark.parametrize("word", ["web", "all", "management"])
def test_nobody_is_an_error(word: str) -> None:
    with pytest.raises(SettingsError, match=f"--on {word}: there is no such instance that runs"):
        select([word], [], None)
