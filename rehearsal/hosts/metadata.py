"""The instance metadata service: version 2 only, answering by the client's address.

Modelled: tokens and their lifetime, instance-id, address, zone, tags (where the instance shows them), user data. Not modelled:
version 1, hop limits, credentials. In place of the last, `/rehearsal/parameters/PATH` answers what the instance's role may read.
Source: EC2 User Guide, "Use the Instance Metadata Service to access instance metadata".
"""

import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

TOKEN = "/latest/api/token"
TTL = "x-aws-ec2-metadata-token-ttl-seconds"
ADDRESS, PORT = "169.254.169.254", 80


@dataclass(frozen=True)
class Described:
    """What an instance may know of itself."""

    id: str
    address: str
    zone: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    shows_tags: bool = False  # InstanceMetadataTags
    user_data: str = ""


FAULTS = ("", "slow", "silent", "error", "absent")
Look = Callable[[str], Described | None]  # by the address that asks
Parameters = Callable[[], Mapping[str, str]]  # of the Parameter Store, by name
_STORE = "/rehearsal/parameters"


class MetadataService:
    """Serve metadata on an address; `change` sets faults.

    Faults: `slow` (answers after `seconds`), `silent` (takes requests, never answers), `error` (503), `absent` (nothing listens).
    """

    def __init__(self, look: Look, address: str = ADDRESS, port: int = PORT, parameters: Parameters = dict) -> None:
        """Be ready to serve. `port` 0 takes any; `parameters`: what every instance's role may read."""
        self._parameters = parameters
        self.fault, self.seconds = "", 0.0
        self.asked: list[str] = []  # paths
        self._look = look
        self._where = (address, port)
        self._tokens: dict[str, tuple[str, float]] = {}
        self._ending = threading.Event()
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """Where it listens, or has listened."""
        return f"http://{self._where[0]}:{self._where[1]}"

    def start(self) -> None:
        """Begin to serve; raises OSError for an address that is taken."""
        self._ending.clear()
        self._server = ThreadingHTTPServer(self._where, type("Handler", (_Handler,), {"service": self}))
        self._server.daemon_threads = True
        self._where = (self._where[0], int(self._server.server_address[1]))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="metadata", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving: connections are refused from then on. Idempotent."""
        if self._server is None:
            return
        server, self._server = self._server, None
        self._ending.set()
        server.shutdown()
        self._thread.join()
        server.server_close()

    def change(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Set `fault` and `seconds`; return what it was asked since the last change."""
        fault = str(values.get("fault", ""))
        if fault not in FAULTS:
            raise ValueError(f"{fault!r} is no fault of the metadata service; faults: {', '.join(FAULTS)}")
        self.fault, self.seconds = fault, float(values.get("seconds", 0.0))
        asked, self.asked = self.asked, []
        if fault == "absent":
            self.close()
        elif self._server is None:
            self.start()
        return {"asked": asked}

    def answer(self, method: str, path: str, headers: Mapping[str, str], address: str) -> tuple[int, str]:
        """Return status and text for a request from an address."""
        headers = {name.lower(): value for name, value in headers.items()}
        self.asked.append(path)
        if self.fault == "silent":
            self._ending.wait()
        if self.fault == "slow":
            self._ending.wait(self.seconds)
        instance = self._look(address)
        if self.fault == "error" or instance is None:
            return 503, "Service Unavailable"
        if method == "PUT":
            return self._token(path, headers, address)
        owner, until = self._tokens.get(headers.get("x-aws-ec2-metadata-token", ""), ("", 0.0))
        if owner != address or time.monotonic() > until:
            return 401, "Unauthorized"
        stored = path.startswith(f"{_STORE}/")
        text = _below(path.removeprefix(_STORE), self._parameters()) if stored else _tree(instance, path)
        return (200, text) if text is not None else (404, "Not Found")

    def _token(self, path: str, headers: Mapping[str, str], address: str) -> tuple[int, str]:
        if path != TOKEN:
            return 404, "Not Found"
        if headers.get("x-forwarded-for"):
            return 403, "Forbidden"
        ttl = headers.get(TTL, "")
        if not ttl.isdecimal() or not 1 <= int(ttl) <= 21600:
            return 400, "Bad Request"
        token = secrets.token_urlsafe(40)
        self._tokens[token] = (address, time.monotonic() + int(ttl))
        return 200, token


def _below(path: str, known: Mapping[str, str]) -> str:
    """Return the parameters below a path as the AWS CLI prints them for `ssm get-parameters-by-path --recursive`."""
    below = f"{path.rstrip('/')}/"
    return json.dumps({"Parameters": [{"Name": name, "Value": known[name]} for name in sorted(known) if name.startswith(below)]})


def _tree(instance: Described, path: str) -> str | None:
    plain = {
        "/latest/meta-data/instance-id": instance.id,
        "/latest/meta-data/local-ipv4": instance.address,
        "/latest/meta-data/placement/availability-zone": instance.zone,
        "/latest/user-data": instance.user_data,
    }
    if plain.get(path):
        return plain[path]
    if not instance.shows_tags or not path.startswith("/latest/meta-data/tags/instance"):
        return None
    key = unquote(path.removeprefix("/latest/meta-data/tags/instance").lstrip("/"))
    return instance.tags.get(key) if key else "\n".join(sorted(instance.tags))


class _Handler(BaseHTTPRequestHandler):
    service: MetadataService
    server_version, sys_version = "EC2ws", ""

    def do_GET(self) -> None:  # noqa: N802, D102 (the names are the standard library's)
        self._serve("GET")

    def do_PUT(self) -> None:  # noqa: N802, D102
        self._serve("PUT")

    def _serve(self, method: str) -> None:
        status, text = self.service.answer(method, self.path, dict(self.headers), self.client_address[0])
        body = text.encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except ConnectionError:
            pass  # the client has timed out

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002, D102
        pass
