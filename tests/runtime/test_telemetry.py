"""Spans: the tree of a run with the SDK's own exporter in memory; the real one against a server and against nobody."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="pip install 'ramped[telemetry]'")
pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="pip install 'ramped[telemetry]'")

from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from tasks.decisions.reporting.events import Event, Kind
from tasks.runtime.telemetry import Spans, spans_of_environment

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def event(kind: Kind, at: float, **more: Any) -> Event:
    return Event(kind, at, "r1", "ship", "fab ship", "ann@desk", {"groups": "web", "revision": "c0ffee"}, **more)


def a_run(spans: Spans) -> None:
    spans.take(event("run-began", 10.0))
    spans.take(event("step-began", 11.0, step="git", number="3"))
    spans.take(event("step-ended", 12.0, step="git", number="3", outcome="ok", seconds=1.0))
    spans.take(event("step-began", 12.0, step="rollout", number="10"))
    spans.take(event("action", 13.0, group="web", text="terminate i-1"))
    spans.take(event("step-ended", 14.5, step="rollout", number="10", outcome="failed", seconds=2.5))
    spans.take(event("run-ended", 15.0, outcome="rolled-back", code=1, text="web: bad", seconds=5.0))


def test_a_run_is_a_trace_of_its_steps_below_that_of_ci() -> None:
    exporter = InMemorySpanExporter()
    spans = Spans(exporter, lambda text: pytest.fail(text), {"TRACEPARENT": f"00-{TRACE}-{PARENT}-01"})
    a_run(spans)
    spans.close()
    git, rollout, ship = exporter.get_finished_spans()
    assert [span.name for span in (git, rollout, ship)] == ["git", "rollout", "ship"]
    assert f"{ship.parent.span_id:016x}" == PARENT and {f"{span.context.trace_id:032x}" for span in (git, rollout, ship)} == {
        TRACE
    }
    assert git.parent.span_id == rollout.parent.span_id == ship.context.span_id
    assert (rollout.start_time, rollout.end_time) == (12_000_000_000, 14_500_000_000)
    assert [(one.name, one.attributes["ramped.text"]) for one in rollout.events] == [("action", "terminate i-1")]
    assert (git.status.status_code, ship.status.status_code) == (StatusCode.OK, StatusCode.ERROR)
    assert ship.status.description == "web: bad" and ship.attributes["ramped.revision"] == "c0ffee"
    assert ship.resource.attributes["service.name"] == "ramped"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, int]]]:
    got: list[tuple[str, int]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((self.path, len(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield got
    server.shutdown()
    thread.join()
    server.server_close()


def test_spans_reach_a_collector(collector: list[tuple[str, int]]) -> None:
    spans = spans_of_environment(lambda text: pytest.fail(text))
    a_run(spans)
    spans.close()
    assert [path for path, _ in collector] == ["/v1/traces"] and collector[0][1] > 200


def test_a_collector_that_is_not_there_is_a_warning_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr("tasks.runtime.telemetry._PATIENCE", 2.0)
    said: list[str] = []
    spans = spans_of_environment(said.append)
    a_run(spans)
    spans.close()
    assert len(said) == 1 and said[0].startswith("telemetry: not all spans could be sent")
