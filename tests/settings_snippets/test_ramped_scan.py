"""`ramped-scan`, and `ramped-image` that asks it: what an image would hold is told by path and kind, and refused by setting."""

import base64
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.settings_snippets.image_disk import Disk, disk, folder
from tests.settings_snippets.project import SNIPPETS

__all__ = ["disk", "folder"]

PROGRAM = SNIPPETS / "systemd/ramped-scan"
# Put together here, so that nobody who scans this file finds them.
AWS, TOKEN = "AKIA" + "Q3ZRTVBWXY2G4H5J", "gh" + "p_" + "a1B2" * 9
PRIVATE = "-----BEGIN OPENSSH " + "PRIVATE KEY-----\n" + "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtz\n"
ELF_CORE = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x04\x00" + bytes(100)
SECRETS: dict[str, tuple[str | bytes, str]] = {
    "srv/shop/app/.git/config": (f"[remote]\n\turl = https://x:{TOKEN}@git.example.com/a\n", "git remote with a password"),
    "srv/two.git/config": (
        "[remote]\n\turl = https://glpat_0123456789abcdefgh@git.example.com/a\n",
        "git remote with a password",
    ),
    "srv/three/.git/config": ("[http]\n\textraheader = AUTHORIZATION: basic eDp5\n", "git remote with a password"),
    "home/bob/.pgpass": ("h:5432:d:u:pw\n", "passwords of PostgreSQL"),
    "home/bob/.my.cnf": ("[client]\npassword=x\n", "passwords of MySQL"),
    "home/bob/.docker/config.json": ('{"auths": {"r": {"auth": "eA=="}}}', "login of docker"),
    "root/.npmrc": ("//registry.example.com/:_authToken=x\n", "token of npm"),
    "root/.config/gh/hosts.yml": ("oauth_token: x\n", "token of GitHub or GitLab"),
    "root/.aws/credentials": ("[default]\n", "credentials of AWS"),
    "root/.kube/config": ("a: b\n", "access to Kubernetes"),
    "root/.netrc": ("machine x\n", "passwords of .netrc"),
    "home/gone/.bash_history": ("ls\n", "shell history"),
    "var/lib/systemd/coredump/core.python.zst": ("x", "core dump"),
    "srv/shop/core.4711": (ELF_CORE, "core dump"),
    "var/tmp/dump.sql": ("x", "left in a temporary folder"),
    "tmp/dump.sql": ("x", "left in a temporary folder"),
    "var/lib/cloud/seed/nocloud/user-data": ("x", "seed of cloud-init"),
    "var/lib/systemd/credential.secret": ("x", "key or credential of systemd"),
    "etc/shadow": ("root:*:1:\ndeploy:$y$j9T$x:1:\n", "password hashes"),
    "etc/ssl/private/site.pem": (PRIVATE, "private key"),
    "srv/shop/app/lib/test/key.pem": (PRIVATE, "private key"),
    "opt/x/in.json": (json.dumps({"key": PRIVATE}), "private key"),
    "etc/wireguard/wg0.conf": (f"[Interface]\nPrivateKey = {'a' * 43}=\n", "private key"),
    "usr/local/bin/backup": (f"#!/bin/sh\nexport AWS_ACCESS_KEY_ID={AWS}\n", "key of AWS"),
    "etc/backup.ini": (f"aws_secret_access_key = {'aB3/' * 10}\n", "secret key of AWS"),
    "srv/shop/app/notes.txt": (f"token {TOKEN}\n", "token of GitHub"),
    "etc/pip.conf": ("[global]\nindex-url = https://u:pw@pypi.example.com/simple\n", "URL with a password"),
    "old.swap": (bytes(4086) + b"SWAPSPACE2", "swap space"),
}
HARMLESS: dict[str, str | bytes] = {
    "srv/shop/app/other/.git/config": "[remote]\n\turl = https://git.example.com/a.git\n\turl = git@git.example.com:a\n",
    "srv/shop/venv/lib/python3.11/site-packages/x.py": 'HEAD = b"-----BEGIN PRIVATE '
    + 'KEY-----"\nKEY = "AKIA'
    + 'IOSFODNN7EXAMPLE"\n',
    "home/bob/.docker/config.json.bak": "{}",
    "home/bob/.my.cnf.empty/.my.cnf": "",
    "root/.npmrc.d/.npmrc": "fund=false\n",
    "etc/shadow-": "root:*:1:\nbin:!:1:\n",
    "etc/ssh/ca.pub": "ssh-ed25519 AAAA x\n",
    "etc/pip.conf.d/pip.conf": "index-url = https://${USER}:${PASSWORD}@pypi.example.com/simple\n",
    "usr/share/x/key.pem": PRIVATE,
    "opt/python3.12/lib/python3.12/test/certdata/keycert.pem": PRIVATE,
    "usr/local/lib/python3.13t/test/certdata/keycert.pem": PRIVATE,
    "proc/x": PRIVATE,
}


