"""The world of a rehearsal before the first deploy: a network, an empty fleet, a site in a git repository, an operator."""

import json
import os
import random
import secrets
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import installation, operator_setup, sandbox
from .account import GROUP, JOBS, Account, own_template
from .addresses import Octet
from .host_kinds import MACHINES, PROCESSES, Kind
from .hosts.reaper import VARIABLE, Reaper
from .keys import KEY_HEADER, KEYS
from .project import Project, Shop
from .site import repository

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
    # The check's timeout is not scaled: a host answers no faster for AWS's time, and a busy one would be unhealthy.
    "check_timeout_floor": 5.0,
    # Longer than CloudFront's 10 s, so that there is time to look at a cached 404.
    "cdn": {"error_ttl": 300.0},
}


COLOUR = "SHOP_COLOUR"  # a setting of the shop that it shows


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

    `kind` is that of the hosts; with machines this runs in a box. `project`: the site; without it the shop, to which
    `static_middleware` and `health_middleware` belong. `static_middleware`: the shop serves its static files by the
    drop-in instead of WhiteNoise's middleware. `health_middleware`: process hosts are asked for the ready path of the drop-in
    instead of the health view. `unkind`: the seed of a cloud that is as slow and unkind as AWS may be, once it is built.
    `outside`: the operator of process hosts is outside of the VPC, and reaches public addresses only.
    `launches`: how the group names its launch template (account.py). `jobs`: there are workers, too.
    `options`: those of the stand-in cloud that differ. `endpoints` are what the server printed: api, control, balancer, cdn; and
    of what runs beside machines: database, origin. `environment` is the operator's.
    """

    def __init__(
        self,
        top: Path,
        kind: Kind = PROCESSES,
        *,
        project: Project | None = None,
        static_middleware: bool = False,
        health_middleware: bool = False,
        unkind: int | None = None,
        outside: bool = False,
        launches: Callable[[str], dict[str, Any]] = own_template,
        jobs: bool = False,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.places = Places(top)
        self.kind = kind
        self.project: Project = project or Shop(kind, static_middleware, health_middleware, jobs)
        self.unkind = unkind
        self._outside = outside
        self._launches = launches
        self._jobs = jobs
        # By how much everything may take longer: a site of somebody's may need seconds of the processor to start.
        self.patience = 3 if unkind is not None or self.project.serves else 1
        self._options = options or {}
        self.endpoints: dict[str, Any] = {}
        self.environment: dict[str, str] = {}
        self.distribution = ""
        self.v1, self.v2 = "", ""
        self._token = f"rehearsal-{random.randrange(16**12):012x}"
        # The operator has the published policies; the builder of the world may do everything.
        self.key, self._builder = sandbox.access_key(), sandbox.access_key()
        self._control_key = secrets.token_hex(16)
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
            self._grant()
            if self.unkind is not None:
                self.control("unkind", {"seed": self.unkind})
            self._write_operator()
            sandbox.require_own(self.environment, self.endpoints["api"], self.key)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop everything and remove every file."""
        self._stack.close()

    # -- the disk

    def _lay_out(self) -> None:
        self.places.top.mkdir(exist_ok=True)
        for folder in (self.places.home, self.places.operator, self.places.shared):
            folder.mkdir()
        self._make_key()
        self.v1, self.v2 = self.project.releases(self.places.top)

    def _make_key(self) -> None:
        from cryptography.hazmat.primitives import serialization as form
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        key = Ed25519PrivateKey.generate()
        private = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.OpenSSH, form.NoEncryption())
        public = key.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH)
        self.places.key.touch(mode=0o600)
        self.places.key.write_bytes(private)
        self.places.key.with_suffix(".pub").write_bytes(public + b" operator@rehearsal\n")

    # -- the cloud

    def _start_server(self) -> None:
        hosts: dict[str, Any] = {"authorized_key": self.places.key.with_suffix(".pub").read_text(encoding="utf-8")}
        # What is shared is a link on the disk of a process host; machines mount it.
        hosts |= {"shared": str(self.places.shared)} if self.kind is MACHINES else {"user": self.kind.user}
        if self._outside:
            hosts["private"] = "closed"
        hosts |= self.project.hosts()
        heavy = {"check_timeout_floor": 20.0} if self.project.serves else {}
        options = {**OPTIONS, **heavy, "seed": self.unkind or 0, "hosts": hosts, **self._options}
        octet = self._stack.enter_context(Octet()).number
        gateway = f"{self.kind.base(octet)}.0.1" if self.kind is MACHINES else ""
        places = ["--directory", str(self.places.top), "--octet", str(octet), "--hosts", self.kind.name]
        server = [sys.executable, "-m", f"{__package__}.server", *places, "--options", json.dumps(options)]
        keys = {"callers": [self.key, self._builder], "control": self._control_key}
        # In the environment: a command line is seen by every user of the machine.
        self.endpoints = self._start_part(server, "the stand-in cloud", {KEYS: json.dumps(keys)})
        if self.kind is MACHINES:
            beside = [sys.executable, "-m", f"{__package__}.hosts.machines.services", "--origin", str(self.places.top)]
            own = [] if self.project.serves else ["--database"]
            self.endpoints |= self._start_part([*beside, "--address", gateway, *own], "what stands beside the machines")
        if self._jobs:
            broker = [sys.executable, "-m", f"{__package__}.jobs.broker", "--folder", str(self.places.top / "broker")]
            self.endpoints |= self._start_part([*broker, "--address", f"{self.kind.base(octet)}.0.5"], "the broker")
        for what, command in self.project.parts(gateway):
            self.endpoints |= self._start_part(list(command), what)
        self.environment = sandbox.own(os.environ, self.places.home, self.endpoints["api"], self.key)

    def _start_part(self, command: list[str], what: str, more: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Start a part that prints its endpoints as a line of JSON. Raises Refusal where it exits instead."""
        part = self.start(command, more)
        line = part.stdout.readline() if part.stdout else b""
        if not line:
            raise sandbox.Refusal(f"{what} did not start; what it printed stands above")
        endpoints: dict[str, Any] = json.loads(line)
        return endpoints

    def start(self, command: list[str], more: Mapping[str, str] | None = None) -> "subprocess.Popen[bytes]":
        """Start a part of the rehearsal in the background; it ends when its standard input does, at the latest with the world."""
        environment = {
            **sandbox.bare(os.environ, self.places.home),
            VARIABLE: f"{self._token}/part/",
            "PYTHONPATH": str(installation.ROOT),
            **(more or {}),
        }
        # A session of its own: Ctrl-C is for this process, which ends its parts in order.
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=self.places.top, start_new_session=True
        )
        self._stack.callback(end, process)
        return process

    def client(self, service: str) -> Any:
        """Return a boto3 client of the stand-in cloud, which may do everything."""
        import boto3

        session = boto3.Session(self._builder, sandbox.SECRET, region_name=sandbox.REGION)
        return session.client(service, endpoint_url=self.endpoints["api"])

    def control(self, name: str, values: Mapping[str, Any] | None = None) -> Any:
        """Call the control endpoint: GET, or POST where there are values."""
        data = None if values is None else json.dumps(values).encode()
        request = urllib.request.Request(self.endpoints["control"] + name, data, {KEY_HEADER: self._control_key})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def _build_cloud(self) -> None:
        account = Account(self.client, self.endpoints["octet"], self.kind, self._outside, self._launches, self.project.domain)
        if self.kind is MACHINES:
            self.put_setting(COLOUR, "red")
        image = account.image()
        disk = self.project.disk(self.places.top, self.places.shared, self.endpoints)
        self.control("image", {"image": image, "disk": str(disk)})
        account.fleet(image, self.v1 if self.project.serves else None)
        if self.project.serves:
            account.released(image, operator_setup.IMAGES, self.v1)
        if self._jobs:
            account.jobs()
        self.distribution = account.distribution()

    def put_setting(self, name: str, value: str) -> None:
        """Store a setting that machines read at boot."""
        from .hosts.machines.image_files import STORE

        self.client("ssm").put_parameter(Name=f"{STORE}/{name}", Value=value, Type="SecureString", Overwrite=True)

    def _grant(self) -> None:
        """Give the operator the published policies and nothing else."""
        site = operator_setup.site(self.client, self.endpoints["account"], self.distribution, self.kind, self.groups)
        self.control("policies", {"caller": self.key, "policies": operator_setup.policies(site)})

    @property
    def groups(self) -> list[str]:
        """Return the names of the groups that are released."""
        return [GROUP, JOBS] if self._jobs else [GROUP]

    def publish(self) -> None:
        """Push version 2 to the branch that is deployed."""
        repository.publish(self.places.top, self.v2)

    def publish_later(self, release: str) -> str:
        """Push one of the later releases to main, and return its revision."""
        revision = repository.prepared(self.places.top, release)
        repository.publish(self.places.top, revision)
        return revision

    # -- the operator

    def _write_operator(self) -> None:
        folder = self.places.operator
        (folder / "ramped").symlink_to(installation.commands())
        for name in ("fabfile.py", "tasks.py"):
            (folder / name).write_text("from ramped import ns\n\n__all__ = ['ns']\n", encoding="utf-8")
        operator = operator_setup.Operator(self.places.key, self.patience, self._outside, self.groups)
        settings = operator.settings(self.kind, self.project, self.endpoints, self.distribution)
        (folder / "fabric.yaml").write_text(settings, encoding="utf-8")


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
