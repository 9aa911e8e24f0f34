"""`logs`: real journalctl on journals that are written for it, over a real sshd that is two hosts."""

import io
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.aws.instances import Ec2Instance
from tasks.errors import DeployError, HostUnreachable
from tasks.fleet import following
from tasks.hosts.connecting import connect
from tasks.hosts.keys import Trust
from tasks.hosts.pool import Hosts
from tasks.hosts.ssh import Host
from tasks.operations import logs as operation
from tasks.runtime.output import Output
from tasks.runtime.run import Run
from tasks.runtime.waiting import SystemClock
from tasks.settings.model import App, Aws, Image, Management, Restart, RolloutPolicy, Settings, Ssh, Static
from tests.hosts import sshd

WRITER = shutil.which("systemd-journal-remote", path="/lib/systemd:/usr/lib/systemd:" + os.environ["PATH"])
IDS = ("i-1", "i-2")
JOURNALCTL = """#!/bin/sh
# journalctl of the host whose account this is: the journals of both lie on this machine, which has not booted with them.
case "$*" in *forbidden.service*) echo "No journal files were opened due to insufficient permissions." >&2; exit 1 ;; esac
case "$*" in *--follow*) set -- "$@" --merge ;; esac
exec {journalctl} --directory={folder}/$RAMPED_HOST "$@"
"""


def instance(id: str) -> Ec2Instance:
    return Ec2Instance(id=id, state="running", address="127.0.0.1", zone="a", image="", tags={}, launched=0.0)


