"""The syntax of unit files, without any process."""

import pytest

from rehearsal.hosts.unit_syntax import Command, UnitError, boolean, command, expand, read, replace_variables, seconds


def test_lines_become_assignments_with_their_place() -> None:
    text = "# a comment\n\n[Unit]\nDescription = A = B\n; another\n[Service]\nExecStart=/bin/a \\\n  --b\nType=exec\n"
    assert [(e.section, e.key, e.value, e.line) for e in read("x.service", text)] == [
        ("Unit", "Description", "A = B", 4),
        ("Service", "ExecStart", "/bin/a    --b", 7),
        ("Service", "Type", "exec", 9),
    ]


@pytest.mark.parametrize(("text", "line"), [("Type=exec\n", 1), ("[Service]\nType\n", 2)])
def test_a_line_that_is_no_assignment_is_named(text: str, line: int) -> None:
    with pytest.raises(UnitError, match=rf"^x\.service:{line}: "):
        read("x.service", text)


def test_specifiers_are_replaced() -> None:
    assert expand("%h/app 100%% %t", {"h": "/home/a", "t": "/run"}) == "/home/a/app 100% /run"


@pytest.mark.parametrize("text", ["%i", "50%", "%Z/x"])
def test_another_specifier_is_refused(text: str) -> None:
    with pytest.raises(UnitError, match="is not modelled; modelled: %h"):
        expand(text, {"h": "/home/a"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/bin/kill -s HUP $MAINPID", Command(("/bin/kill", "-s", "HUP", "$MAINPID"))),
        ("-/bin/sh -c 'a; b'", Command(("/bin/sh", "-c", "a; b"), may_fail=True)),
        ('/bin/echo "two words"', Command(("/bin/echo", "two words"))),
    ],
)
def test_command_lines(text: str, expected: Command) -> None:
    assert command(text) == expected


@pytest.mark.parametrize("text", ["+/bin/a", "@/bin/a b", "!/bin/a", ":/bin/a", "-", "/bin/a ; /bin/b", "--/bin/a"])
def test_other_command_lines_are_refused(text: str) -> None:
    with pytest.raises(UnitError):
        command(text)


def test_variables_are_replaced_as_systemd_does() -> None:
    words = replace_variables(("$A", "x${A}x", "$NONE", "${NONE}", "a$A", "$${A}", "plain"), {"A": "one two"})
    assert words == ["one", "two", "xone twox", "", "a$A", "${A}", "plain"]


@pytest.mark.parametrize(
    ("text", "expected"), [("90", 90), ("1min 30s", 90), ("500ms", 0.5), ("2h", 7200), ("1.5s", 1.5), ("infinity", float("inf"))]
)
def test_spans_of_time(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "soon", "5 parsecs", "s5"])
def test_what_is_no_span_of_time(text: str) -> None:
    with pytest.raises(UnitError, match="is not a span of time"):
        seconds(text)


def test_booleans() -> None:
    assert [boolean(text) for text in ("yes", "True", "0", "off")] == [True, True, False, False]
    with pytest.raises(UnitError):
        boolean("perhaps")
