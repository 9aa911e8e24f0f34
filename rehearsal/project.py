"""What a rehearsal has to know of the site that is released in it; the sample shop is one."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from . import first_disks
from .account import DOMAIN
from .host_kinds import MACHINES, PROCESSES, Kind
from .site import repository

JOBS_UNIT = "jobs.service"  # of the workers
META = "meta"  # a page names its release in a meta tag, its files in a comment
HEADER = "header"  # every answer of the site names its revision in a header


class Project(Protocol):
    """A site with two releases in a git repository."""

    @property
    def domain(self) -> str:
        """The site's host name."""

    @property
    def files_host(self) -> str:
        """The host of STATIC_URL, where that is an address; "" where it is a path."""

    @property
    def serves(self) -> bool:
        """Whether the first image serves the old release: nothing deploys it, as on a site that is there already."""

    @property
    def tells(self) -> str:
        """How visitors know releases: META or HEADER."""

    @property
    def pages(self) -> tuple[str, ...]:
        """What visitors ask for: for HEADER where a crawl begins."""

    def releases(self, top: Path) -> tuple[str, str]:
        """Make the repository `top`/origin.git with the old release on main; return both revisions."""

    def disk(self, top: Path, shared: Path, endpoints: Mapping[str, Any]) -> Path:
        """Return what the first image has on its disk. `shared`: what all hosts share; raises sandbox.Refusal."""

    def app(self, kind: Kind) -> Mapping[str, Any]:
        """Return the section `app` of fabric.yaml, as far as it is the site's own."""

    def static(self, endpoints: Mapping[str, Any], distribution: str) -> Mapping[str, Any]:
        """Return the section `static` of fabric.yaml."""

    def hosts(self) -> Mapping[str, Any]:
        """Return the options of the hosts."""

    def parts(self, address: str) -> Sequence[tuple[str, Sequence[str]]]:
        """Return what runs beside the hosts: a name, and a command that prints endpoints as a line of JSON.

        `address`: where machines reach it; "" for processes.
        """


@dataclass(frozen=True)
class Shop:
    """The sample shop; `static_middleware` and `health_middleware`: it has these drop-ins; `jobs`: it has workers."""

    kind: Kind = PROCESSES
    static_middleware: bool = False
    health_middleware: bool = False
    jobs: bool = False
    domain: str = DOMAIN
    files_host: str = ""
    serves: bool = False
    tells: str = META
    pages: tuple[str, ...] = ("/", "/products/1/", "/products/2/")

    def releases(self, top: Path) -> tuple[str, str]:
        """Make its repository."""
        return repository.build(top)

    def disk(self, top: Path, shared: Path, endpoints: Mapping[str, Any]) -> Path:
        """Return the checkout, and a host's settings; nothing is deployed yet."""
        variables = {"SHOP_CDN": endpoints["cdn"], "SHOP_DOMAIN": self.domain}
        if self.static_middleware:
            variables["SHOP_STATIC_MIDDLEWARE"] = "config.static_middleware.StaticFilesMiddleware"
        if self.health_middleware:
            variables["SHOP_HEALTH_MIDDLEWARE"] = "1"
        if self.kind is MACHINES:
            variables["SHOP_DATABASE"] = endpoints["database"]
            return first_disks.of_machines(top, shared, endpoints["origin"], variables)
        variables["SHOP_HOSTS"] = endpoints["balancer"].rpartition(":")[0].removeprefix("http://")
        if self.jobs:
            urls = endpoints["jobs"]
            variables |= {"SHOP_BROKER": urls["broker"], "SHOP_TASK_RESULTS": urls["results"]}
            variables["SHOP_BROKER_MESSAGES"] = urls["messages"]
        disk = first_disks.of_processes(top, shared, variables)
        if self.jobs:
            shutil.copy(repository.WORKER_UNITS / JOBS_UNIT, disk / "systemd")
        return disk

    def app(self, kind: Kind) -> Mapping[str, Any]:
        """Return nothing that is not the kind's."""
        return {}

    def static(self, endpoints: Mapping[str, Any], distribution: str) -> Mapping[str, Any]:
        """Return the address of the CDN."""
        return {"url": "/static/", "cdn": endpoints["cdn"], "distribution": distribution}

    def hosts(self) -> Mapping[str, Any]:
        """Return the health path of its middleware, if it has that, and how soon the power of workers is cut."""
        # Workers: EC2 documents no time for a shutdown, so that only what has finished before is safe.
        options: dict[str, Any] = {"shutdown_limit": 1.0} if self.jobs else {}
        return options | ({"health_path": "/health/ready/"} if self.health_middleware and self.kind is not MACHINES else {})

    def parts(self, address: str) -> Sequence[tuple[str, Sequence[str]]]:
        """Return nothing: its database is a file, or the kind's own."""
        return ()
