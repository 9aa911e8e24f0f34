"""Every command that asks for root, against the sudoers snippet that allows it: word by word, for sudo compares words."""

import ast
import re
from collections.abc import Iterator

from tasks.decisions.release import image_cleaning
from tasks.hosts.shell import commands
from tasks.settings.model import Image
from tests.hosts.shell.sudoers import ROOT, allowed

SITE, OTHERS = "gunicorn.service", ("celery-worker.service", "celery-beat.service", "ramped-settings.service")
# Not asked for by us: the way out for an operator when everything of a bake was killed (README, "Images").
BY_HAND = {"/usr/local/sbin/ramped-image resume"}


def asked(*texts: str) -> set[str]:
    """Return what the texts ask sudo for, as sudo sees it: the program by its path."""
    found = [words for text in texts for words in re.findall(r"sudo -n (.+?)(?= 2>|;| \|\||$)", text)]
    return {words if words.startswith("/") else f"/usr/bin/{words}" for words in found}


def functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    for path in sorted((ROOT / "tasks").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                yield path.name, node


def verbs() -> set[str]:
    """Return the verbs with which `systemctl` is called anywhere."""
    calls = [call for _, function in functions() for call in ast.walk(function) if isinstance(call, ast.Call)]
    named = [call for call in calls if getattr(call.func, "attr", getattr(call.func, "id", "")) == "systemctl"]
    assert all(isinstance(call.args[0], ast.Constant) for call in named), "a verb that cannot be read here"
    return {call.args[0].value for call in named}  # type: ignore[attr-defined]


def test_no_other_builder_asks_for_root() -> None:
    texts = [
        (function.name, node.value)
        for _, function in functions()
        for node in ast.walk(function)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    assert {name for name, text in texts if re.search(r"\bsudo -n (?!-l)", text)} == {"systemctl", "journal", "hold"}


def test_what_is_asked_for_the_site_is_allowed_and_nothing_else_is() -> None:
    cleaner = Image(name="shop").cleaner
    assert cleaner
    ours = [commands.systemctl(verb, SITE) for verb in verbs()]
    wanted = asked(*ours, commands.restart(SITE), commands.journal(SITE), image_cleaning.hold(cleaner))
    assert wanted == allowed(commented=False) - BY_HAND
    assert allowed(commented=False) >= BY_HAND


def test_further_services_may_be_restarted_by_the_commented_lines() -> None:
    worker = [commands.systemctl(verb, OTHERS[0]) for verb in ("stop", "start")]
    assert asked(*worker, *(commands.restart(unit) for unit in OTHERS)) == allowed(commented=True)
