"""The rehearsal as a user runs it: `inv rehearse` as a process, whole, without a part, interrupted, and killed."""

import errno
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rehearsal import __main__ as rehearsal_main
from rehearsal import sandbox
from rehearsal.jobs import broker
from tests.operations.rehearsing import ROOT, rehearse, temporary, told, unfinished, until

__all__ = ["temporary"]  # fixtures


@pytest.mark.long  # beside that of tests/packaging/test_installed.py
def test_a_release_replaces_the_other_and_no_request_fails(temporary: Path) -> None:
    # What would lead to a real account in other hands changes nothing.
    code, out = told(
        rehearse(AWS_PROFILE="production", AWS_IGNORE_CONFIGURED_ENDPOINT_URLS="true", AWS_ENDPOINT_URL_EC2="http://10.0.0.1")
    )
    assert code == 0, out
    total = re.search(r"0 of (\d+) requests failed; version 2 replaced version 1", out)
    assert total and int(total[1]) > 500, out
    assert unfinished(out) == [], out
    before, after = out.split("The fleet before")[1].split("The fleet after")
    assert before.count("InService  healthy  2 ") == 3 and "desired 3 (min 3, max 3)" in before
    assert after.count("InService  healthy  3 ") == 3 and "desired 3 (min 3, max 3)" in after
    assert "suspended" not in after and "rollout" not in after.split("API calls")[0]
    assert re.search(r"autoscaling:TerminateInstanceInAutoScalingGroup +3 +0", out)
    assert re.search(r"page +200 +v1 +\d+", out) and re.search(r"page +200 +v2 +\d+", out)
    assert "Traceback" not in out and "socket.send()" not in out, out


@pytest.mark.long
def test_without_restart_all_the_cdn_remembers_a_404_until_it_is_invalidated(temporary: Path) -> None:
    code, out = told(rehearse("--instances", "2", "--skip", "restart-all"))
    assert code == 1, out
    mended = out.split("Act 4")[1]
    assert re.search(r"the CDN answers 404 \(X-Cache: Error from cloudfront", mended), out
    assert "Completed" in mended
    again = mended.split("Completed")[-1]
    assert re.search(r"the CDN answers 200 ", again) and "the CDN answers 404" not in again, out
    assert re.search(r"^FAILED after .*requests failed", out, re.M)
    assert re.search(r"\d+ +10 rollout +file +status 404, named by a page of v2", out), out


@pytest.mark.long
def test_with_the_static_middleware_no_old_instance_is_restarted(temporary: Path) -> None:
    code, out = told(rehearse("--instances", "2", "--static-middleware"))
    assert code == 0, out
    refreshed = out.split("-> restart-all")[1].split("ok restart-all")[0]
    assert refreshed.count("nothing: it finds new files by itself") == 2 and "reload" not in refreshed, out
    assert not re.search(r"file +404", out), out


@pytest.mark.long
@pytest.mark.skipif(bool(broker.missing()), reason=broker.missing() or "celery is here")
def test_real_workers_lose_no_task(temporary: Path) -> None:
    code, out = told(rehearse("--instances", "1", "--group", "workers"))
    assert code == 0, out
    total = re.search(r"^Tasks: (\d+)$", out, re.M)
    assert total and int(total[1]) > 20 and re.search(rf"SUCCESS +{total[1]}$", out, re.M), out
    assert "finishes its tasks" in out and re.search(r"^  v2 +\d+$", out, re.M), out


@pytest.mark.parametrize(
    "blow",
    [pytest.param(signal.SIGINT, marks=pytest.mark.long), pytest.param(signal.SIGTERM, marks=pytest.mark.long), signal.SIGKILL],
)
def test_nothing_is_left_when_it_is_stopped(temporary: Path, blow: signal.Signals) -> None:
    process = rehearse()
    until(process, "-> collectstatic")
    if blow == signal.SIGINT:
        os.killpg(process.pid, blow)  # as a terminal does
    else:
        process.send_signal(blow)
    code, out = told(process)
    assert code == (-9 if blow == signal.SIGKILL else 1)
    assert "Traceback" not in out


def test_what_stops_it_is_answered_at_once(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyboardInterrupt):
        rehearsal_main._interrupt(signal.SIGINT, None)
    assert capfd.readouterr().err == "\nrehearsal: stopping, and removing what it made\n"

    def hung_up(*_: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "write", hung_up)
    with pytest.raises(KeyboardInterrupt):
        rehearsal_main._interrupt(signal.SIGHUP, None)


@pytest.mark.long
def test_kept_it_can_be_used_as_it_says(temporary: Path) -> None:
    process = rehearse("--instances", "1", "--keep")
    out = until(process, "Ctrl-C ends it")
    folder = re.search(r"cd (\S+)", out)
    exported = dict(re.findall(r"(AWS_\w+)=(\S+)", out))
    assert folder, out
    environment = {name: os.environ[name] for name in ("PATH", "HOME")} | exported
    status = subprocess.run(
        [*sandbox.command("inv"), "status"], cwd=folder[1], env=environment, capture_output=True, text=True, check=False
    )
    assert status.returncode == 0 and "InService" in status.stdout, status
    sdk = "import boto3; print(boto3.client('autoscaling').describe_auto_scaling_groups()['AutoScalingGroups'][0]['MaxSize'])"
    asked = subprocess.run([sys.executable, "-c", sdk], env=environment, capture_output=True, text=True, check=True)
    assert asked.stdout.strip() == "1"
    page = re.search(r"(http://\S+)\s+in a browser", out)
    assert page
    curl = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode())"
    shown = subprocess.run([sys.executable, "-c", curl, page[1]], env=environment, capture_output=True, text=True, check=True)
    assert '<meta name="release" content="v2">' in shown.stdout
    process.send_signal(signal.SIGINT)
    assert told(process)[0] == 1


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (["--instances", "0"], "argument --instances: found 0; allowed: 1 to 40"),
        (["--skip", "deploy"], "argument --skip: invalid choice: 'deploy'"),
    ],
)
def test_wrong_usage_is_one_line(temporary: Path, arguments: list[str], expected: str) -> None:
    code, out = told(rehearse(*arguments))
    assert code == 2 and expected in out


def test_dry_only_says_what_it_would_do(temporary: Path) -> None:
    done = subprocess.run([*sandbox.command("inv"), "--dry", "rehearse"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "would build a stand-in cloud" in done.stdout


@pytest.mark.parametrize(
    "variable, value, expected",
    [
        ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true", "would go to https://"),
        ("AWS_ENDPOINT_URL_EC2", "http://127.9.9.9:1", "calls to ec2 would go to http://127.9.9.9:1"),
        ("AWS_ACCESS_KEY_ID", "AKIASOMEBODYELSE0000", "would be made with the key AKIASOMEBODYELSE0000"),
    ],
)
def test_an_environment_that_leads_elsewhere_is_refused(tmp_path: Path, variable: str, value: str, expected: str) -> None:
    endpoint = "http://127.77.0.2:8000"
    key = sandbox.access_key()
    environment = sandbox.own(os.environ, tmp_path, endpoint, key)
    sandbox.require_own(environment, endpoint, key)
    with pytest.raises(sandbox.Refusal, match=re.escape(expected)):
        sandbox.require_own(environment | {variable: value}, endpoint, key)


def test_an_endpoint_outside_of_this_machine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(sandbox.Refusal, match="never leaves this machine"):
        sandbox.require_own({}, "https://ec2.eu-central-1.amazonaws.com", "AKIA")
