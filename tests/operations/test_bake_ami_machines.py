"""`bake-ami` on machines: real sudo, real systemd, real sshd; the image's files against what was planted on the disk."""

import io
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tasks.decisions.access import host_keys
from tasks.operations.bake_ami import bake
from tasks.runtime.output import Output
from tasks.runtime.run import Run
from tasks.runtime.waiting import SystemClock
from tasks.settings.model import App, Aws, Image, Management, Restart, RolloutPolicy, Settings, Ssh, Static
from tests.rehearsal.hosts.jobs_disk import SHOWS, disk, states
from tests.rehearsal.hosts.machines_support import Instance, Machines, eventually, machines_here, opened
from tests.worlds.shop_world import credentials

pytestmark = [machines_here, pytest.mark.alone, pytest.mark.long]

TOKEN = "planted-secret"
REVISION = "0123456789abcdef0123456789abcdef01234567"
# path, owner: each holds the token, is away from the image, and is there again afterwards.
PLANTED = {
    "home/deploy/.aws/credentials": "deploy",
    "home/deploy/.pgpass": "deploy",
    "home/deploy/.netrc": "deploy",
    "home/deploy/.bash_history": "deploy",
    "home/deploy/.ssh/id_ed25519": "deploy",
    "root/.bash_history": "root",
    "etc/shop/management.env": "root",
    "var/log/journal/0123/system.journal": "root",
    "var/lib/cloud/data/user-data": "root",
}
DROPPED = ("home/deploy/.cache/pip/http/x", "var/lib/systemd/random-seed", "var/cache/apt/archives/x.deb")
STRANGER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDSCsbdJpDFxsdNAlrJCLsIW6vHyGTyDSTAAD3WBhS0D stranger@pc"
IDENTITY = (
    "sha256sum /etc/ssh/ssh_host_* /etc/machine-id; stat -c '%n %a %U' /etc/ssh/ssh_host_* /etc/machine-id /home/deploy/.ssh/*"
)


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    with opened(tmp_path_factory.mktemp("machines")) as machines:
        yield machines


@pytest.fixture(scope="module")
def host(machines: Machines, tmp_path_factory: pytest.TempPathFactory) -> Instance:
    folder = disk(tmp_path_factory.mktemp("disk"))
    (folder / "srv/shop/app/REVISION").write_text(f"{REVISION}\n")
    (folder / "srv/shop/app/REVISION").chmod(0o644)
    site = {"config/__init__.py": "", "config/wsgi.py": "", "page.html": "<p>"}
    for name, text in site.items():
        (folder / "srv/shop/app" / name).parent.mkdir(exist_ok=True)
        (folder / "srv/shop/app" / name).write_text(text)
    jobs = machines.directory / "shared/jobs"
    jobs.touch()
    jobs.chmod(0o666)
    image = machines.image(folder)
    made = machines.boot(image, tags={"ramped:role": "management", "ramped:revision": REVISION}, **SHOWS)
    ec2 = machines.client("ec2")
    template = ec2.create_launch_template(LaunchTemplateName="web", LaunchTemplateData={"ImageId": image})["LaunchTemplate"]
    machines.client("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName="web",
        MinSize=0,
        MaxSize=1,
        DesiredCapacity=0,
        VPCZoneIdentifier=machines.subnet(),
        LaunchTemplate={"LaunchTemplateId": template["LaunchTemplateId"], "Version": "1"},
    )
    return made


@pytest.fixture(autouse=True)
def planted(monkeypatch: pytest.MonkeyPatch, host: Instance) -> None:
    credentials(monkeypatch)
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    lines = ["set -e", "sed -i 's/^# aside/aside/' /etc/ramped/image.conf"]
    for name, owner in [*PLANTED.items(), *((name, "root") for name in DROPPED)]:
        owner = "deploy" if name.startswith("home/deploy/") else owner
        lines += [f"install -d -o {owner} /{Path(name).parent}", f"echo {TOKEN} >/{name}", f"chown {owner}: /{name}"]
    keys = "/home/deploy/.ssh/authorized_keys"
    lines += ["chown -R deploy: /home/deploy", f"grep -q stranger {keys} || echo '{STRANGER}' >>{keys}"]
    lines += ["python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"/srv/shop/gunicorn.ctl\")' || true"]
    lines += ["chown shop: /srv/shop /srv/shop/gunicorn.ctl"]
    host.root("\n".join(lines))
    eventually("the jobs to run", lambda: states(host) == {"active"})


