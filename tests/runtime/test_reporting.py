"""Events and notices of whole commands: files, standard output, and a web server as the service."""

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from invoke import Config, Context

from tasks.errors import DeployError, Paused, Refused, Resumable, SettingsError
from tasks.runtime.command import BEFORE_EACH, command
from tasks.runtime.recording import Recording
from tasks.runtime.run import Run, as_typed
from tests.worlds.operator_folder import SETTINGS


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Without AWS there is no maintenance page to mention."""
    kept = list(BEFORE_EACH)
    BEFORE_EACH[:] = []
    monkeypatch.delenv("RAMPED_WEBHOOKS", raising=False)
    yield
    BEFORE_EACH[:] = kept


def settle() -> None:
    """Wait for the threads: none may outlive a test, whose output is closed then."""
    for thread in threading.enumerate():
        if thread.name == "outbox":
            thread.join(60)


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    (tmp_path / "fabric.yaml").write_text(SETTINGS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["/usr/bin/fab", "ship"])
    return Context(Config())


class Service:
    """A service that keeps what it is sent; `status` and `delay` are its answer."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, Any]]] = []
        self.status, self.hold = 200, threading.Event()
        self.hold.set()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                service.hold.wait(60)
                body = self.rfile.read(int(self.headers["Content-Length"]))
                service.got.append((self.path, json.loads(body)))
                self.send_response(service.status)
                if service.status == 302:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/hooks/SECRET-PATH"

    def close(self) -> None:
        self.hold.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    made = Service()
    monkeypatch.setenv("RAMPED_WEBHOOKS", f"slack {made.url}")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield made
    made.close()


def task(error: BaseException | None = None, changed: bool = False) -> Any:
    @command(changes=True)
    def ship(run: Run) -> None:
        """Ship."""
        run.journal.note(revision="c0ffee" * 6)
        with run.step("template version"):
            run.out.warn("password=hunter22 is weak")
            if changed:
                run.changes.note()
            if error:
                raise error

    return ship


