"""Answers of hosts, tags, parameters and git that somebody has made up: only declared errors, and an end in time."""

import json
import random
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tasks.decisions.access import journal, locks
from tasks.decisions.release import (
    commits,
    dependencies,
    image_cleaning,
    migrations,
    pruning,
    readiness,
    records,
    releases,
    serving,
    worktree,
)
from tasks.decisions.reporting import events, log
from tasks.decisions.rollout import record
from tasks.runtime.operator import alive

HOSTILE: list[Any] = [
    *(None, True, 0, -1, 2**63, 10**400, -(10**30), 1e308, float("inf"), float("nan"), [], [[]], {}, {"a": 1}, [None], [1, 2]),
    *("", "\n", "a\nok   ship", "\x1b[2J", "\u202e", "A" * 70_000, "1e400", "\u0663", "9" * 5000, "nan", "1_000", " 1 "),
]
DEEP = "[" * 60_000


def changed(value: Any, dice: random.Random) -> Any:
    """Return a value with something hostile in it."""
    if isinstance(value, dict | list) and value and dice.random() < 0.9:
        copy = dict(value) if isinstance(value, dict) else dict(enumerate(value))
        key = dice.choice(list(copy))
        if dice.random() < 0.15:
            del copy[key]
        else:
            copy[key] = changed(copy[key], dice) if dice.random() < 0.5 else dice.choice(HOSTILE)
        return copy if isinstance(value, dict) else list(copy.values())
    return dice.choice(HOSTILE)


def of_lock(text: str) -> None:
    holder = locks.read(text)
    locks.describe(holder, 3.0)
    locks.is_free(holder, 3.0, holder.machine, alive)


def of_log(text: str) -> None:
    entry = log.read(text)
    if entry is not None:
        events.instant(entry.began)
        list(log.crashed([entry], entry.machine, alive, 1.7e9, 1e5))
        log.write(entry)


def of_journal(text: str) -> None:
    entry = journal.read(text)
    if entry is not None:
        assert entry.lines and "\n" not in entry.program + entry.unit


def of_manifest(text: str) -> None:
    manifest = releases.read_manifest(text)
    if manifest is not None:
        releases.added(manifest), releases.lost_names(manifest), releases.digest_paths(manifest.path, manifest)


def of_archives(text: str) -> None:
    archives = pruning.read_archives(text)
    if archives is not None:
        pruning.plan(archives.at, {}, newest=2, grace=5.0, now=archives.now)


OPERATION = {"app": "a", "migration": "m", "verdict": "review", "operation": "o", "why": "w", "instead": "i", "locks": "l"}
HALF = {"operations": [OPERATION], "waiting": ["a.m"], "delay": 60.0}
HOLDER = {"token": "t", "who": "w", "purpose": "p", "machine": "m", "pid": 7, "lease": 300.0, "since": 1.7e9}
ENTRY = {"run": "r", "command": "ship", "line": "fab", "by": "a@b", "machine": "m", "pid": 5, "began": 1.0, "ended": 0, "code": 0}
SITE = {"static_url": "/", "static_root": "/x", "writable": True, "in_checkout": False, "free_static": 5, "free_checkout": 5}
JOURNAL = {"__REALTIME_TIMESTAMP": "1764230000000000", "MESSAGE": "m", "SYSLOG_IDENTIFIER": "i", "_PID": "1"}
MANIFEST = {"url": "/", "files": ["a"], "hashed": True, "problem": "", "before": ["b"], "unarchived": ""}
MANIFEST |= {"circular": {"a": "b"}, "others": {"c": "d"}}
READERS: Mapping[str, tuple[Callable[[str], object], str, Mapping[str, Any]]] = {
    "lock": (of_lock, "", HOLDER),
    "log": (of_log, "", ENTRY),
    "journal": (of_journal, "", JOURNAL),
    "manifest": (of_manifest, releases.MARK, MANIFEST),
    "archives": (of_archives, pruning.MARK, {"at": {"a": 1.0}, "now": 3.0, "token": "t", "done": True, "files": 1, "size": 2}),
    "serving": (serving.read_serving, serving.MARK, {"known": True, "error": "", "settings": "a", "databases": {"a": "b"}}),
    "site": (readiness.read_facts, readiness.MARK, {**SITE, "shared_manifests": "", "base": ".", "local": ""}),
    "dependencies": (dependencies.read_dependencies, "", {"tool": "pip", "missing": ["a"], "digest": "d", "npm": False}),
    "cleaning": (image_cleaning.read, "", {"aside": 1, "dropped": 2, "keys": ["a"], "frozen": True, "found": [{"path": "/"}]}),
    "migrations": (
        lambda text: migrations.read(text, ["default"]).lines,
        "",
        {"format": migrations.FORMAT, "verdict": "review", "databases": [{**HALF, "alias": "default", "staged": HALF}]},
    ),
}