def a_run(machines: Machines, **image: Any) -> tuple[Run, io.StringIO]:
    out = io.StringIO()
    secrets = ("~/.aws", "~/.pgpass", "~/.netrc", "~/.ssh/id_*")
    settings = Settings(
        aws=Aws(region="eu-central-1", endpoint=machines.world["api"]),
        groups=("web",),
        management=Management(),
        ssh=Ssh(user="deploy", key=str(machines.key), timeout=20),
        app=App(
            directory="/srv/shop/app",
            virtualenv="/srv/shop/venv",
            services=("gunicorn.service",),
            domain="shop.example.com",
            health_path="/health_check/shop.example.com",
        ),
        image=Image(name="shop", secrets=secrets, **image),
        rollout=RolloutPolicy(poll=0.1),
        restart=Restart(),
        static=Static(url="/static/"),
    )
    return Run(settings, Output(out, out), SystemClock(), False, "fab bake-ami"), out


def newest(machines: Machines) -> str:
    images = machines.client("ec2").describe_images(Filters=[{"Name": "tag:ramped:clean", "Values": ["yes"]}])["Images"]
    return str(max(images, key=lambda image: image["CreationDate"])["ImageId"])


def holding(folder: Path, token: str = TOKEN) -> list[str]:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sorted(str(path.relative_to(folder)) for path in files if token.encode() in path.read_bytes())


def on_disk(host: Instance, token: str = TOKEN) -> list[str]:
    found = host.shell(
        f"grep -rlF --devices=skip -e {token} /home /root /etc /var /srv/shop/app /srv/shop/gunicorn.ctl 2>/dev/null"
    )
    return sorted(line.removeprefix("/") for line in found.stdout.split())


@pytest.mark.parametrize("reboot", [False, True])
def test_nothing_planted_is_in_the_image_and_the_instance_is_as_before(machines: Machines, host: Instance, reboot: bool) -> None:
    before, booted = host.root(IDENTITY), host.boot_id()
    keys, begun = host_keys.from_console(host.console()), len(jobs(machines))
    run, out = a_run(machines, reboot=reboot)
    bake(run, fresh=True)

    image = newest(machines)
    layer = machines.layer(image)
    assert holding(layer) == [] and holding(layer, "stranger@pc") == []
    assert (
        machines.look(
            image, "find . -xdev -type s; ls etc/ssh/ssh_host_* 2>/dev/null || true; cat etc/machine-id; ls var/lib/cloud"
        )
        == ""
    )
    assert (
        machines.look(image, "cat home/deploy/.ssh/authorized_keys").split()
        == machines.key.with_suffix(".pub").read_text().split()
    )
    assert "left out the authorized keys of stranger@pc" in out.getvalue()

    assert host.root(IDENTITY) == before and (host.boot_id() != booted) == reboot
    assert on_disk(host) == sorted(PLANTED)
    host.ssh("true")
    assert host_keys.from_console(host.console()) == keys
    # The jobs stood still meanwhile, and run again: on the management instance alone.
    eventually("the jobs to run again", lambda: states(host) == {"active"})
    assert len(jobs(machines)) > begun and host.root("systemctl is-active gunicorn.socket") == "active"

    other = machines.boot(image)
    assert not set(host_keys.from_console(other.console())) & set(keys)
    assert other.root("cat /etc/machine-id") != host.root("cat /etc/machine-id")
    assert other.ssh("id -un").stdout == "deploy\n" and on_disk(other) == []
    other.terminate()


def test_the_smoke_boot_serves_nothing_from_an_image_with_an_empty_file_and_says_which(
    machines: Machines, host: Instance
) -> None:
    """What answers is a site that is healthy without the file."""
    run, _ = a_run(machines)
    host.root(
        "printf %s 'def application(environ, start):\n    start(\"200 OK\", [])\n    return []\n' >/srv/shop/app/config/wsgi.py"
    )
    bake(run, fresh=True)
    smoke = {"ramped:role": "smoke", "ramped:group": "web"}
    whole, image = newest(machines), newest(machines)
    for damaged in (False, True):
        if damaged:
            page = machines.layer(image) / "srv/shop/app/page.html"
            assert page.read_text() == "<p>"
            page.write_bytes(b"")
        booted, other = machines.boot(whole, tags=smoke, **SHOWS), machines.boot(whole)
        state = "inactive" if damaged else "active"
        eventually(
            f"the site to be {state}", lambda s=state, b=booted: b.shell("systemctl is-active gunicorn").stdout == f"{s}\n"
        )
        # Only the smoke boot looks.
        eventually("the site to be active", lambda o=other: o.shell("systemctl is-active gunicorn").stdout == "active\n")
        says = "this image is damaged: 1 files are empty or missing, such as /srv/shop/app/page.html"
        eventually("the console to tell", lambda b=booted, d=damaged, s=says: (s in b.console()) == d)
        assert "damaged" not in other.console()
        booted.terminate()
        other.terminate()


