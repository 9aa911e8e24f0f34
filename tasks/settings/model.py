"""The settings: a `fabric.yaml`, validated into frozen values.

The fields are the schema: the annotation says what is allowed, a field without a default is required, `| None` allows null.
`settings_snippets/fabric.yaml` documents the same; a test keeps both in sync.
"""

from dataclasses import dataclass, field

from .kinds import Page
from .values import (
    Alarms,
    Aliases,
    AnyUnits,
    Branch,
    ChangingCommands,
    CheckCount,
    CheckInterval,
    CheckTimeout,
    Commands,
    Contract,
    Count,
    DatabaseName,
    DistributionId,
    Domain,
    Duration,
    Engine,
    Gateway,
    GroupNames,
    HeaderName,
    ImageName,
    InApp,
    InAppList,
    InitializationRate,
    InstanceId,
    Interval,
    Line,
    Login,
    Networks,
    NoticeEvents,
    Origin,
    PageList,
    Paths,
    Percentages,
    Port,
    Price,
    PublicKeys,
    Quantity,
    Reach,
    Region,
    RoleTag,
    Share,
    Some,
    Standby,
    StaticPath,
    StopHooks,
    TagMap,
    TargetGroupNames,
    TimeZone,
    Unit,
    Units,
    UrlPath,
    Volumes,
    WarmUp,
    WarnHooks,
    Windows,
    Yes,
)


@dataclass(frozen=True, kw_only=True)
class Aws:
    """Where AWS calls are sent."""

    region: Region
    profile: Line | None = None
    endpoint: Origin | None = None
    spare_target_groups: TargetGroupNames = ()  # of the groups, that no listener forwards to


@dataclass(frozen=True, kw_only=True)
class Management:
    """How the management instance is found, and whether it keeps running after `ship`."""

    instance_id: InstanceId | None = None
    tag: RoleTag = "ramped:role=management"
    keep_running: Yes = False


@dataclass(frozen=True, kw_only=True)
class Ssh:
    """How hosts are reached over SSH."""

    user: Login
    key: Line | None = None  # a path; the loader makes it absolute
    port: Port = 22
    # "direct" or None; "management": web instances through that instance; "ssm": through Session Manager; else a jump host.
    gateway: Gateway | None = "management"
    address: Reach = "private"  # of instances that are reached directly: private, public, or dns (the public name)
    known_hosts: Line | None = None  # a path; the loader makes it absolute
    host_ca: Line | None = None  # a path; the loader makes it absolute
    instance_connect: Yes = False  # a new key for each connection, sent by EC2 Instance Connect
    timeout: Duration = 10  # for opening a connection


@dataclass(frozen=True, kw_only=True)
class App:
    """The Django site on a host; a relative path starts in the home of the SSH user."""

    directory: Line
    branch: Branch = "main"
    virtualenv: Line = "venv"
    manage: InApp = "manage.py"
    requirements: InAppList = ("requirements.txt",)
    install: Commands | None = None  # None: known by the requirements or the lock file
    build: Commands | None = None  # after the installation; None: known by package-lock.json
    after_collectstatic: Commands = ()
    environment_file: Line | None = None  # on a host, read after the environment of the unit
    databases: Aliases = ("default",)  # to migrate
    check_migrations: Yes = True  # whether `deploy` refuses migrations that break the running release
    contract: Contract = "later"  # what becomes of migrations that have to wait until no old code runs: refuse, later, ship
    rollback_window: WarmUp = 3600  # after a rollout, before these run
    services: Units  # the first one serves the site
    settings_unit: Unit | None = None  # reads the settings anew when it is restarted
    domain: Domain
    health_path: UrlPath  # left out or null: see rules.DERIVED
    deep_health_path: UrlPath | None = None  # proves database and migrations
    pages: PageList = (Page("/"),)  # that must answer, with the static files that they name
    port: Port = 80
    boot_timeout: Duration = 300  # for the site after a restart, for SSH after a start


@dataclass(frozen=True, kw_only=True)
class Image:
    """How images are made."""

    name: ImageName  # as health_path
    reboot: Yes = False
    early: Yes = True  # begun by `ship` before `restart-all`
    volumes: Volumes = "root"  # or all
    initialization_rate: InitializationRate | None = None  # of volumes at a first boot
    cleaner: Line | None = "/usr/local/sbin/ramped-image"  # on the management instance
    secrets: Paths = ("~/.aws", "~/.netrc", "~/.git-credentials", "~/.pypirc", "~/.ssh/id_*")
    authorized_keys: PublicKeys = ()  # in addition to those that deploy
    tags: TagMap = field(default_factory=dict)
    timeout: Duration = 3600
    keep: Count = 5  # newest images that `prune-images` keeps anyway
    snapshot_price: Price | None = None  # of a GiB for a month


