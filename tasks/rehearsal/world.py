"""The world of a rehearsal before the first deploy: a network, an empty fleet, a shop in a git repository, an operator."""

import json
import os
import random
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import sandbox
from .hosts.reaper import VARIABLE, Reaper
from .landscape import DOMAIN, GROUP, Landscape
from .site import repository

USER = "admin"
PACKAGE = Path(__file__).parents[1]

# AWS's durations pass ten times as fast, so that a rehearsal takes two minutes and not twenty.
SCALE = 0.1
OPTIONS: dict[str, Any] = {
    "time_scale": SCALE,
    "boot": 1.0,
    "stop": 0.5,
    "terminate": 0.3,
    "image": 2.0,
    "image_not_found": 0.3,
    "invalidation": 2.0,
    # Longer than CloudFront's 10 s, so that there is time to look at a cached 404.
    "cdn": {"error_ttl": 300.0},
}


@dataclass(frozen=True)
class Places:
    """Where everything of one rehearsal lies."""

    top: Path

    @property
    def home(self) -> Path:
        """The operator's home folder: no profile, no key but the rehearsal's own."""
        return self.top / "home"

    @property
    def operator(self) -> Path:
        """The folder from which `fab` and `inv` are run."""
        return self.top / "operator"

    @property
    def shared(self) -> Path:
        """What all hosts share: the static files (EFS) and the database (RDS)."""
        return self.top / "shared"

    @property
    def key(self) -> Path:
        """The operator's SSH key."""
        return self.home / "id_ed25519"


