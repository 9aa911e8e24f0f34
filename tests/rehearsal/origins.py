"""Web servers to stand behind a proxy: each answers as its test wants, and remembers what it was asked."""

import json
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.rehearsal.hosts.support import address

Answer = tuple[int, dict[str, str], bytes]


class Quiet(ThreadingHTTPServer):
    """Say nothing of visitors who leave early: some tests are about them."""

    def handle_error(self, request: object, client_address: object) -> None:
        return


class Origin:
    """A real HTTP/1.1 server with a function for each path; another path answers what was asked, as JSON."""

    def __init__(self, host: str | None = None) -> None:
        self.asked: list[str] = []
        self.paths: dict[str, Callable[[], Answer]] = {}
        origin = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                origin.asked.append(f"{self.command} {self.path}")
                length = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(length)
                seen = {"path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()}, "size": len(body)}
                known = origin.paths.get(self.path.partition("?")[0])
                status, headers, content = known() if known else (200, {}, json.dumps(seen).encode())
                self.send_response(status)
                for key, value in {"Content-Length": str(len(content)), **headers}.items():
                    self.send_header(key, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            do_POST = do_HEAD = do_GET

            def log_message(self, format: str, *args: object) -> None:
                return

        self._server = Quiet((host or address(), 0), Handler)
        self.where: tuple[str, int] = (str(self._server.server_address[0]), self._server.server_address[1])
        self._thread = threading.Thread(target=lambda: self._server.serve_forever(0.02), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Raw:
    """A server that reads a request's head and then says exactly these bytes, or nothing, and closes or waits."""

    def __init__(self, reply: bytes = b"", *, hold: threading.Event | None = None, reset: bool = False) -> None:
        self.connections = 0
        self._reply, self._hold, self._reset = reply, hold, reset
        self._listening = socket.create_server((address(), 0))
        self.where: tuple[str, int] = self._listening.getsockname()
        self._threads: list[threading.Thread] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._talk, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _talk(self, connection: socket.socket) -> None:
        with connection:
            connection.recv(65536)
            connection.sendall(self._reply)
            if self._hold:
                self._hold.wait(60)
            if self._reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    def close(self) -> None:
        if self._hold:
            self._hold.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in [*self._threads, self._thread]:
            thread.join()
