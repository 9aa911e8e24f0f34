"""The deploy markers, run as hooks run them, against a server that looks at what they send."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "settings_snippets/hooks"
FACTS = {
    "RAMPED_COMMAND": "ship",
    "RAMPED_REVISION": "c0ffee",
    "RAMPED_GROUPS": "web",
    "RAMPED_OPERATOR": "ann@desk",
    "RAMPED_FROM_VERSIONS": "web=3",
    "RAMPED_TO_VERSIONS": "web=4",
}


class Service:
    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.answer, self.status = b"{}", 200
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                service.got.append((self.path, dict(self.headers), body))
                self.send_response(service.status)
                self.send_header("Content-Length", str(len(service.answer)))
                self.end_headers()
                self.wfile.write(service.answer)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.05,))
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def run(name: str, **env: str) -> "subprocess.CompletedProcess[str]":
    whole = {"PATH": os.environ["PATH"], "no_proxy": "127.0.0.1", **FACTS, **env}
    return subprocess.run([sys.executable, FOLDER / name], env=whole, capture_output=True, text=True, check=False)


def sent(service: Service, number: int = 0) -> Any:
    return json.loads(service.got[number][2])


def test_sentry_hears_of_the_release_and_that_it_is_deployed(service: Service) -> None:
    done = run("sentry-release", SENTRY_URL=service.url, SENTRY_AUTH_TOKEN="s3", SENTRY_ORG="o", SENTRY_PROJECT="a b")
    assert done.returncode == 0, done.stderr
    assert [path for path, _, _ in service.got] == [
        "/api/0/organizations/o/releases/",
        "/api/0/organizations/o/releases/c0ffee/deploys/",
    ]
    assert sent(service) == {"version": "c0ffee", "projects": ["a", "b"]} and sent(service, 1) == {"environment": "production"}
    assert service.got[0][1]["Authorization"] == "Bearer s3"


def test_new_relic_gets_a_deployment_and_its_errors_are_failures(service: Service) -> None:
    env = {"NEW_RELIC_URL": f"{service.url}/graphql", "NEW_RELIC_API_KEY": "s3", "NEW_RELIC_ENTITY": "G"}
    assert run("newrelic-marker", **env).returncode == 0
    deployment = sent(service)["variables"]["deployment"]
    assert deployment == {"entityGuid": "G", "version": "c0ffee", "user": "ann@desk", "deploymentType": "ROLLING"}
    service.answer = b'{"errors": [{"message": "no such entity"}]}'
    failed = run("newrelic-marker", **env)
    assert (failed.returncode, failed.stderr) == (1, "new relic: no such entity\n")


def test_datadog_gets_an_event(service: Service) -> None:
    done = run("datadog-event", DD_URL=service.url, DD_API_KEY="s3", DD_SERVICE="shop")
    assert done.returncode == 0, done.stderr
    assert service.got[0][0] == "/api/v1/events" and service.got[0][1]["Dd-Api-Key"] == "s3"
    assert sent(service)["title"] == "ship of web" and "version:c0ffee" in sent(service)["tags"]


def test_cloudwatch_gets_a_data_point(service: Service) -> None:
    env = {"AWS_ENDPOINT_URL": service.url, "AWS_DEFAULT_REGION": "eu-central-1", "AWS_EC2_METADATA_DISABLED": "true"}
    done = run("cloudwatch-marker", **env, AWS_ACCESS_KEY_ID="rehearsal", AWS_SECRET_ACCESS_KEY="rehearsal")
    assert done.returncode == 0, done.stderr
    (path, headers, _), *_ = service.got
    assert "PutMetricData" in headers.get("X-Amz-Target", "") + path


@pytest.mark.parametrize(
    ("name", "missing"),
    [("sentry-release", "SENTRY_ORG"), ("newrelic-marker", "NEW_RELIC_ENTITY"), ("datadog-event", "DD_API_KEY")],
)
def test_what_is_missing_is_named(name: str, missing: str) -> None:
    given = {"SENTRY_AUTH_TOKEN": "s", "SENTRY_PROJECT": "p"}
    done = run(name, **given)
    assert done.returncode == 1 and f"{missing} is not set" in done.stderr and "Traceback" not in done.stderr


def test_a_service_that_refuses_is_a_failure_in_one_line(service: Service) -> None:
    service.status = 401
    done = run("datadog-event", DD_URL=service.url, DD_API_KEY="s3")
    assert done.returncode == 1 and "datadog: Unauthorized" in done.stderr and "Traceback" not in done.stderr
