"""The settings: one `fabric.yaml`, validated into frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Aws:
    """Where the calls go."""

    region: str
    profile: str | None
    endpoint: str | None


@dataclass(frozen=True)
class Management:
    """How the management instance is found, and whether it stays up after `ship`."""

    instance_id: str | None
    tag: str  # key=value
    keep_running: bool


@dataclass(frozen=True)
class Ssh:
    """How hosts are reached over SSH."""

    user: str
    key: str | None
    port: int
    gateway: str | None  # None: direct; "management": through the management instance; else [user@]host[:port]
    known_hosts: str | None
    timeout: int  # seconds for one connection


@dataclass(frozen=True)
class App:
    """The Django site on a host; a relative path starts in the home of the SSH user."""

    directory: str
    branch: str
    virtualenv: str
    manage: str  # relative to directory
    requirements: tuple[str, ...]  # relative to directory
    services: tuple[str, ...]  # systemd units; the first one serves the site
    domain: str
    health_path: str
    port: int
    boot_deadline: int  # seconds until the site must answer after a restart, or SSH after a start


@dataclass(frozen=True)
class Image:
    """How images are baked."""

    name: str  # prefix of the image's name
    reboot: bool
    tags: Mapping[str, str]
    deadline: int  # seconds


@dataclass(frozen=True)
class RolloutPolicy:
    """How fast and how carefully a group is replaced; counts, or percentages such as "25%" of desired."""

    surge: int | str
    batch: int | str
    poll: float  # seconds between two looks
    healthy_polls: int
    warm_up: int  # seconds in service before an instance counts
    instance_deadline: int  # seconds from launch to serving
    deadline: int  # seconds for the whole rollout
    max_failures: int  # failed launches of the new version
    raise_max: bool
    check_revision: bool
    smoke_boot: bool


@dataclass(frozen=True)
class Restart:
    """How `restart-all` goes through the fleet."""

    batch: int | str
    deadline: int  # seconds for one batch to be healthy again


@dataclass(frozen=True)
class Static:
    """Where the static files are asked for."""

    url: str  # the path on the site, such as /static/
    cdn: str | None  # https://… of the CDN, without the path; None: none
    distribution: str | None  # CloudFront distribution id
    deadline: int  # seconds for an invalidation


@dataclass(frozen=True)
class Settings:
    """Everything that the tasks know of a site."""

    aws: Aws
    groups: tuple[str, ...]
    management: Management
    ssh: Ssh
    app: App
    image: Image
    rollout: RolloutPolicy
    restart: Restart
    static: Static
