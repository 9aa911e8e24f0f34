"""Tasks for real celery workers, over the real broker: what is counted, and that a lost task is."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal.addresses import Octet
from rehearsal.jobs import broker
from rehearsal.jobs.tasks import Count, Tasks
from rehearsal.site import repository
from tests.rehearsal.hosts.support import until

celery = pytest.mark.skipif(bool(broker.missing()), reason=broker.missing() or "celery is here")


@pytest.fixture(params=["server", "files"])
def urls(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    if request.param == "files":
        monkeypatch.setattr(broker, "SERVER", "not-here")
    elif shutil.which(broker.SERVER) is None:
        pytest.skip("no Redis here: apt-get install redis-server")
    with Octet() as octet, broker.serving(tmp_path / "broker", f"127.{octet.number}.0.5") as urls:
        yield dict(urls)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Check out the first release of the shop."""
    folder = tmp_path_factory.mktemp("site")
    repository.build(folder)
    subprocess.run(["git", "clone", "--quiet", str(repository.origin_of(folder)), str(folder / "app")], check=True)
    return folder / "app"


def worker(site: Path, folder: Path, urls: dict[str, str]) -> "subprocess.Popen[bytes]":
    """Start a worker of the shop, as its unit does."""
    command = [sys.executable, "-m", "celery", "--app", "config.jobs", "worker", "--concurrency", "1", "--without-mingle"]
    variables = {"SHOP_BROKER": urls["broker"], "SHOP_TASK_RESULTS": urls["results"], "SHOP_BROKER_MESSAGES": urls["messages"]}
    with (folder / "worker.log").open("wb") as log:
        return subprocess.Popen(command, cwd=site, env=os.environ | variables, stdout=log, stderr=log)


@pytest.mark.long
@celery
def test_a_worker_that_is_asked_to_stop_loses_none_and_one_that_is_killed_does(
    site: Path, tmp_path: Path, urls: dict[str, str]
) -> None:
    tasks = Tasks(urls, (0.2, 1.0))
    first = worker(site, tmp_path, urls)
    with tasks.coming():
        until(lambda: tasks.done)
        first.send_signal(signal.SIGTERM)
        assert first.wait(60) == 0
    second = worker(site, tmp_path, urls)
    try:
        assert not tasks.count(20).lost
        with tasks.coming():
            until(lambda: "STARTED" in tasks.count(0).states)
            second.kill()
            second.wait()
        lost = tasks.count(1).lost
        assert "begun and never finished" in lost, lost
    finally:
        second.kill()
        second.wait()


@celery
def test_a_broker_that_takes_no_tasks_is_no_success(tmp_path: Path) -> None:
    tasks = Tasks({"broker": "redis://127.0.0.1:1/0", "results": f"file://{tmp_path}", "messages": ""})
    with tasks.coming():
        until(lambda: tasks.count(0).unsent)
    assert tasks.count(0).lost.startswith("the broker takes no more tasks: ")


def test_every_task_without_success_is_lost() -> None:
    assert Count({"SUCCESS": 7}, {"a": 7}).lost == ""
    found = Count({"SUCCESS": 7, "PENDING": 2, "STARTED": 1}, {"a": 7}).lost
    assert found == "3 of 10 tasks were lost: 2 never begun, 1 begun and never finished"
