"""Machine hosts: what a machine is like from power on to its image, and that nothing of it remains."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.decisions.access import host_keys
from tests.rehearsal.hosts.machines_support import Instance, Machines, eventually, machines_here, opened

pytestmark = [machines_here, pytest.mark.apart]


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    with opened(tmp_path_factory.mktemp("machines")) as machines:
        yield machines


@pytest.fixture(scope="module")
def host(machines: Machines) -> Instance:
    return machines.boot(user_data="#!/bin/sh\necho once >>/root/user-data\n")


def test_it_runs_systemd_sshd_and_nginx_and_the_snippets_units(host: Instance) -> None:
    assert host.root("cat /proc/1/comm") == "systemd"
    assert host.root("systemctl is-active ssh.service nginx.service gunicorn.socket") == "active\nactive\nactive"
    # There is no site yet.
    assert host.root("systemctl --failed --no-legend --plain | grep -v ^gunicorn.service || true") == ""
    assert host.root("systemctl is-enabled gunicorn.service gunicorn.socket") == "enabled\nenabled"
    assert host.root("nginx -t 2>&1 | tail -n 1").endswith("test is successful")


def test_the_operator_gets_in_with_the_key_that_the_console_shows_and_may_do_what_sudoers_says(host: Instance) -> None:
    assert host.ssh("id -un; hostname").stdout.split() == ["deploy", f"ip-{host.address.replace('.', '-')}"]
    assert host.ssh("sudo -n systemctl reset-failed gunicorn.service").returncode == 0
    refused = host.ssh("sudo -n cat /etc/shadow", check=False)
    assert refused.returncode != 0 and "password is required" in refused.stderr


def test_user_data_is_run_once_and_the_host_keys_stay_over_a_reboot(host: Instance) -> None:
    eventually("user data to be run", lambda: host.shell("cat /root/user-data").stdout == "once\n")
    keys, machine_id = host_keys.from_console(host.console()), host.root("cat /etc/machine-id")
    host.reboot()
    host.ssh("true")
    assert host.root("cat /root/user-data /etc/machine-id").split() == ["once", machine_id]
    assert host_keys.from_console(host.console()) == keys and len(keys) == 2


def test_it_may_reboot_itself_and_be_stopped_and_started(host: Instance) -> None:
    before = host.leader()
    host.root("systemctl --no-block reboot")
    eventually("the machine to go down", lambda: host.leader() != before)
    host.ready()
    host.stop()
    host.start()
    assert host.ssh("true").returncode == 0


def test_an_image_is_what_was_written_and_another_machine_of_it_is_somebody_else(machines: Machines, host: Instance) -> None:
    host.root("echo mine >/srv/shop/mine; rm /etc/cron.d/e2scrub_all; sync")
    image = host.snapshot()
    assert (machines.layer(image) / "srv/shop/mine").read_text() == "mine\n"
    assert machines.look(image, "cat srv/shop/mine; ls etc/nginx/conf.d etc/cron.d").split() == [
        *("mine", "etc/cron.d:", "etc/nginx/conf.d:", "site.conf")
    ]
    other = machines.boot(image)
    assert other.root("cat /srv/shop/mine; ls /etc/cron.d") == "mine"
    assert not set(host_keys.from_console(other.console())) & set(host_keys.from_console(host.console()))
    assert other.root("hostname") != host.root("hostname")
    # EFS is one and the same on all machines.
    host.root("echo shared >/srv/shop/shared/file")
    assert other.root("cat /srv/shop/shared/file") == "shared"
    other.terminate()
    assert not list(machines.inside.glob(f"sys/fs/cgroup/*/{other.id}")), "a control group remains"


def test_nothing_in_the_box_reaches_the_outside(host: Instance) -> None:
    assert (
        host.root("ip route")
        == f"default via 10.77.0.1 dev eth0 \n10.77.0.0/16 dev eth0 proto kernel scope link src {host.address}"
    )
    assert host.shell("curl --max-time 1 --silent http://192.0.2.1/").returncode != 0
    routes = Path(f"/proc/{host.machines.first}/net/route").read_text().splitlines()[1:]
    assert [line.split()[0] for line in routes] == ["machines"]
