"""Machines that are processes: power, disks, images, faults."""

import os
import socket
import stat
from pathlib import Path

import pytest

from tests.rehearsal.hosts.support import Fleet, Instance, address, alive, environ, golden_disk, marked, service, until


def host_key(fleet: Fleet, instance: Instance) -> str:
    lines = [line for line in fleet.hosts.console(instance.id).splitlines() if line.startswith("ssh-ed25519 ")]
    assert len(lines) == 1
    return lines[0]


def test_an_image_of_a_changed_host_boots_as_the_changed_host(fleet: Fleet, disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet.image(disk)
    first = fleet.launch()
    first.write("app/REVISION", "v2\n")
    (first.disk / "static").symlink_to("/srv/shared")
    (first.disk / "app/old.pid").write_text("1")
    os.mkfifo(first.disk / "app/pipe")
    monkeypatch.chdir(first.disk)
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind("gone.sock")
    fleet.hosts.snapshot(first.id, "ami-2")
    second = fleet.launch("ami-2")
    assert second.ask("/") == (200, b"v2")
    assert (second.disk / "static").readlink() == Path("/srv/shared")
    assert {"old.pid", "pipe", "gone.sock"}.isdisjoint(path.name for path in second.disk.rglob("*"))
    assert first.ask("/")[0] == 200
    assert host_key(fleet, first) != host_key(fleet, second)


def test_an_image_holds_no_host_key_and_no_stand_in(fleet: Fleet, disk: Path, tmp_path: Path) -> None:
    fleet.image(disk)
    first = fleet.launch()
    fleet.hosts.snapshot(first.id, "ami-2")
    fleet.hosts.settle()
    names = {path.name for path in (tmp_path / "hosts/images/ami-2").rglob("*")}
    assert "tiny.py" in names
    assert names.isdisjoint({"ssh_host_ed25519_key", "systemctl", "console.log", ".init"})


def test_stop_and_start_keep_disk_and_host_key(fleet: Fleet, disk: Path) -> None:
    fleet.image(disk)
    instance = fleet.launch()
    key = host_key(fleet, instance)
    instance.run("echo kept > note")
    pids = marked(fleet.hosts)
    fleet.hosts.stop(instance.id)
    fleet.hosts.settle()
    assert instance.ask("/")[0] == 0
    assert not any(alive(pid) for pid in pids)
    fleet.hosts.start(instance.id)
    fleet.hosts.settle()
    assert instance.ask("/") == (200, b"v1")
    assert instance.run("cat note")[1] == "kept\n"
    assert host_key(fleet, instance) == key


def test_a_reboot_ends_what_ran_and_starts_the_units_again(fleet: Fleet, disk: Path) -> None:
    fleet.image(disk)
    instance = fleet.launch()
    instance.run("setsid sleep 1000 >/dev/null 2>&1 &")
    before = set(marked(fleet.hosts))
    fleet.hosts.reboot(instance.id)
    fleet.hosts.settle()
    assert instance.ask("/") == (200, b"v1")
    assert before.isdisjoint(marked(fleet.hosts))


def test_terminate_takes_the_disk_and_leaves_the_others(fleet: Fleet, disk: Path) -> None:
    fleet.image(disk)
    gone, stays = fleet.launch(), fleet.launch()
    fleet.hosts.terminate(gone.id)
    fleet.hosts.settle()
    assert not gone.disk.exists() and gone.ask("/")[0] == 0
    assert stays.ask("/") == (200, b"v1")
    assert fleet.hosts.console(gone.id) == ""


def test_asking_returns_at_once_and_is_done_in_order(fleet: Fleet, disk: Path) -> None:
    fleet.image(disk)
    instance = fleet.launch(settle=False)
    fleet.hosts.stop(instance.id)
    fleet.hosts.start(instance.id)
    fleet.hosts.snapshot(instance.id, "ami-2")
    copy = fleet.launch("ami-2", settle=False)
    fleet.hosts.reboot(copy.id)
    assert copy.ask("/")[0] == 0
    fleet.hosts.settle()
    assert instance.ask("/") == copy.ask("/") == (200, b"v1")


def test_an_image_can_be_forgotten_and_forgotten_again(fleet: Fleet, disk: Path, tmp_path: Path) -> None:
    fleet.image(disk)
    fleet.hosts.forget_image("ami-1")
    fleet.hosts.forget_image("ami-1")
    until(lambda: not (tmp_path / "hosts/images/ami-1").exists())


def test_a_missing_image_is_printed_on_the_console(fleet: Fleet) -> None:
    instance = fleet.launch("ami-none")
    assert "The machine has failed: " in fleet.hosts.console(instance.id)
    assert instance.ask("/")[0] == 0


def test_an_unknown_instance_is_an_error(fleet: Fleet) -> None:
    with pytest.raises(KeyError, match="no instance i-none"):
        fleet.hosts.stop("i-none")
    assert fleet.hosts.console("i-none") == ""


def test_user_data_is_not_run_and_the_console_says_so(fleet: Fleet, disk: Path) -> None:
    fleet.image(disk)
    fleet.hosts.launch("i-data", address(), "ami-1", "#!/bin/sh\ntouch ran\n", {})
    fleet.hosts.settle()
    assert "user data is not run" in fleet.hosts.console("i-data")
    assert not (fleet.hosts.disk("i-data") / "ran").exists()


def test_a_unit_of_a_role_runs_only_where_the_tag_says_so(fleet: Fleet, tmp_path: Path) -> None:
    only = "ConditionPathExists=%t/ramped/role-worker\nAfter=network.target"
    fleet.image(
        golden_disk(tmp_path / "disk", unit=service(activated=False).replace("After=network.target", only), activated=False)
    )
    consoles = []
    for number, tags in enumerate(({}, {"ramped:role": "worker"}, {"ramped:role": "../worker"})):
        fleet.hosts.launch(f"i-{number}", address(), "ami-1", "", tags)
        fleet.hosts.settle()
        consoles.append(fleet.hosts.console(f"i-{number}"))
    said = ["Started" if "Started shop.service" in text else "Skipped" for text in consoles]
    assert said == ["Skipped", "Started", "Skipped"]
    assert all("Skipped shop.service" in text for text in (consoles[0], consoles[2]))


def test_an_image_that_never_boots(fleet: Fleet, disk: Path) -> None:
    fleet.image(disk)
    fleet.hosts.set_image_fault("ami-1", "dead")
    instance = fleet.launch()
    assert instance.ask("/")[0] == 0
    console = fleet.hosts.console(instance.id)
    assert "Kernel panic" in console and "SSH HOST KEY" not in console
    fleet.hosts.set_image_fault("ami-1", None)
    fleet.hosts.terminate(instance.id)
    assert fleet.launch().ask("/") == (200, b"v1")


def test_an_image_that_answers_500(fleet: Fleet, disk: Path) -> None:
    fleet.image(disk)
    fleet.hosts.set_image_fault("ami-1", "error")
    instance = fleet.launch()
    assert instance.ask("/health_check/shop.test")[0] == 500
    assert instance.run("true")[0] == 0
    fleet.hosts.set_image_fault("ami-1", None)
    assert instance.ask("/health_check/shop.test")[0] == 200


def test_an_image_that_never_answers(fleet: Fleet, disk: Path) -> None:
    fleet.image(disk)
    fleet.hosts.set_image_fault("ami-1", "silent")
    instance = fleet.launch()
    with socket.create_connection((instance.address, 8080), timeout=0.5) as visitor:
        visitor.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        with pytest.raises(TimeoutError):
            visitor.recv(1)


def test_one_instance_fails_and_the_others_do_not(fleet: Fleet, disk: Path) -> None:
    fleet.image(disk)
    ill, dead, well = fleet.launch(), fleet.launch(), fleet.launch()
    fleet.hosts.set_instance_fault(ill.id, "error")
    fleet.hosts.set_instance_fault(dead.id, "dead")
    fleet.hosts.settle()
    assert [i.ask("/")[0] for i in (ill, dead, well)] == [500, 0, 200]


def test_another_fault_is_refused(fleet: Fleet) -> None:
    with pytest.raises(ValueError, match="'slow' is no fault of a process host; faults: dead, error, silent"):
        fleet.hosts.set_image_fault("ami-1", "slow")


def test_files_keep_their_modes_in_an_image(fleet: Fleet, disk: Path) -> None:
    fleet.image(disk)
    first = fleet.launch()
    (first.disk / "secret").touch(0o600)
    fleet.hosts.snapshot(first.id, "ami-2")
    second = fleet.launch("ami-2")
    assert stat.S_IMODE((second.disk / "secret").stat().st_mode) == 0o600


def test_a_disk_is_copied_while_it_is_written_to(fleet: Fleet, disk: Path) -> None:
    fleet.image(disk)
    first = fleet.launch()
    first.run("mkdir busy; (while :; do touch busy/$RANDOM; rm -f busy/*; done) >/dev/null 2>&1 &")
    for number in range(5):
        fleet.hosts.snapshot(first.id, f"ami-1{number}")
    assert fleet.launch("ami-14").ask("/") == (200, b"v1")


def test_twenty_hosts_serve_under_their_own_addresses(fleet: Fleet, tmp_path: Path) -> None:
    unit = service(activated=False).replace("--workers 2", "--workers 1")
    fleet.image(golden_disk(tmp_path / "disk", unit=unit, activated=False))
    instances = [fleet.launch(settle=False) for _ in range(20)]
    fleet.hosts.settle(120)
    for instance in instances:
        seen = environ(instance.ask("/environ"))
        assert seen["HTTP_HOST"] == f"{instance.address}:8080"
