"""A tiny site on a golden disk, and what the tests of the hosts ask of it."""

import http.client
import json
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import gunicorn
from fabric import Connection

from rehearsal.addresses import Octet
from rehearsal.hosts.processes import ProcessHosts
from tests.rehearsal.standin import looks

USER = "admin"
_octet = Octet()  # this process's own
NET = f"127.{_octet.number}"
_last = iter(range(5, 60000))

APP = """
import hashlib, json, os, time
from pathlib import Path

REVISION = (Path(__file__).parent / "REVISION").read_text().strip()


def application(environ, start_response):
    path = environ["PATH_INFO"]
    status, headers = "200 OK", []
    if path == "/slow":
        Path("slow-began").touch()
        time.sleep(float(environ["QUERY_STRING"]))
        body = REVISION.encode()
    elif path == "/echo":
        data = environ["wsgi.input"].read()
        body = json.dumps({"size": len(data), "sha": hashlib.sha256(data).hexdigest()}).encode()
    elif path == "/environ":
        body = json.dumps({key: value for key, value in environ.items() if isinstance(value, str)}).encode()
    elif path == "/big":
        body = b"x" * 3_000_000
    elif path == "/stream":
        start_response(status, [("Content-Type", "text/plain")])
        return (b"part %d\\n" % n for n in range(1000))
    elif path == "/missing":
        status, body = "404 Not Found", b"nothing here"
    else:
        body = REVISION.encode()
    start_response(status, [("Content-Length", str(len(body))), *headers])
    return [body]
"""

SOCKET = """[Unit]
Description=Socket of the shop

[Socket]
ListenStream=%t/shop.sock

[Install]
WantedBy=sockets.target
"""


def service(*, activated: bool = True, preload: bool = False, kind: str = "notify", more: str = "") -> str:
    """Return a unit file for gunicorn."""
    requires = "Requires=shop.socket" if activated else ""
    options = ("" if activated else "--bind unix:%t/shop.sock ") + ("--preload " if preload else "")
    return f"""[Unit]
Description=The shop
{requires}
After=network.target

[Service]
Type={kind}
User=www-data
WorkingDirectory=%h/app
ExecStart=%h/venv/bin/python -m gunicorn --workers 2 --graceful-timeout 5 {options}tiny:application
ExecReload=/bin/kill -s HUP $MAINPID
KillMode=mixed
TimeoutStopSec=20
{more}

[Install]
WantedBy=multi-user.target
"""


def golden_disk(folder: Path, *, unit: str, activated: bool = True) -> Path:
    """Make a disk with a site on it."""
    (folder / "app").mkdir(parents=True)
    (folder / "systemd").mkdir()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
    packages = next((folder / "venv/lib").glob("python*/site-packages"))
    (packages / "outer.pth").write_text(f"{Path(gunicorn.__file__).parent.parent}\n")
    (folder / "app/tiny.py").write_text(APP)
    (folder / "app/REVISION").write_text("v1\n")
    (folder / "systemd/shop.service").write_text(unit)
    if activated:
        (folder / "systemd/shop.socket").write_text(SOCKET)
    return folder


def address() -> str:
    """Return a loopback address that no other test has."""
    number = next(_last)
    return f"{NET}.{number // 250}.{number % 250 + 1}"


class Key:
    """A key pair of the operator."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.path)], check=True)
        self.public = self.path.with_suffix(".pub").read_text()


class Fleet:
    """Process hosts with an operator who has the key."""

    def __init__(self, folder: Path, key: Key, **options: str) -> None:
        self.key = key
        self.hosts = ProcessHosts(folder, authorized_key=key.public, **options)
        self._number = 0

    def launch(self, image: str = "ami-1", *, settle: bool = True) -> "Instance":
        self._number += 1
        instance = Instance(self, f"i-{self._number:017x}", address())
        self.hosts.launch(instance.id, instance.address, image, "", {})
        if settle:
            self.hosts.settle()
        return instance

    def image(self, disk: Path, image: str = "ami-1") -> None:
        self.hosts.add_image(image, disk)


class Instance:
    """One host as the operator and the visitors see it."""

    def __init__(self, fleet: Fleet, id: str, address: str) -> None:
        self.fleet = fleet
        self.id = id
        self.address = address

    @property
    def disk(self) -> Path:
        return self.fleet.hosts.disk(self.id)

    def connect(self, **more: object) -> Connection:
        secrets = {"key_filename": str(self.fleet.key.path), "look_for_keys": False, "allow_agent": False, **more}
        return Connection(self.address, user=USER, port=2222, connect_kwargs=secrets)

    def run(self, command: str) -> tuple[int, str, str]:
        """Run a command over a new connection."""
        with self.connect() as connection:
            result = connection.run(command, hide=True, warn=True, in_stream=False)
            return result.exited, result.stdout, result.stderr

    def ask(self, path: str, **headers: str) -> tuple[int, bytes]:
        return ask(self.address, 8080, path, **headers)

    def write(self, path: str, text: str) -> None:
        (self.disk / path).write_text(text)


def ask(host: str, port: int, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    """Return status and body; 0 when the connection fails."""
    with closing(http.client.HTTPConnection(host, port, timeout=60)) as client:
        try:
            client.request(method, path, body, {"Connection": "close", **headers})
            response = client.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException):
            return 0, b""


def until(probe: Callable[[], object], seconds: float = 60) -> object:
    """Wait until the probe returns something true, and return that."""
    for _ in looks(seconds):
        if seen := probe():
            return seen
    raise AssertionError(f"not within {seconds} s")


class Load:
    """Visitors who ask, look at the answer for a moment and ask again, until they are told to stop."""

    LOOKS = 0.1  # seconds; three of them ask thirty times a second

    def __init__(self, host: str, port: int, path: str = "/", visitors: int = 3) -> None:
        self.answers: Counter[tuple[int, bytes]] = Counter()
        self._where = (host, port, path)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._visit) for _ in range(visitors)]

    def _visit(self) -> None:
        while not self._stop.wait(self.LOOKS):
            answer = ask(*self._where)
            with self._lock:
                self.answers[answer] += 1

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        self.more(20)
        return self

    def __exit__(self, *details: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def total(self) -> int:
        with self._lock:
            return sum(self.answers.values())

    def more(self, count: int) -> None:
        """Wait for that many further answers."""
        goal = self.total() + count
        until(lambda: self.total() >= goal)

    def statuses(self) -> set[int]:
        with self._lock:
            return {status for status, _ in self.answers}


class TcpServer:
    """Accept connections one at a time and let a function talk."""

    def __init__(self, talk: Callable[[socket.socket, str], None]) -> None:
        self.host = address()
        self._listening = socket.create_server((self.host, 0))
        self.port = self._listening.getsockname()[1]
        self._talk = talk
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, peer = self._listening.accept()
            except OSError:
                return
            with connection:
                self._talk(connection, peer[0])

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()


def marked(hosts: ProcessHosts) -> list[int]:
    """Return the processes that the hosts have started and that live."""
    from rehearsal.hosts import reaper

    return reaper.find(f"{hosts.token}/")


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def environ(answer: tuple[int, bytes]) -> dict[str, str]:
    assert answer[0] == 200
    parsed: dict[str, str] = json.loads(answer[1])
    return parsed
