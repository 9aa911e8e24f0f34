"""The sudoers snippet read by sudo itself, for another user, in a mount namespace; nothing is run but a pager of ours."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.hosts.shell.sudoers import ROOT, allowed

SNIPPET = ROOT / "settings_snippets/systemd/sudoers"
NOBODY = "nobody"
PROGRAMS = ("sudo", "unshare", "script", "journalctl", "systemctl")
# Root's part: our sudoers and programs in place of the machine's, then what each question of nobody's is answered.
ASKS = """
import json, os, pwd, subprocess, sys
folder, questions, pager = json.load(sys.stdin)
def run(*words, **more):
    return subprocess.run(words, capture_output=True, text=True, **more)
for words in (["mount", "-t", "tmpfs", "none", "/usr/local/sbin"], ["mount", "--bind", folder + "/sudoers", "/etc/sudoers"]):
    subprocess.run(words, check=True)
for place in {os.path.realpath(f"/usr/bin/{name}") for name in ("pager", "less", "more")}:
    if os.path.exists(place):
        subprocess.run(["mount", "--bind", folder + "/pager", place], check=True)
open("/usr/local/sbin/ramped-image", "w").close()
os.chmod("/usr/local/sbin/ramped-image", 0o755)
who = pwd.getpwnam("nobody")
as_nobody = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": [], "stdin": subprocess.DEVNULL}
found = [run("sudo", "-n", "-l", *words, **as_nobody).returncode == 0 for words in questions]
codes = [run("script", "-qec", "sudo -n " + words, "/dev/null", **as_nobody).returncode for words in pager]
print(json.dumps([found, codes, os.path.exists(folder + "/ran")]))
"""


def namespaces() -> bool:
    if os.geteuid() != 0 or not all(map(shutil.which, PROGRAMS)):
        return False
    return subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0


pytestmark = pytest.mark.skipif(not namespaces(), reason="needs root, sudo, script and mount namespaces")


def ask(
    folder: Path, questions: Sequence[Sequence[str]], pager: Sequence[str] = (), snippet: str = ""
) -> tuple[list[bool], bool]:
    """Return what sudo would allow, and whether a pager ran as root."""
    text = (snippet or SNIPPET.read_text()).replace("# deploy ALL", "deploy ALL").replace("deploy ALL", f"{NOBODY} ALL")
    (folder / "sudoers").write_text(text)
    (folder / "sudoers").chmod(0o440)
    (folder / "pager").write_text(f"#!/bin/sh\nid -u >{folder}/ran\n")
    (folder / "pager").chmod(0o755)
    (folder / "ran").unlink(missing_ok=True)
    given = json.dumps([str(folder), questions, pager])
    done = subprocess.run(["unshare", "-m", sys.executable, "-c", ASKS], input=given, capture_output=True, text=True, check=True)
    found, codes, ran = json.loads(done.stdout)
    return found, codes, ran


def rules() -> list[list[str]]:
    return [command.split() for command in sorted(allowed(commented=False) | allowed(commented=True))]


def hostile(words: list[str]) -> Iterator[list[str]]:
    """Return commands that a rule must not allow: words more, words less, options, patterns, other units and programs."""
    program, *rest = words
    for more in ("ssh.service", "--no-pager", "-H", "--root=/tmp", "", "*", ";id", "\n", "gunicorn.service", "/etc/shadow"):
        yield [*words, more]
        yield [program, more, *rest]
    yield from ([program, *rest[:at], *rest[at + 1 :]] for at in range(len(rest)))
    yield from (
        [program, *rest[:at], text, *rest[at + 1 :]] for at in range(len(rest)) for text in ("*", "?", "[a-z]*", "x", "../x")
    )
    yield from ([other, *rest] for other in ("/bin/sh", f"{program}x", f"/usr/bin/../bin/{Path(program).name}x", "/usr/bin/env"))
    yield [program, " ".join([*rest, "ssh.service"])]
    yield [program, *(word.replace(".service", "*.service") for word in rest), "x"]
    yield [program, *(word.replace("gunicorn", "../gunicorn").replace("hold", "hold ") for word in rest), ""]


def near(folder: Path, wanted: list[list[str]]) -> int:
    """Check these rules and what is near them; return how many commands were refused."""
    folder.chmod(0o755)
    known = {" ".join(rule) for rule in rules()}
    refused = [words for rule in wanted for words in hostile(rule) if " ".join(words) not in known]
    found, _, _ = ask(folder, [*wanted, *refused])
    assert all(found[: len(wanted)]), "the rules themselves"
    let = [words for words, answer in zip(refused, found[len(wanted) :], strict=True) if answer]
    assert not let
    return len(refused)


def test_sudo_allows_a_rule_of_each_program_and_nothing_near_it(tmp_path: Path) -> None:
    of_each = {rule[0]: rule for rule in rules()}
    assert near(tmp_path, list(of_each.values())) > 90


@pytest.mark.long
def test_sudo_allows_each_rule_and_nothing_near_it(tmp_path: Path) -> None:
    assert near(tmp_path, rules()) > 400


# sudo compares the words with blanks between them: these are the same to it, and other words to the program.
JOINED = [
    '"-u gunicorn.service -n 40 --no-pager"',
    '-u "gunicorn.service -n 40 --no-pager"',
    '"-u gunicorn.service" "-n 40 --no-pager"',
]


def test_no_words_run_together_give_a_pager_as_root(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path.parent):
        folder.chmod(0o755)
    lines = [f"/usr/bin/journalctl {words}" for words in JOINED]
    _, codes, ran = ask(tmp_path, [], [*lines, "/usr/bin/journalctl -u gunicorn.service -n 40 --no-pager"])
    assert not ran and codes[-1] == 0, "what ramped asks for goes on working"
    _, _, ran = ask(tmp_path, [], lines, SNIPPET.read_text().replace("NOEXEC: ", ""))
    assert ran, "without NOEXEC one does: this test can fail"
