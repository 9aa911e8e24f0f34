import pytest

from tasks.runtime.text import gist, redact


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:secret@git.example.com/x.git", "https://***@git.example.com/x.git"),
        ("https://t0ken@git.example.com", "https://***@git.example.com"),
        ("git@github.com:a/b", "git@github.com:a/b"),
        ("https://example.com/a@b", "https://example.com/a@b"),
    ],
)
def test_passwords_are_taken_out_of_addresses(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_the_gist_of_what_was_printed_is_one_line() -> None:
    assert gist("a\n b\n\nc\n  d  \n") == "b | c | d"
    assert gist("fatal: https://me:secret@example.com/ not found\n") == "fatal: https://***@example.com/ not found"
    assert gist("") == ""
    assert len(gist("x" * 5000)) == 1000
