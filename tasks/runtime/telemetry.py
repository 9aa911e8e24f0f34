"""Spans of OpenTelemetry: a run and its steps as a trace; the SDK reads OTEL_EXPORTER_OTLP_ENDPOINT and its other variables."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from typing import Any

from ..decisions.reporting.events import Event
from ..decisions.reporting.outcomes import is_well
from ..errors import SettingsError

_PATIENCE = 5.0  # seconds for an export, and for the last one
_NANO = 1_000_000_000


class Spans:
    """Turn events into spans, which the SDK exports in a thread of its own, from a bounded queue.

    `exporter`: of the SDK; `warn` shows a warning; `environment`: TRACEPARENT names the trace of CI that this run belongs to.
    """

    def __init__(self, exporter: Any, warn: Callable[[str], None], environment: Mapping[str, str]) -> None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._warn = warn
        self._exporter = exporter
        name = environment.get("OTEL_SERVICE_NAME", "ramped")
        # Not at exit: the process must not wait there for a service that does not answer.
        self._provider = TracerProvider(resource=Resource.create({"service.name": name}), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter, export_timeout_millis=1000 * _PATIENCE))
        self._tracer = self._provider.get_tracer("ramped")
        carrier = {key.lower(): value for key, value in environment.items() if key in ("TRACEPARENT", "TRACESTATE")}
        self._parent = TraceContextTextMapPropagator().extract(carrier)
        self._open: list[tuple[str, Any]] = []  # the run, and its steps that have not ended

    def take(self, event: Event) -> None:
        """Begin or end a span, or add to the innermost one."""
        if event.event == "run-began":
            self._begin(event.command, event)
        elif event.event == "step-began":
            self._begin(str(event.step), event)
        elif event.event in ("step-ended", "run-ended"):
            self._end(event)
        elif self._open and event.event in ("action", "warning"):
            about = {"ramped.text": event.text or "", "ramped.group": event.group or ""}
            self._open[-1][1].add_event(event.event, about, timestamp=_nanoseconds(event))

    def close(self) -> None:
        """Export what is left; say what could not be."""
        thread = threading.Thread(target=self._provider.shutdown, name="telemetry", daemon=True)
        thread.start()
        thread.join(_PATIENCE)
        if thread.is_alive() or getattr(self._exporter, "failed", False):
            self._warn("telemetry: not all spans could be sent; see OTEL_EXPORTER_OTLP_ENDPOINT")

    def _begin(self, name: str, event: Event) -> None:
        from opentelemetry.trace import set_span_in_context

        context = set_span_in_context(self._open[-1][1]) if self._open else self._parent
        self._open.append((name, self._tracer.start_span(name, context=context, start_time=_nanoseconds(event))))

    def _end(self, event: Event) -> None:
        from opentelemetry.trace import Status, StatusCode

        name = event.command if event.event == "run-ended" else event.step
        found = next((one for one in reversed(self._open) if one[0] == name), None)
        if found is None:
            return
        self._open.remove(found)
        span = found[1]
        span.set_attributes({f"ramped.{fact}": text for fact, text in event.facts.items()})
        span.set_attributes({"ramped.outcome": str(event.outcome), "ramped.run": event.run, "ramped.by": event.by})
        good = event.outcome is not None and is_well(event.outcome)
        span.set_status(Status(StatusCode.OK) if good else Status(StatusCode.ERROR, event.text or str(event.outcome)))
        span.end(end_time=_nanoseconds(event))


def _nanoseconds(event: Event) -> int:
    return int(event.at * _NANO)


def spans_of_environment(warn: Callable[[str], None]) -> Spans:
    """Return the spans, exported by OTLP over HTTP. Raises SettingsError where the libraries are missing."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import SpanExportResult
    except ImportError as error:
        raise SettingsError(
            f"telemetry.spans: found true, but {error.name} is not installed; allowed: false, or: pip install 'ramped[telemetry]'"
        ) from error

    class Exporter(OTLPSpanExporter):  # type: ignore[misc, unused-ignore]
        """An exporter that remembers a failure."""

        failed = False

        def export(self, spans: Any) -> Any:
            """Export spans."""
            result = super().export(spans)
            self.failed = self.failed or result is not SpanExportResult.SUCCESS
            return result

    # The SDK's own messages would break the live line; the end of the run says what could not be sent.
    logging.getLogger("opentelemetry").addHandler(logging.NullHandler())
    return Spans(Exporter(timeout=int(_PATIENCE)), warn, os.environ)
