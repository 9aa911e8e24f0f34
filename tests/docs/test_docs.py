"""What the documents say is so: links lead somewhere; commands, options, settings and messages are those of the code."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs.generate import arguments_of, commands, events, settings
from tasks.commands import GROUPS, ns
from tasks.decisions.reporting.events import schema as schema_of_events
from tasks.settings.schema import schema, sections
from tests.docs.pages import GENERATED, PAGES, ROOT, TOP, WRITTEN, anchors, code, links, name, prose

# Options of Fabric and Invoke themselves.
GLOBAL = {"--dry", "--help", "--list", "--version", "-f"}
PLAIN = r"\b(told|whoever|gives|judged?|lets? (?:\w+ )?in|is at it)\b"
MESSAGES = ("docs/when-it-stops.md", "docs/ssh.md")


@pytest.mark.parametrize(("file", "text"), [("commands", commands), ("settings", settings), ("events", events)])
def test_the_references_are_what_the_code_says(file: str, text: object) -> None:
    assert callable(text)
    assert (GENERATED / f"{file}.md").read_text() == text(), "run: python -m docs.generate"


def test_the_schema_of_the_events_is_that_of_the_code() -> None:
    assert json.loads((GENERATED / "events.schema.json").read_text()) == schema_of_events(), "run: python -m docs.generate"


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {"index.html", "reference/settings.html"} <= {
        str(path.relative_to(tmp_path / "site")) for path in (tmp_path / "site").rglob("*.html")
    }
    assert not list((tmp_path / "site").rglob("*.py"))


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) < 150


@pytest.mark.parametrize("path", [*TOP, *PAGES], ids=name)
def test_every_link_leads_somewhere(path: Path) -> None:
    wrong = []
    for link in links(path):
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        if not target.is_file() or (anchor and anchor not in anchors(target)):
            wrong.append(link)
    assert not wrong


def test_every_page_is_linked() -> None:
    linked = {(path.parent / link.partition("#")[0]).resolve() for path in (*TOP, *PAGES) for link in links(path)}
    assert not [name(path) for path in PAGES if path not in linked and path.name != "index.md"]


def used(text: str) -> tuple[str, list[str]] | None:
    """Return the command that a line of code names, and its options; None for what is none of ours."""
    words = text.partition("  #")[0].rpartition("&& ")[2].split()
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words.pop(0)
    if words and words[0].rpartition("/")[2] in ("fab", "inv", "invoke", "ramped"):
        words.pop(0)
        while words and words[0].partition("=")[0] in GLOBAL:
            words = words[2:] if words[0] == "-f" else words[1:]
    elif not words or words[0] not in ns.tasks:
        return None
    return (words[0], [word.partition("=")[0] for word in words[1:] if word.startswith("--")]) if words else None


@pytest.mark.parametrize("path", [ROOT / "README.md", *PAGES], ids=name)
def test_every_command_and_option_exists(path: Path) -> None:
    for text in code(path):
        found = used(text)
        if found is None or found[0] == "COMMAND":
            continue
        command, options = found
        assert command in ns.tasks, text
        known = {f"--{flag}" for argument in arguments_of(ns.tasks[command]) for flag in argument.names}
        assert set(options) <= known, text


def test_a_command_that_does_not_exist_is_seen() -> None:
    assert used("fab --dry shpi --revision v1") == ("shpi", ["--revision"])
    assert used("INVOKE_ROLLOUT_SURGE=2 fab -f x.yaml rollout") == ("rollout", [])
    assert used("drain --udno") == ("drain", ["--udno"])
    assert used("pip install x") is None


@pytest.mark.parametrize("path", [ROOT / "README.md", *WRITTEN], ids=name)
def test_every_setting_exists(path: Path) -> None:
    named = {found[0] for text in code(path) if (found := re.match(rf"(?:{'|'.join(sections())})\.\w+", text))}
    assert not named - schema().keys() - {"app.py"}


@pytest.mark.parametrize("path", [ROOT / "README.md", *PAGES], ids=name)
def test_every_file_exists(path: Path) -> None:
    folders = "tasks|tests|rehearsal|settings_snippets|docs"
    named = {found[0] for text in code(path) if (found := re.match(rf"(?:{folders})/[\w./-]+", text))}
    assert not {file for file in named if "NAME" not in file and not (ROOT / file).exists()}


@pytest.mark.parametrize("path", [ROOT / name for name in MESSAGES], ids=name)
def test_the_messages_are_those_of_the_code(path: Path) -> None:
    table = path.read_text().partition("| message")[2]
    messages = [
        text for row in table.splitlines()[2:] if row.startswith("|") for text in re.findall(r"`([^`]+)`", row.split("|")[1])
    ]
    assert len(messages) > 3
    said = [
        node.value
        for file in (ROOT / "tasks").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    assert not [message for message in messages if not any(message in text for text in said)]


def test_the_readme_names_every_command() -> None:
    table = (ROOT / "README.md").read_text().partition("## Commands")[2].partition("\n## ")[0]
    named = {
        text.split()[0]
        for row in table.splitlines()
        if row.startswith("|")
        for text in re.findall(r"`([^`]+)`", row.split("|")[2])
    }
    assert named == {ns.transform(task.name) for members in GROUPS.values() for task in members}


@pytest.mark.parametrize("path", [*TOP, *WRITTEN], ids=name)
def test_the_words_are_plain(path: Path) -> None:
    assert not re.findall(PLAIN, prose(path), re.I)


def test_every_test_that_stands_for_a_behaviour_of_aws_exists() -> None:
    rows = [line for line in (ROOT / "docs/aws-behaviour.md").read_text(encoding="utf-8").splitlines() if line.startswith("| ")][
        1:
    ]
    assert len(rows) > 20
    for row in rows:
        _, _, model, product = row.strip("| ").split(" | ")
        for cell, folder in ((model, ROOT / "tests/rehearsal/cloud"), (product, ROOT / "tests")):
            named = re.findall(r"`([\w/]+(?:\.py|/))`", cell)
            assert named and all((folder / name).exists() for name in named), row


def test_every_test_that_holds_off_an_attack_exists() -> None:
    rows = [line for line in (ROOT / "docs/security-tests.md").read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    for row in rows[1:]:
        named = re.findall(r"`([\w/]+\.py)`", row.strip("| ").split(" | ")[-1])
        assert named and all((ROOT / name).exists() for name in named), row