def jobs(machines: Machines) -> list[str]:
    return (machines.directory / "shared/jobs").read_text().splitlines()


def hold(host: Instance) -> "subprocess.Popen[str]":
    """Begin to hold, as `bake-ami` does over SSH, and return when all is aside."""
    strict = ["-oStrictHostKeyChecking=yes", f"-oUserKnownHostsFile={host.machines.directory}/known-{host.id}", "-oBatchMode=yes"]
    host.ssh("true")  # writes the file of known hosts
    line = ["ssh", "-F", "none", *strict, "-i", str(host.machines.key), f"deploy@{host.address}"]
    pipe = subprocess.PIPE
    client = subprocess.Popen([*line, "sudo -n /usr/local/sbin/ramped-image hold"], stdin=pipe, stdout=pipe, text=True)
    assert client.stdin and client.stdout
    client.stdin.write('{"secrets": ["~/.aws"], "keys": null}\n')
    client.stdin.flush()
    assert '"aside"' in client.stdout.readline()
    return client


def closed(client: "subprocess.Popen[str]") -> None:
    for pipe in (client.stdin, client.stdout):
        with suppress(BrokenPipeError):
            pipe.close()  # type: ignore[union-attr]
    client.wait(60)


def test_an_operator_who_dies_leaves_the_instance_as_it_was(host: Instance) -> None:
    before = host.root(IDENTITY)
    client = hold(host)
    assert host.root("cat /etc/machine-id; ls /etc/ssh/ssh_host_* /home/deploy/.aws 2>/dev/null || true") == ""
    assert states(host) == {"inactive"}
    client.kill()
    closed(client)
    eventually("everything to be back", lambda: states(host) == {"active"} and host.shell(IDENTITY).stdout.strip() == before)
    host.ssh("true")


def test_a_program_that_is_killed_leaves_nobody_locked_out(host: Instance) -> None:
    before = host.root(IDENTITY)
    client = hold(host)
    host.root("kill -KILL $(pgrep -of '^/usr/bin/python3 -I /usr/local/sbin/ramped-image')")
    closed(client)
    eventually("everything to be back", lambda: states(host) == {"active"} and host.shell(IDENTITY).stdout.strip() == before)
    host.ssh("true")


def test_what_is_left_when_all_of_it_is_killed_is_put_back_by_hand(host: Instance) -> None:
    before = host.root(IDENTITY)
    client = hold(host)
    host.root("kill -KILL $(pgrep -f '^/usr/bin/python3 -I /usr/local/sbin/ramped-image')")
    closed(client)
    assert states(host) == {"inactive"}
    host.root("/usr/local/sbin/ramped-image resume")
    assert host.root(IDENTITY) == before
    eventually("the jobs to run again", lambda: states(host) == {"active"})


def test_a_power_cut_meanwhile_costs_the_host_keys_and_new_ones_are_on_the_console(machines: Machines, host: Instance) -> None:
    lost = machines.boot(host.snapshot())
    old = host_keys.from_console(lost.console())
    lost.root("systemctl start ramped-host-keys.service")
    assert host_keys.from_console(lost.console()) == old
    client = hold(lost)
    lost.shell("sync; systemctl reboot --force --force")
    closed(client)
    lost.ready()
    end = time.monotonic() + 60
    # Two blocks with different keys: neither is trusted until somebody has looked.
    with pytest.raises(host_keys.ConflictingKeys):
        while host_keys.from_console(lost.console()) == old:
            assert time.monotonic() < end, lost.console()
            time.sleep(0.1)
    assert lost.root("systemctl is-active ssh") == "active" and lost.root("test -s /etc/machine-id; echo $?") == "0"
    lost.terminate()


def test_sudo_allows_these_words_and_no_others(host: Instance) -> None:
    for words in ("hold --root /tmp", "resume --run /tmp", "", "-h"):
        refused = host.ssh(f"sudo -n /usr/local/sbin/ramped-image {words}", check=False)
        assert refused.returncode != 0 and "password is required" in refused.stderr
    assert host.ssh("sudo -n /usr/local/sbin/ramped-image resume").returncode == 0