@pytest.mark.parametrize("name", READERS)
def test_a_made_up_answer_is_none_or_a_declared_error(name: str) -> None:
    read, mark, answer = READERS[name]
    dice = random.Random(random.random())
    texts = [mark + json.dumps(changed(dict(answer), dice)) for _ in range(300)]
    whole = mark + json.dumps(answer)
    texts += [whole, whole[:-1], whole + DEEP, DEEP, mark + DEEP, mark + '{"a":' * 60_000, "", "\n", f"\0{whole}", whole * 3]
    read(whole)
    for text in texts:
        try:
            read(text)
        except ValueError:  # Garbled is one
            continue


def test_a_flood_of_braces_is_no_answer_and_takes_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = 0
    real = json.JSONDecoder.raw_decode

    def counted(self: json.JSONDecoder, text: str, at: int = 0) -> Any:
        nonlocal tried
        tried += 1
        assert len(text) > 100_000, "each beginning is read at its place, not from a copy of the rest"
        return real(self, text, at)

    monkeypatch.setattr(json.JSONDecoder, "raw_decode", counted)
    with pytest.raises(migrations.Garbled):
        migrations.find("{\n" * 100_000)
    assert tried <= 100
    assert migrations.find('{"level": "info"}\n' * 7000 + '{"format": 2}\n')["format"] == 2


FIELDS = "run=r from=1 to=2 surge=1 max=2 raised=3 started=1 size=2 desired=2 suspended= protect=1 pointed=1 back=0 extra=0"


def test_a_made_up_record_of_a_rollout_is_refused() -> None:
    """Versions become numbers later, times become dates."""
    whole = f"{FIELDS} returned=0"
    assert record.from_tags({record.MAIN: whole}) is not None
    for name, value in [
        *(("from", value) for value in ("nan", "-1", "", "1=2", "0x1f", "\u0663", "$Latest", "1" * 5000)),
        *(("started", value) for value in ("1e999", "nan", "-5", "inf", "9" * 400)),
        *(("surge", value) for value in ("9" * 5000, "1e3", "\u00b2", "1_0", "", "-1")),
        *((number, "-1") for number in ("max", "raised", "size", "desired", "returned")),
        *(
            ("suspended", value)
            for value in ("Launch", "AZRebalance+Terminate", "HealthCheck", "x", "AZRebalanceScheduledActions")
        ),
    ]:
        parts = [f"{name}={value}" if part.startswith(f"{name}=") else part for part in whole.split()]
        with pytest.raises(ValueError, match="tag ramped:rollout"):
            record.from_tags({record.MAIN: " ".join(parts)})


@pytest.mark.parametrize("printed", ["1", "1 ", "2 R.", "u UU", "1 .M\0? x", "2\0", "1 .M N... 100644"])
def test_a_cut_off_status_of_git_is_a_change(printed: str) -> None:
    assert worktree.read_status(printed).changed


def test_no_subject_or_name_forges_or_hides_a_commit(tmp_path: Path) -> None:
    """Git keeps every character in them but NUL."""

    def git(*arguments: str, text: str = "") -> str:
        who = ("-c", "user.name=a\x1f\x1eb", "-c", "user.email=a@b")
        done = subprocess.run(
            ["git", *who, "-C", str(tmp_path), *arguments], input=text, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    git("init", "-q")
    tree = git("mktree")
    subjects = ["one\x1ftwo", "x\x1e" + "0" * 40 + "\x1f2026\x1froot\x1fforged", "ok\rok   ship (3 s)", "", "\x1b[2K", "first"]
    last = git("commit-tree", tree, text="base")
    base, made = last, []
    for subject in subjects:
        last = git("commit-tree", tree, "-p", last, text=subject)
        made.append(last)
    printed = subprocess.run(
        ["git", "-C", str(tmp_path), "log", f"--format={commits.FORMAT}", f"{base}..{last}", "--"],
        capture_output=True,
        check=True,
    ).stdout.decode()
    assert [commit.sha for commit in commits.read(printed)] == made[::-1]
    with pytest.raises(ValueError, match="not whole"):
        commits.read(printed[:-20])


def test_a_record_of_a_release_is_one_line_whatever_the_tag_holds() -> None:
    for value in HOSTILE:
        found = records.read(f"at=1764230000 took=5 from=1 to=2 command={value} by=x")
        if found is not None:
            assert found.when and "\n" not in found.command