class Journals:
    """Journals of two hosts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "bin").mkdir()
        program = folder / "bin/journalctl"
        program.write_text(JOURNALCTL.format(journalctl=shutil.which("journalctl"), folder=folder))
        program.chmod(0o755)
        self._number = 0

    def write(self, host: str, at: float, message: str, unit: str = "shop.service") -> None:
        self._number += 1
        (self.folder / host).mkdir(exist_ok=True)
        entry = {
            "__REALTIME_TIMESTAMP": int(at * 1e6),
            "_SYSTEMD_UNIT": unit,
            "SYSLOG_IDENTIFIER": "gunicorn",
            "_PID": 7,
            "MESSAGE": message,
        }
        text = "".join(f"{key}={value}\n" for key, value in entry.items()) + "\n"
        target = self.folder / host / f"{self._number}.journal"
        assert WRITER is not None
        subprocess.run([WRITER, "--output", target, "-"], input=text.encode(), check=True, capture_output=True)


@pytest.fixture(scope="module")
def journals(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journals]:
    if WRITER is None or shutil.which("journalctl") is None or sshd.SSHD is None:
        pytest.skip("no systemd-journal-remote, journalctl or sshd here: apt-get install systemd-journal-remote openssh-server")
    journals = Journals(tmp_path_factory.mktemp("journals"))
    now = time.time()
    journals.write("i-1", now - 60, "GET /a password=hunter2")
    journals.write("i-2", now - 59, "GET /b \x1b[31mred")
    journals.write("i-1", now - 58, "GET /c")
    journals.write("i-1", now - 57, "of another unit", unit="nginx.service")
    journals.write("i-2", now - 7200, "long ago")
    yield journals


@pytest.fixture
def run(journals: Journals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """A run whose two hosts are one sshd, each with an account of its own."""
    path = f"SetEnv PATH={journals.folder}/bin:{os.environ['PATH']}"
    running = sshd.start(tmp_path / "server", more=path)
    ssh = Ssh(user=running.user, key=str(running.client_key), port=running.port)

    def opened(self: Hosts, which: Ec2Instance) -> Host:
        host = connect(which.id, running.address, ssh, Trust((running.host_key,), "a test"))
        before = host.stream
        # A host's own journal: sshd cannot tell from which of two names it was reached.
        monkeypatch.setattr(
            host, "stream", lambda command, take, **more: before(f"export RAMPED_HOST={which.id}; {command}", take, **more)
        )
        return host

    monkeypatch.setattr(Hosts, "_opened", opened)
    monkeypatch.setattr(operation, "chosen", lambda run, on: [instance(id) for id in IDS])
    app = App(directory="app", services=("shop.service",), domain="shop.example", health_path="/", port=80)
    settings = Settings(
        aws=Aws(region="eu-central-1"),
        groups=("web",),
        management=Management(),
        ssh=ssh,
        app=app,
        image=Image(name="shop"),
        rollout=RolloutPolicy(),
        restart=Restart(),
        static=Static(url="/static/"),
    )
    yield Run(settings, Output(io.StringIO(), io.StringIO()), SystemClock(), False, "fab logs")
    running.stop()


def printed(run: Run, **options: object) -> str:
    out = io.StringIO()
    operation.logs(Run(run.settings, Output(out, out), run.clock, False, "fab logs"), **options)  # type: ignore[arg-type]
    return out.getvalue()


def test_the_journals_of_all_hosts_are_one_by_time_without_secrets_and_escape_codes(run: Run) -> None:
    lines = printed(run).splitlines()
    assert [(line[:6], line[line.index("GET") :]) for line in lines] == [
        ("i-1 | ", "GET /a password=***"),
        ("i-2 | ", "GET /b red"),
        ("i-1 | ", "GET /c"),
    ]
    assert all(" gunicorn[7]: " in line for line in lines)


def test_options_choose_entries_and_the_form(run: Run) -> None:
    assert printed(run, grep="/[bc]").count("GET") == 2
    assert printed(run, grep="nothing like that") == "no entries\n"
    assert "long ago" in printed(run, since="3 hours ago")
    assert "of another unit" in printed(run, unit=["nginx.service"])
    found = [json.loads(line) for line in printed(run, json=True).splitlines()]
    assert [(entry["instance"], entry["message"]) for entry in found][0] == ("i-1", "GET /a password=***")
    assert found[0]["unit"] == "shop.service"


def test_what_journalctl_rejects_is_said_for_each_host(run: Run) -> None:
    with pytest.raises(DeployError) as caught:
        printed(run, since="nonsense")
    assert "failed on 2 of 2 instances" in str(caught.value)
    assert "i-2: journalctl exited 1: Failed to parse timestamp: nonsense" in str(caught.value)


def test_a_user_who_may_not_read_the_journal_is_helped(run: Run) -> None:
    with pytest.raises(DeployError, match=r"i-2: journalctl exited 1: No journal .* \(sudo usermod -aG systemd-journal \w+\)"):
        printed(run, unit=["forbidden.service"])


def test_new_entries_are_followed_until_ctrl_c_and_no_journalctl_stays(run: Run, journals: Journals) -> None:
    class Watched(io.StringIO):
        def write(self, text: str) -> int:
            seen.set() if "followed" in text else None
            return super().write(text)

    out, seen, begun = Watched(), threading.Event(), threading.Event()

    def interrupt() -> None:
        begun.wait(60)
        journals.write("i-2", time.time(), "GET /followed")
        seen.wait(60)
        os.kill(os.getpid(), signal.SIGINT)

    # The second host comes while the first is followed; it does not answer yet when it is seen.
    answers = iter([HostUnreachable("i-2: nothing listens")])
    opened = Hosts._opened

    def young(self: Hosts, which: Ec2Instance) -> Host:
        if which.id == "i-2" and (error := next(answers, None)):
            raise error
        return opened(self, which)

    followed = Run(run.settings, Output(out, out), run.clock, False, "fab logs -f")
    read = operation.journal.read

    def noting(line: str) -> object:
        begun.set()
        return read(line)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(operation.journal, "read", noting)
        patch.setattr(operation, "chosen", lambda run, on: [instance("i-1")])
        patch.setattr(operation, "newcomers", lambda run, on: [instance(id) for id in IDS])
        patch.setattr(following, "_LOOK", 0.1)
        patch.setattr(Hosts, "_opened", young)
        thread = threading.Thread(target=interrupt)
        thread.start()
        operation.logs(followed, follow=True)  # ends without an error
        thread.join(60)
    assert next(answers, None) is None and "nothing listens" not in out.getvalue()
    assert "i-2 | " in out.getvalue() and "GET /followed" in out.getvalue() and "no entries" not in out.getvalue()
    end = time.monotonic() + 30
    while (left := _journalctls(journals.folder)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not left


def _journalctls(folder: Path) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"--follow" in words and any(str(folder).encode() in word for word in words):
            found.append(path.parent.name)
    return found
