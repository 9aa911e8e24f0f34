"""Jobs that run once, on machines with the real units: on the management instance and on no other, whatever happens.

The jobs are small stand-ins that celery's units and cron start: each writes a line with its host's name to the shared folder.
"""

from collections.abc import Iterator

import pytest

from tests.rehearsal.hosts.jobs_disk import SHOWS, disk, states
from tests.rehearsal.hosts.machines_support import Instance, Machines, eventually, machines_here, opened

pytestmark = [machines_here, pytest.mark.alone, pytest.mark.long]

JOBS = ["beat", "cron", "worker"]


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    with opened(tmp_path_factory.mktemp("machines")) as machines:
        yield machines


@pytest.fixture(scope="module")
def management(machines: Machines, tmp_path_factory: pytest.TempPathFactory) -> Instance:
    jobs = machines.directory / "shared/jobs"
    jobs.touch()
    jobs.chmod(0o666)
    return machines.boot(machines.image(disk(tmp_path_factory.mktemp("disk"))), tags={"ramped:role": "management"}, **SHOWS)


@pytest.fixture
def jobs(machines: Machines) -> Iterator["Jobs"]:
    made = Jobs(machines)
    made.fault("")
    yield made
    made.fault("")


class Jobs:
    """What the jobs have written since this began, and the metadata service."""

    def __init__(self, machines: Machines) -> None:
        self._machines = machines
        self._begin = len(self._lines())

    def _lines(self) -> list[str]:
        return (self._machines.directory / "shared/jobs").read_text().splitlines()

    def ran(self) -> list[str]:
        return sorted(self._lines()[self._begin :])

    def fault(self, name: str, seconds: float = 0.0) -> None:
        self._machines.control("metadata", {"fault": name, "seconds": seconds})


def each_once(host: Instance) -> list[str]:
    return [f"{job} ip-{host.address.replace('.', '-')}" for job in JOBS]


def role(host: Instance) -> str:
    return host.root("cat /run/ramped/role")


def settled(host: Instance) -> None:
    """Wait until nothing is about to be started, and what is must have had its say."""
    eventually("all jobs of systemd to be done", lambda: host.root("systemctl list-jobs --no-legend --plain") == "")
    running = {"inactive"} if role(host) != "management" else {"active"}
    eventually(f"the jobs of {host.id} to be {running}", lambda: states(host) == running)


def test_the_management_instance_runs_each_job_once_also_after_a_reboot(management: Instance, jobs: Jobs) -> None:
    eventually("each job to have run", lambda: len((management.machines.directory / "shared/jobs").read_text().splitlines()) == 3)
    settled(management)
    assert sorted((management.machines.directory / "shared/jobs").read_text().splitlines()) == each_once(management)
    jobs = Jobs(management.machines)
    management.reboot()
    eventually("each job to have run", lambda: len(jobs.ran()) >= 3)
    settled(management)
    assert jobs.ran() == each_once(management) and role(management) == "management"


def test_web_instances_of_its_image_run_none_of_them_nor_after_a_reboot(
    machines: Machines, management: Instance, jobs: Jobs
) -> None:
    image = management.snapshot()
    web = [
        machines.boot(image, wait=False),  # no tag, and none to be seen: as the group launches them
        machines.boot(image, wait=False, **SHOWS),
        machines.boot(image, wait=False, tags={"ramped:role": "web"}, **SHOWS),
        machines.boot(image, wait=False, tags={"ramped:role": "smoke", "ramped:group": "web"}, **SHOWS),
        machines.boot(image, wait=False, tags={"ramped:role": "management"}),  # it cannot see it
    ]
    for _ in range(2):
        for host in web:
            host.ready()
            settled(host)
        assert [role(host) for host in web] == ["web", "web", "web", "smoke", "web"]
        failed = "systemctl --failed --no-legend --plain | grep -Ev '^(gunicorn|ramped-whole).service' || true"
        assert [host.root(failed) for host in web] == [""] * len(web)
        for host in web:
            # By hand they are skipped, too, and so is whatever wants them.
            host.root("systemctl start celery-worker celery-beat cron ramped-jobs.target; systemctl restart cron")
            assert states(host) == {"inactive"}
        for host in web:
            host.reboot()
    assert jobs.ran() == []
    settled(management)
    for host in web:
        host.terminate()


@pytest.mark.parametrize("fault", ["absent", "silent", "error"])
def test_without_the_metadata_service_nobody_runs_them_and_with_it_again_the_management_instance_does(
    management: Instance, jobs: Jobs, fault: str
) -> None:
    settled(management)
    jobs.fault(fault)
    management.reboot()
    eventually("the role to be known", lambda: management.shell("cat /run/ramped/role").stdout == "web\n")
    assert states(management) == {"inactive"} and jobs.ran() == []
    assert "ramped-role.service" in management.root("systemctl --failed --no-legend --plain")
    jobs.fault("")
    eventually("each job to have run", lambda: len(jobs.ran()) >= 3)
    settled(management)
    assert jobs.ran() == each_once(management)


def test_a_slow_metadata_service_delays_them_and_nothing_else(management: Instance, jobs: Jobs) -> None:
    settled(management)
    management.root("printf '[Service]\\nEnvironment=RAMPED_PATIENCE=20\\n' >/etc/systemd/system/ramped-role.service.d/slow.conf")
    jobs.fault("slow", 1.5)
    management.reboot()
    eventually("each job to have run", lambda: len(jobs.ran()) >= 3)
    settled(management)
    assert jobs.ran() == each_once(management)


def test_a_tag_that_moves_moves_the_jobs_at_the_next_boot(machines: Machines, management: Instance, jobs: Jobs) -> None:
    settled(management)
    tag = {"Key": "ramped:role", "Value": "retired"}
    machines.client("ec2").create_tags(Resources=[management.id], Tags=[tag])
    management.stop()
    management.start()
    settled(management)
    assert role(management) == "retired" and states(management) == {"inactive"} and jobs.ran() == []
    machines.client("ec2").create_tags(Resources=[management.id], Tags=[tag | {"Value": "management"}])
    management.root("systemctl restart ramped-role.service")
    eventually("each job to have run", lambda: len(jobs.ran()) >= 2)
    settled(management)
    # For cron a boot is a boot.
    assert [line for line in jobs.ran() if not line.startswith("cron")] == [
        one for one in each_once(management) if "cron" not in one
    ]
