"""Rollouts of a group without a target group: real workers on hosts with SSH and units; no task is lost."""

import http.server
import threading
from collections.abc import Iterator

import pytest

from tasks.decisions.rollout.snapshot import FleetInstance
from tasks.errors import Refused, RolledBack
from tasks.fleet.target import REFRESH
from tasks.fleet.workers import Workers
from tasks.operations.rollout import roll_out
from tests.worlds.jobs_world import GROUP, Jobs, jobs_in
from tests.worlds.shop_world import credentials


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    with jobs_in(tmp_path_factory) as built:
        yield built


def test_without_units_and_with_the_other_engine_it_is_refused(jobs: Jobs) -> None:
    run = jobs.run()
    with pytest.raises(Refused, match=r"attached to no target group, .* name their units in workers\.services"):
        roll_out(run.with_(workers={"services": ()}), {})
    with pytest.raises(Refused, match="terminates workers without letting them finish"):
        jobs.roll(engine=REFRESH)


def test_a_revision_that_is_not_the_versions_goes_back(jobs: Jobs) -> None:
    wrong = jobs.version(jobs.world.v2, jobs.images[0])
    with jobs.coming(), pytest.raises(RolledBack, match=f"reports revision {jobs.world.v1[:12]}"):
        jobs.roll(to=wrong)
    assert jobs.versions() == ["1", "1"], jobs.world.printed
    jobs.assert_none_is_lost()


def test_what_was_told_to_finish_works_again_on_the_way_back(jobs: Jobs) -> None:
    id = jobs.world.cloud.members(GROUP)[0]
    asked = [FleetInstance(id, "a", "InService", "1")]
    with Workers(jobs.run()) as workers:
        assert workers.revisions(asked) == {id: jobs.world.v1}
        jobs.world.cloud.wait(lambda: not workers.finish([id]))
        assert workers.answers(asked) == {id: "units inactive"} and workers.finishing == {id}
        assert workers.revisions(asked) == {}
        workers.back = True
        jobs.world.cloud.wait(lambda: workers.revisions(asked) == {id: jobs.world.v1})
        assert not workers.finishing


def test_a_port_has_to_answer_too_where_the_settings_name_it(jobs: Jobs) -> None:
    id = jobs.world.cloud.members(GROUP)[0]
    (shown,) = jobs.world.cloud.client("ec2").describe_instances(InstanceIds=[id])["Reservations"][0]["Instances"]
    asked = [FleetInstance(id, "a", "InService", "1")]

    class Ready(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802 (the name is the standard library's)
            self.send_response(200 if self.path == "/ready" else 503)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer((shown["PrivateIpAddress"], 0), Ready) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings = {"port": server.server_port, "path": "/ready"}
        with Workers(jobs.run().with_(workers=settings)) as workers:
            assert workers.revisions(asked) == {id: jobs.world.v1}
        with Workers(jobs.run().with_(workers={**settings, "path": "/"})) as workers:
            assert workers.revisions(asked) == {}
            port = server.server_port
            assert workers.answers(asked) == {id: f"units active, / on port {port}: 503 Service Unavailable"}
        server.shutdown()
    with Workers(jobs.run().with_(workers=settings)) as workers:
        assert workers.revisions(asked) == {} and "refused" in workers.answers(asked)[id]


def test_time_to_finish_is_limited(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(Workers, "_stop", lambda self, id: over.wait(60))
    with Workers(jobs.run().with_(workers={"timeout": 1})) as workers:
        assert workers.finish(["i-1"]) == "i-1 finishes its tasks, for 1 s at most"
        jobs.world.cloud.wait(lambda: not workers.finish(["i-1"]))
        over.set()
    assert "i-1 did not finish within 1 s" in jobs.world.printed


def test_every_worker_is_replaced_beside_the_web_instances_and_no_task_is_lost(jobs: Jobs) -> None:
    assert jobs.web_version() == "2"
    with jobs.coming():
        jobs.roll(groups=("web", GROUP))
    assert jobs.versions() == ["2", "2"] and jobs.versions("web") == ["2"], jobs.world.printed
    assert jobs.world.printed.count("smoke boot of version 2") == 1, "none of a worker, which would take tasks"
    assert "finishes its tasks" in jobs.world.printed
    jobs.assert_none_is_lost()