class World:
    """One rehearsal's world; a context manager that leaves nothing behind, whatever happens: `top` is removed in the end.

    `static_middleware`: the shop serves its static files by the drop-in instead of WhiteNoise's middleware. `endpoints` are what
    the server printed: api, control, balancer, cdn. `environment` is the operator's.
    """

    def __init__(self, top: Path, *, static_middleware: bool = False) -> None:
        self.places = Places(top)
        self._static_middleware = static_middleware
        self.endpoints: Mapping[str, Any] = {}
        self.environment: dict[str, str] = {}
        self.distribution = ""
        self.v1, self.v2 = "", ""
        self._token = f"rehearsal-{random.randrange(16**12):012x}"
        self._stack = ExitStack()

    def __enter__(self) -> "World":
        """Build it."""
        with ExitStack() as stack:
            self._stack = stack
            reaper = Reaper(self._token, [self.places.top])
            stack.callback(reaper.close)
            self._lay_out()
            self._start_server()
            self._build_cloud()
            self._write_operator()
            sandbox.require_own(self.environment, self.endpoints["api"])
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop everything and remove every file."""
        self._stack.close()

    # -- the disk

    def _lay_out(self) -> None:
        for folder in (self.places.home, self.places.operator, self.places.shared / "static", self.places.shared / "database"):
            folder.mkdir(parents=True)
        self._make_key()
        self.v1, self.v2 = repository.build(self.places.top)

    def _make_key(self) -> None:
        from cryptography.hazmat.primitives import serialization as form
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        key = Ed25519PrivateKey.generate()
        private = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.OpenSSH, form.NoEncryption())
        public = key.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH)
        self.places.key.touch(mode=0o600)
        self.places.key.write_bytes(private)
        self.places.key.with_suffix(".pub").write_bytes(public + b" operator@rehearsal\n")

    def _base_disk(self) -> Path:
        """Return a disk as a first image has it: the checkout and an empty virtual environment, nothing deployed yet."""
        disk = self.places.top / "base"
        disk.mkdir()
        _run([sys.executable, "-m", "venv", "--without-pip", str(disk / "venv")])
        packages = next((disk / "venv/lib").glob("python*/site-packages"))
        # The hosts' Python sees what is installed here: no download for each host.
        outer = [path for path in sys.path if path.endswith("site-packages")]
        (packages / "rehearsal.pth").write_text("\n".join(outer) + "\n", encoding="utf-8")
        _run(["git", "clone", "--quiet", str(repository.origin_of(self.places.top)), str(disk / "app")])
        shutil.copytree(repository.UNITS["socket"], disk / "systemd")
        for name in ("static", "database"):
            (disk / name).symlink_to(self.places.shared / name)
        balancer = self.endpoints["balancer"].rpartition(":")[0].removeprefix("http://")
        told = f"SHOP_CDN={self.endpoints['cdn']}\nSHOP_DOMAIN={DOMAIN}\nSHOP_HOSTS={balancer}\n"
        if self._static_middleware:
            told += "SHOP_STATIC_MIDDLEWARE=config.static_middleware.StaticFilesMiddleware\n"
        (disk / "shop.env").write_text(told, encoding="utf-8")
        return disk

    # -- the cloud

    def _start_server(self) -> None:
        options = OPTIONS | {
            "hosts": {"authorized_key": self.places.key.with_suffix(".pub").read_text(encoding="utf-8"), "user": USER}
        }
        octets = list(range(16, 255))
        random.shuffle(octets)
        for octet in octets:
            if _is_free(octet):
                break
        command = [sys.executable, "-m", f"{__package__}.server", "--directory", str(self.places.top), "--octet", str(octet)]
        server = self.start([*command, "--options", json.dumps(options)])
        line = server.stdout.readline() if server.stdout else b""
        if not line:
            raise sandbox.Refusal("the stand-in cloud did not start; what it printed stands above")
        self.endpoints = json.loads(line)
        self.environment = sandbox.own(os.environ, self.places.home, self.endpoints["api"])

    def start(self, command: list[str]) -> "subprocess.Popen[bytes]":
        """Start a part of the rehearsal in the background; it ends when its standard input does, at the latest with the world."""
        environment = sandbox.bare(os.environ, self.places.home) | {
            VARIABLE: f"{self._token}/part/",
            "PYTHONPATH": str(PACKAGE.parent),
        }
        # A session of its own: Ctrl-C is for this process, which ends its parts in order.
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=self.places.top, start_new_session=True
        )
        self._stack.callback(end, process)
        return process

    def client(self, service: str) -> Any:
        """Return a boto3 client of the stand-in cloud."""
        import boto3

        session = boto3.Session(sandbox.KEY, sandbox.SECRET, region_name=sandbox.REGION)
        return session.client(service, endpoint_url=self.endpoints["api"])

    def control(self, name: str, values: Mapping[str, Any] | None = None) -> Any:
        """Ask or tell the stand-in cloud what AWS has no call for."""
        data = None if values is None else json.dumps(values).encode()
        with urllib.request.urlopen(self.endpoints["control"] + name, data, timeout=60) as answer:
            return json.load(answer)

    def _build_cloud(self) -> None:
        landscape = Landscape(self.client, self.endpoints["octet"])
        image = landscape.image()
        self.control("image", {"image": image, "disk": str(self._base_disk())})
        landscape.fleet(image)
        self.distribution = landscape.distribution()

    def publish(self) -> None:
        """Push version 2 to the branch that is deployed."""
        repository.publish(self.places.top, self.v2)

    # -- the operator

    def _write_operator(self) -> None:
        folder = self.places.operator
        (folder / "fabfile.py").write_text("from tasks import ns\n\n__all__ = ['ns']\n", encoding="utf-8")
        (folder / "tasks").symlink_to(PACKAGE)
        (folder / "fabric.yaml").write_text(self._settings(), encoding="utf-8")

    def _settings(self) -> str:
        return f"""\
aws: {{region: {sandbox.REGION}, endpoint: "{self.endpoints["api"]}"}}
groups: [{GROUP}]
management: {{keep_running: false}}
ssh: {{user: {USER}, key: "{self.places.key}", port: 2222}}
app: {{directory: app, services: [shop.service], domain: {DOMAIN}, port: 8080, boot_deadline: 60}}
image: {{name: shop, deadline: 120, cleaner: null}}
rollout: {{poll: 0.7, instance_deadline: 90, deadline: 900}}
restart: {{deadline: 60}}
static: {{url: /static/, cdn: "{self.endpoints["cdn"]}", distribution: {self.distribution}, deadline: 120}}
"""


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a background part: its standard input ends, and it has half a minute to clean up."""
    if process.stdin:
        process.stdin.close()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()


def _is_free(octet: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((f"127.{octet}.0.2", 8000))
        except OSError:
            return False
    return True


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise sandbox.Refusal(f"`{' '.join(command)}` exited {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