def read(path: str | Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def test_events_go_to_a_file_in_order_and_a_second_run_appends(context: Context) -> None:
    task()(context, events="log")
    task()(context, events="log")
    found = read("log")
    assert [one["event"] for one in found] == ["run-began", "step-began", "warning", "step-ended", "run-ended"] * 2
    assert len({one["run"] for one in found}) == 2
    assert found[0]["facts"] == {"groups": "web"} and found[1]["facts"]["revision"] == "c0ffee" * 6
    assert found[3] | {"at": "", "seconds": 0} == found[1] | {"event": "step-ended", "at": "", "outcome": "ok", "seconds": 0}
    assert (found[4]["outcome"], found[4]["code"], found[4]["line"]) == ("ok", 0, "fab ship")
    assert "hunter22" not in Path("log").read_text()


def test_events_on_standard_output_have_it_for_themselves(context: Context, capsys: pytest.CaptureFixture[str]) -> None:
    task()(context, events="-")
    told = capsys.readouterr()
    assert [json.loads(line)["event"] for line in told.out.splitlines()][::4] == ["run-began", "run-ended"]
    assert "-> template version" in told.err


def test_a_file_that_cannot_be_written_stops_before_anything(context: Context) -> None:
    with pytest.raises(SettingsError, match="--events: no/log: No such file or directory; allowed"):
        task(DeployError("the body ran"))(context, events="no/log")


def test_a_disk_that_is_full_ends_the_events_not_the_run(context: Context, capsys: pytest.CaptureFixture[str]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    task()(context, events="/dev/full")
    assert "--events: /dev/full: No space left on device: no more events are written" in capsys.readouterr().err


def test_a_reader_that_stands_still_does_not_hold_the_run_up(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.runtime.event_file._PATIENCE", 0.2)
    os.mkfifo("pipe")
    reader = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:

        @command(changes=True)
        def ship(run: Run) -> None:
            """Ship."""
            for _ in range(3000):
                run.out.warn("x" * 400)

        began = time.monotonic()
        ship(context, events="pipe")
        assert time.monotonic() - began < 30
    finally:
        os.close(reader)
        settle()


@pytest.mark.parametrize(
    ("error", "changed", "outcome", "code"),
    [
        (None, True, "ok", 0),
        (Refused("no"), False, "refused", 1),
        (DeployError("no"), True, "failed", 1),
        (KeyboardInterrupt(), False, "interrupted", 1),
        (KeyboardInterrupt(), True, "interrupted", 3),
        (ConnectionResetError(104, "gone"), True, "half-way", 3),
        (Resumable("stops", "fab ship"), True, "half-way", 3),
        (Paused("look at it", "fab ship --yes"), True, "paused", 3),
        (ZeroDivisionError(), True, "bug", 1),
    ],
)
def test_every_end_is_reported_with_its_code(
    context: Context, service: Service, error: BaseException | None, changed: bool, outcome: str, code: int
) -> None:
    if error is None:
        task(error, changed)(context, events="log")
    else:
        with pytest.raises((DeployError, ZeroDivisionError)):
            task(error, changed)(context, events="log")
    step, end = (event for event in read("log") if event["event"].endswith("-ended"))
    assert (end["outcome"], end["code"]) == (outcome, code)
    # What the guard alone explains, a step calls failed.
    assert step["outcome"] == ("failed" if isinstance(error, ConnectionResetError | ZeroDivisionError) else outcome)
    assert [path for path, _ in service.got] == ["/hooks/SECRET-PATH"] * 2
    texts = [sent["text"] for _, sent in service.got]
    assert texts[0].startswith("ship of web begins, by ") and texts[1].startswith("ship of web ")


def test_the_address_is_shown_nowhere_and_a_refusal_only_warns(
    context: Context, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.status = 403
    Path("hooks").write_text(f"{service.url}\n")
    Path("fabric.yaml").write_text(SETTINGS + "notices: {webhooks: hooks}\n")
    task()(context, events="log")
    told = capsys.readouterr()
    assert read("log")[-1]["event"] == "run-ended"  # also where a service refuses the news of it
    assert "warning: notices: webhook 1 (127.0.0.1): it answered 403" in told.err
    assert "SECRET-PATH" not in told.out + told.err + Path("log").read_text()
    assert service.got[0][1]["event"] == "run-began"  # JSON, as the host is not Slack's


def test_a_redirect_is_not_followed(context: Context, service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    service.status = 302
    task()(context)
    assert {path for path, _ in service.got} == {"/hooks/SECRET-PATH"}
    assert "it answered 302" in capsys.readouterr().err


def test_a_service_that_does_not_answer_slows_nothing_but_the_end(
    context: Context, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.hold.clear()
    Path("fabric.yaml").write_text(SETTINGS + "notices: {timeout: 60}\n")

    @command(changes=True)
    def ship(run: Run) -> None:
        """Ship."""
        for _ in range(20):
            with run.step("git"):
                pass
        service.hold.set()  # a step that waited for an answer would have ended with this warning

    ship(context)
    settle()
    assert "no answer within" not in capsys.readouterr().err


def test_a_service_that_does_not_answer_keeps_no_notice_from_the_others(
    context: Context, service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        addresses = (f"http://127.0.0.1:{port}/x", f"https://127.0.0.1:{service.server.server_port}/x", service.url)
        monkeypatch.setenv("RAMPED_WEBHOOKS", "\n".join(addresses))
        Path("fabric.yaml").write_text(SETTINGS + "notices: {timeout: 1}\n")
        task()(context)
        assert [sent["event"] for _, sent in service.got] == ["run-began", "run-ended"]
        settle()
    printed = capsys.readouterr().err
    assert "notices: webhook 1 (127.0.0.1): no answer within 1 s" in printed
    assert "notices: webhook 2 (127.0.0.1): TLS: wrong version number" in printed and "webhook 3" not in printed


def test_nobody_there_is_a_warning(context: Context, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("RAMPED_WEBHOOKS", "http://127.0.0.1:9/SECRET-PATH")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    task()(context)
    told = capsys.readouterr().err
    assert "notices: webhook 1 (127.0.0.1): Connection refused" in told and "SECRET" not in told


def test_a_dry_run_and_a_command_that_changes_nothing_tell_nobody(context: Context, service: Service) -> None:
    context.config.run.dry = True
    task()(context, events="log")
    assert read("log")[0]["facts"]["dry"] == "yes"
    context.config.run.dry = False

    @command
    def status(run: Run) -> None:
        """Show."""

    status(context)
    assert service.got == []


def test_a_wrong_address_is_a_wrong_setting(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAMPED_WEBHOOKS", "SECRET")
    with pytest.raises(SettingsError, match="^RAMPED_WEBHOOKS: line 1") as caught:
        task()(context)
    assert "SECRET" not in str(caught.value)


def test_a_pipe_that_nobody_reads_is_refused_and_not_waited_for(context: Context) -> None:
    os.mkfifo("nobody")
    with pytest.raises(SettingsError, match="--events: nobody: No such device or address; allowed"):
        task()(context, events="nobody")


@pytest.mark.parametrize("path", ["", ".", "/", ".."])
def test_a_report_needs_the_name_of_a_file(context: Context, path: str) -> None:
    warn: list[str] = []
    with pytest.raises(SettingsError, match="--report: .* is no name of a file"):
        Recording(path, ("fab ship", "ann"), lambda: 0.0, {}, warn.append)
    assert not list(Path.cwd().glob("*.new"))


def test_a_report_is_not_written_through_a_link_that_somebody_has_laid(context: Context) -> None:
    Path("victim").write_text("as before")
    for name in ("report.html", "report.html.new"):
        Path(name).symlink_to("victim")
    Recording("report.html", ("fab ship", "ann"), lambda: 0.0, {}, [].append)
    assert Path("victim").read_text() == "as before" and not Path("report.html").is_symlink()


def test_bytes_that_are_no_utf_8_do_not_end_the_events() -> None:
    assert as_typed(["fab", "run", "caf\udce9"], {}).encode()
