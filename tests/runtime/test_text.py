import pytest

from tasks.runtime.text import gist, hanging, quoted, redact


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


SECRET = "hunter2Hunter2hunter2"


@pytest.mark.parametrize(
    "text",
    [
        f"fatal: https://me:{SECRET}@git.example.com/x not found",
        f"https://{SECRET}@git.example.com",
        f"postgres://shop:a/{SECRET}@db.internal:5432/shop",
        f"postgres://shop:a@{SECRET}@db/shop",
        f"postgres://shop:a b {SECRET}@db/shop",
        f"redis://:{SECRET}@cache:6379/0",
        f"GET /x?token={SECRET}&a=1",
        f"https://s3/x?X-Amz-Signature={SECRET}&X-Amz-Security-Token={SECRET}",
        f"https://x.test/?a=1&api_key={SECRET}",
        f"Authorization: Bearer {SECRET}",
        f"authorization=Basic {SECRET}",
        f"curl: bearer {SECRET} was refused",
        f"DATABASE_PASSWORD={SECRET}",
        f"SECRET_KEY = '{SECRET}'",
        f'{{"aws_secret_access_key": "{SECRET}"}}',
        f"password: {SECRET}",
        f"mysqldump --password={SECRET} shop",
        f"psql --db-password '{SECRET}' shop",
        f"-----BEGIN OPENSSH PRIVATE KEY-----\n{SECRET}\n-----END OPENSSH PRIVATE KEY-----",
        f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}",
        f"ghp_{SECRET}",
        f"glpat-{SECRET}",
        f"eyJhbGciOi.{SECRET}.{SECRET}",
    ],
)
def test_a_secret_is_shown_in_no_form(text: str) -> None:
    for made in (text, text.upper(), f"a line\n{text}\na last line"):
        assert SECRET.lower() not in redact(made).lower() and "***" in redact(made)
        assert SECRET.lower() not in gist(made).lower() and SECRET.lower() not in quoted(made).lower()


def test_the_key_of_an_aws_account_is_not_shown() -> None:
    assert redact("InvalidAccessKeyId AKIAIOSFODNN7EXAMPLE, ASIAIOSFODNN7EXAMPLE") == "InvalidAccessKeyId ***, ***"


@pytest.mark.parametrize(
    "text",
    [
        "http://10.0.0.5:8080/a@b from i-1: refused",
        "i-1 (admin@10.0.0.1:22): authentication failed",
        "see https://example.com:8443 and write to me@example.com",
        "ssh-ed25519 SHA256:abc does not match",
        "ModuleNotFoundError: No module named 'tokenizers'",
        "fatal: the key exchange failed",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


def test_what_others_wrote_stands_apart() -> None:
    assert quoted("a\nok restart-all (1.0 s)\n") == "   | a\n   | ok restart-all (1.0 s)"
    assert quoted("x\n" * 1000).startswith("   | ... 600 lines\n   | x") and quoted("x\n" * 1000).count("\n") == 400
    assert hanging("one\nok two\n  three\n\n-> four") == "one\n  ok two\n  three\n\n  -> four"


def test_the_gist_of_what_was_printed_is_one_line() -> None:
    assert gist("a\n b\n\nc\n  d  \n") == "b | c | d"
    assert gist("fatal: https://me:secret@example.com/ not found\n") == "fatal: https://***@example.com/ not found"
    assert gist("") == ""
    trace = '  File "/v/site-packages/x.py", line 3, in f\n    return g(\n           ^~~\nTypeError: g()\n'
    assert gist(trace) == 'File "/v/site-packages/x.py", line 3, in f | return g( | TypeError: g()'
    assert len(gist("x" * 5000)) == 1000


@pytest.mark.parametrize("before", [0, 700, 1_000, 1_300])
def test_a_key_is_shown_in_no_part_wherever_a_long_text_is_cut(before: int) -> None:
    key = "\n".join(["-----BEGIN RSA PRIVATE KEY-----", *[SECRET * 3] * 40, "-----END RSA PRIVATE KEY-----"])
    text = "\n".join(["x" * 90] * 1000 + [key] + ["y" * 90] * before)
    assert SECRET not in quoted(text) and SECRET not in gist(text)
    assert quoted(text).startswith("   | ... ") and quoted("a\nb") == "   | a\n   | b"


@pytest.mark.parametrize("piece", ["--", "-", "a-", "a.", "://", "://a:", "eyJ-", "?", "pass-", "x ", "-----BEGIN "])
def test_a_host_that_prints_without_end_is_shown_in_linear_time(piece: str) -> None:
    """By the work that the patterns do: twice the text is not four times the steps, so megabytes end."""
    for show in (gist, quoted):
        assert len(show(piece * 1_000_000)) < 200_000
    assert redact(piece * 5_000) is not None


@pytest.mark.parametrize(
    "text",
    [
        f"\x1b[36mdb_password\x1b[0m=\x1b[35m{SECRET}\x1b[0m",
        f"DB_PASSWORD\x1b[0m: {SECRET}",
        f"pass\u200bword={SECRET}",
        f"pass\x08word={SECRET}",
    ],
)
def test_colours_and_invisible_marks_hide_no_secret_from_us(text: str) -> None:
    assert SECRET not in redact(text) and SECRET not in gist(text) and SECRET not in quoted(text)