@dataclass(frozen=True, kw_only=True)
class RolloutPolicy:
    """How fast and how carefully a group is replaced; percentages are of the desired capacity."""

    engine: Engine = "ramped"  # or instance-refresh
    surge: Quantity = 1
    batch: Quantity = 1
    poll: Interval = 5.0  # interval
    healthy_polls: Count = 3
    warm_up: WarmUp = 0  # in service before an instance counts
    canary: Some = 0  # new instances before the first pause
    checkpoints: Percentages = ()  # of the instances, at which it pauses again
    pause: WarmUp = 0  # length of a pause
    alarms: Alarms = ()  # CloudWatch alarms that fail the new version
    max_error_rate: Share | None = None  # of the requests to a target group, with errors of servers; more fails the new version
    max_latency: Interval | None = None  # for 95 % of the requests
    instance_timeout: Duration = 900  # from launch to serving
    timeout: Duration = 14400  # for the whole rollout
    max_failures: Count = 3  # failed launches of the new version
    raise_max: Yes = True
    standby: Standby = "refuse"  # what happens to instances in standby
    check_revision: Yes = True
    smoke_boot: Yes = True
    lock_wait: WarmUp = 0  # while another run holds the lock
    rollback: Yes = True  # of a version that fails, automatically
    instance_price: Price | None = None  # of an instance for an hour


@dataclass(frozen=True, kw_only=True)
class Workers:
    """Groups without a target group: queue workers and the like, which are reached over SSH."""

    services: AnyUnits = ()  # units that must be active, and are stopped before an instance is terminated
    port: Port | None = None  # where a worker answers 200 when it is ready, besides its units
    path: UrlPath = "/"  # to request there
    timeout: Duration = 900  # for an instance to finish its tasks


@dataclass(frozen=True, kw_only=True)
class Restart:
    """How `restart-all` restarts the fleet."""

    batch: Quantity = 1
    timeout: Duration = 300  # for one batch to be healthy again
    patience: Duration | None = None  # with a gentle method that seems without effect; None: by the timeout and a start


@dataclass(frozen=True, kw_only=True)
class Static:
    """Where static files are served from, and how long they are kept."""

    url: StaticPath
    cdn: Origin | None = None
    distribution: DistributionId | None = None
    timeout: Duration = 1800  # for an invalidation
    keep_releases: Count = 3  # releases whose files are always kept
    grace: WarmUp = 604800  # for which files are kept after the next deploy


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    """What `configure-health-check` sets on the target groups, and how `drain` marks an instance."""

    interval: CheckInterval = 30
    timeout: CheckTimeout = 5
    failures: CheckCount = 2  # in a row: unhealthy
    successes: CheckCount = 3  # in a row: healthy again
    draining_file: Line | None = None  # the file on a host that the health middleware checks


@dataclass(frozen=True, kw_only=True)
class Maintenance:
    """The page that visitors see during maintenance, and who bypasses it."""

    page: Line | None = None  # a path; the loader makes it absolute
    retry_after: Duration = 120  # after which the page reloads
    bypass_header: HeaderName | None = None
    bypass_secret: Line | None = None  # a path; the loader makes it absolute
    bypass_addresses: Networks = ()


@dataclass(frozen=True, kw_only=True)
class Database:
    """The snapshot of the database before its migrations."""

    snapshot: DatabaseName | None = None
    timeout: Duration = 3600


@dataclass(frozen=True, kw_only=True)
class Freeze:
    """When nothing is released."""

    windows: Windows = ()
    timezone: TimeZone = "UTC"


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """Commands of yours around the steps of a command, by the name of the step or the command."""

    before: StopHooks = field(default_factory=dict)
    after: WarnHooks = field(default_factory=dict)
    failed: WarnHooks = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Notices:
    """Who hears of a run by webhook."""

    webhooks: Line | None = None  # a path; the loader makes it absolute
    events: NoticeEvents = ("start", "success", "failure", "interrupted", "crash")
    commands: ChangingCommands = ("ship", "deploy", "rollout", "rollback", "abort", "maintenance-on", "maintenance-off")
    timeout: Duration = 5  # for an answer


@dataclass(frozen=True, kw_only=True)
class Telemetry:
    """Whether runs are traced."""

    spans: Yes = False


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings of a site."""

    aws: Aws
    groups: GroupNames
    management: Management
    ssh: Ssh
    app: App
    image: Image
    rollout: RolloutPolicy
    restart: Restart
    static: Static
    workers: Workers = field(default_factory=Workers)
    health_check: HealthCheck = field(default_factory=HealthCheck)
    maintenance: Maintenance = field(default_factory=Maintenance)
    database: Database = field(default_factory=Database)
    freeze: Freeze = field(default_factory=Freeze)
    hooks: Hooks = field(default_factory=Hooks)
    notices: Notices = field(default_factory=Notices)
    telemetry: Telemetry = field(default_factory=Telemetry)