def plant(root: Path, files: dict[str, Any]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return root


def scan(root: Path, *options: str, **request: Any) -> dict[str, Any]:
    command = [sys.executable, "-I", str(PROGRAM), "--root", str(root), *options]
    done = subprocess.run(command, input=json.dumps(request) + "\n", capture_output=True, text=True, check=True)
    assert not any(secret in done.stdout for secret in (AWS, TOKEN, "b3BlbnNzaC1r", "glpat_")), "it tells the secret itself"
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.fixture
def root(tmp_path: Path) -> Path:
    plant(tmp_path, {name: text for name, (text, _) in SECRETS.items()})
    return plant(tmp_path, HARMLESS)


def test_every_usual_place_and_every_known_form_is_found_and_nothing_harmless(root: Path) -> None:
    found = {Path(one["path"]).relative_to(root).as_posix(): one["kind"] for one in scan(root)["found"]}
    assert found == {name: kind for name, (_, kind) in SECRETS.items()}


def test_links_are_not_followed_and_a_pipe_is_not_waited_for(root: Path, tmp_path: Path) -> None:
    (root / "srv/link").symlink_to("/")
    (root / "srv/loop").symlink_to(".")
    os.mkfifo(root / "srv/pipe")
    assert len(scan(root)["found"]) == len(SECRETS)


def test_what_will_be_away_or_is_allowed_is_not_told(root: Path) -> None:
    away = [str(root / "home/bob"), str(root / "etc/shadow")]
    found = {
        Path(one["path"]).relative_to(root).as_posix() for one in scan(root, away=away, allow=["/srv", "/etc/*.conf"])["found"]
    }
    hidden = {
        name
        for name in SECRETS
        if name.startswith(("home/bob/", "srv/")) or name in ("etc/shadow", "etc/pip.conf", "etc/wireguard/wg0.conf")
    }
    assert found == set(SECRETS) - hidden


def test_what_was_not_looked_at_is_told(root: Path) -> None:
    plant(root, {"srv/large.log": b"x" * (1 << 20) + AWS.encode(), "srv/ends.log": b"\n" * ((1 << 20) - 30) + AWS.encode()})
    told = scan(root)
    assert [Path(one["path"]).name for one in told["found"] if one["path"].endswith(".log")] == ["ends.log"]
    assert "the end of 1 files: only the first 1 MiB of each was read" in told["unscanned"]
    assert any("/usr but for /usr/local" in text for text in told["unscanned"])
    told = scan(root, "--seconds", "0")
    assert "names of files: the time was up" in told["unscanned"]


def listed(name: str, text: str) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(text)}\n"


def test_keys_of_the_tests_of_a_package_are_counted_if_its_record_has_them(tmp_path: Path) -> None:
    """All that differs from what everybody gets is told: it may be a secret."""
    site = "srv/tests/venv/lib/python3.12/site-packages"
    known = {"shop/tests/key.pem": PRIVATE, "shop/test/certs/a, b.pem": f"a\n{PRIVATE}", "tests/key.py": f"A = b'''{PRIVATE}'''"}
    record = "".join(listed(f'"{name}"', text) for name, text in known.items())
    told = {
        "shop/tests/changed.pem": PRIVATE,
        "shop/tests/of_nobody.pem": PRIVATE,
        "shop/tests/__pycache__/key.cpython-312.pyc": f"\0{PRIVATE}",
        "shop/testing/key.pem": PRIVATE,
        "shop/key.pem": PRIVATE,
        "shop/tests/token.txt": TOKEN,
        "own/tests/key.pem": PRIVATE,
        "lost/tests/key.pem": PRIVATE,
    }
    record += listed("shop/tests/changed.pem", PRIVATE + "x") + "shop/tests/__pycache__/key.cpython-312.pyc,,\n"
    record += "".join(listed(name, told[name]) for name in ("shop/testing/key.pem", "shop/key.pem", "shop/tests/token.txt"))
    infos = {
        "shop-1.dist-info/RECORD": record,
        "own-1.dist-info/RECORD": listed("own/tests/key.pem", PRIVATE),
        "own-1.dist-info/direct_url.json": '{"url": "file:///srv/own", "dir_info": {}}',
    }
    plant(tmp_path, {f"{site}/{name}": text for name, text in {**known, **told, **infos}.items()})
    (tmp_path / site / "lost-1.dist-info").mkdir()
    os.mkfifo(tmp_path / site / "lost-1.dist-info/RECORD")
    answer = scan(tmp_path)
    assert {Path(one["path"]).relative_to(tmp_path / site).as_posix() for one in answer["found"]} == set(told)
    assert any(text.startswith("3 private keys in the tests of installed Python packages") for text in answer["unscanned"])


def test_no_more_findings_are_listed_than_somebody_reads(root: Path) -> None:
    plant(root, {f"srv/keys/{number}": PRIVATE for number in range(300)})
    told = scan(root)
    assert len(told["found"]) == 200 and f"{100 + len(SECRETS)} findings more" in told["unscanned"]


def test_ramped_image_tells_what_the_image_holds_and_refuses_it_by_setting(disk: Disk) -> None:
    disk.file("srv/shop/app/.git/config", str(SECRETS["srv/shop/app/.git/config"][0]))
    disk.file("etc/ssl/private/snakeoil.key", PRIVATE)
    expected = [
        {"path": f"{disk.root}/etc/ssl/private/snakeoil.key", "kind": "private key"},
        {"path": f"{disk.root}/srv/shop/app/.git/config", "kind": "git remote with a password"},
    ]
    with disk.held() as (_, told):
        assert told["found"] == expected, "what is put aside is not in the image"
    disk.file("etc/ramped/image.conf", "refuse = yes\nallow = /etc/ssl/private\n")
    err = disk.refuses(f"{disk.root}/srv/shop/app/.git/config: the image would hold it: git remote with a password")
    assert "snakeoil" not in err and TOKEN not in err
    disk.file("etc/ramped/image.conf", "refuse = yes\nallow = /etc/ssl/private\nallow = /srv/*/.git/config\n")
    with disk.held() as (_, told):
        assert told["found"] == []
