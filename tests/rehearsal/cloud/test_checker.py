"""The health checks of the stand-in: over TCP a connection, over HTTPS an answer, whatever the certificate."""

import http.server
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal.cloud.checker import Checker, Outcome, Probe
from tests.rehearsal.hosts.support import until


@pytest.fixture
def checker() -> Iterator[Checker]:
    checker = Checker()
    yield checker
    checker.close()


def outcome(checker: Checker, port: int, protocol: str) -> Outcome:
    checker.submit("key", Probe("127.0.0.1", port, "/", 5.0, protocol))
    (found,) = until(checker.outcomes)  # type: ignore[misc]
    return found


def test_a_connection_is_enough_over_tcp(checker: Checker) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        assert outcome(checker, port, "TCP") == Outcome("key", 200)
    assert outcome(checker, port, "TCP") == Outcome("key", None, "refused")


def test_over_https_any_certificate_will_do_and_the_status_counts(checker: Checker, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(["openssl", *made], check=True, capture_output=True)

    class Unavailable(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802 (the name is the standard library's)
            self.send_error(503)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Unavailable) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        assert outcome(checker, server.server_port, "HTTPS").status == 503
        server.shutdown()
        thread.join()
