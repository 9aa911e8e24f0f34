"""Real gunicorn under the rehearsal's init: what a reload and a restart cost, and when systemctl's yes means nothing.

The figures of a real machine are in the notes on measured facts; here the stand-in must show the same consequences.
"""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.rehearsal.hosts.support import Instance, Load, alive, ask, until

Launched = Callable[..., Instance]
BROKEN = "raise RuntimeError('a broken release')\n"


def release(instance: Instance, revision: str) -> None:
    instance.write("app/REVISION", f"{revision}\n")


def main_pid(instance: Instance) -> int:
    return int(instance.run("systemctl show shop -p MainPID --value")[1])


def workers(instance: Instance) -> str:
    return instance.run("pgrep -P $(systemctl show shop -p MainPID --value) | sort")[1]


def test_a_reload_under_load_loses_nothing_and_brings_the_new_release(launched: Launched) -> None:
    instance = launched(activated=False)
    with Load(instance.address, 8080) as load:
        before = main_pid(instance)
        release(instance, "v2")
        assert instance.run("sudo -n systemctl reload shop.service")[0] == 0
        until(lambda: load.answers[200, b"v2"] > 20)
    assert load.statuses() == {200}
    assert main_pid(instance) == before


def test_a_restart_with_socket_activation_loses_nothing(launched: Launched) -> None:
    instance = launched(activated=True)
    with Load(instance.address, 8080) as load:
        before = main_pid(instance)
        for revision in ("v2", "v3"):
            release(instance, revision)
            assert instance.run("sudo systemctl restart shop")[0] == 0
            until(lambda revision=revision: load.answers[200, revision.encode()] > 20)
    assert load.statuses() == {200}
    assert main_pid(instance) != before


def test_a_restart_without_socket_activation_loses_requests(launched: Launched) -> None:
    instance = launched(activated=False)
    with Load(instance.address, 8080) as load:
        release(instance, "v2")
        assert instance.run("sudo systemctl restart shop")[0] == 0
        until(lambda: load.answers[200, b"v2"] > 20)
    assert load.statuses() == {200, 502}


def test_a_reload_with_preload_keeps_the_old_code_and_a_restart_does_not(launched: Launched) -> None:
    instance = launched(activated=True, preload=True)
    release(instance, "v2")
    before = workers(instance)
    assert instance.run("sudo systemctl reload shop")[0] == 0
    until(lambda: set(workers(instance).split()).isdisjoint(before.split()) and len(workers(instance).split()) == 2)
    assert {instance.ask("/") for _ in range(10)} == {(200, b"v1")}
    assert instance.run("sudo systemctl restart shop")[0] == 0
    assert instance.ask("/") == (200, b"v2")


def test_a_broken_release_reloads_with_success_and_the_site_is_dead(launched: Launched) -> None:
    instance = launched(activated=False)
    until(lambda: instance.ask("/")[0] == 200)  # ready is said before the workers have loaded the application
    instance.write("app/tiny.py", BROKEN)
    assert instance.run("sudo systemctl reload shop")[0] == 0
    until(lambda: instance.ask("/")[0] == 502)


def test_a_broken_release_restarts_with_success_without_preload(launched: Launched) -> None:
    instance = launched(activated=False)
    until(lambda: instance.ask("/")[0] == 200)  # ready is said before the workers have loaded the application
    instance.write("app/tiny.py", BROKEN)
    assert instance.run("sudo systemctl restart shop")[0] == 0
    until(lambda: instance.run("systemctl is-active shop")[1:2] == ("failed\n",))
    assert instance.ask("/")[0] == 502


def test_a_broken_release_fails_to_restart_with_preload(launched: Launched) -> None:
    instance = launched(activated=False, preload=True)
    instance.write("app/tiny.py", BROKEN)
    code, _, errors = instance.run("sudo systemctl restart shop")
    assert code == 1
    assert "Job for shop.service failed because the control process exited with error code." in errors
    assert "a broken release" in instance.run("journalctl -u shop -n 50")[1]
    assert instance.run("systemctl is-active shop")[0] == 3


def test_a_service_that_restarts_for_ever_gives_up_at_its_limit_and_comes_back_when_mended(launched: Launched) -> None:
    instance = launched(activated=False, preload=True, more="Restart=on-failure\nRestartSec=50ms")
    good = (instance.disk / "app/tiny.py").read_text()
    instance.write("app/tiny.py", BROKEN)
    assert instance.run("sudo systemctl restart shop")[0] == 1
    until(lambda: "start-limit-hit" in instance.run("systemctl show shop -p Result")[1])
    assert int(instance.run("systemctl show shop -p NRestarts --value")[1]) >= 3
    instance.write("app/tiny.py", good)
    assert instance.run("sudo systemctl start shop")[0] == 1
    assert instance.run("sudo systemctl reset-failed shop; sudo systemctl start shop")[0] == 0
    assert instance.ask("/") == (200, b"v1")


def test_a_killed_service_is_started_again_when_it_wants_that(launched: Launched) -> None:
    instance = launched(activated=True, more="Restart=always")
    before = main_pid(instance)
    with Load(instance.address, 8080) as load:
        instance.run(f"kill -KILL {before}")
        until(lambda: main_pid(instance) not in (0, before))
        load.more(20)
    assert load.answers[200, b"v1"] > 20
    assert instance.run("systemctl show shop -p NRestarts --value")[1] == "1\n"


def test_a_killed_service_without_restart_stays_down_and_its_workers_are_gone(launched: Launched) -> None:
    instance = launched(activated=False)
    pids = [main_pid(instance), *map(int, workers(instance).split())]
    instance.run(f"kill -KILL {pids[0]}")
    until(lambda: instance.run("systemctl is-active shop")[1] == "failed\n")
    assert "Result=signal" in instance.run("systemctl show shop")[1]
    until(lambda: not any(alive(pid) for pid in pids))


def test_the_socket_starts_a_stopped_service_at_the_next_visit(launched: Launched) -> None:
    instance = launched(activated=True)
    assert instance.run("sudo systemctl stop shop.service")[0] == 0
    assert instance.run("systemctl is-active shop.service shop.socket")[1] == "inactive\nactive\n"
    assert instance.ask("/") == (200, b"v1")
    assert instance.run("systemctl is-active shop.service")[1] == "active\n"


def test_stopping_the_socket_stops_the_service_that_requires_it(launched: Launched) -> None:
    instance = launched(activated=True)
    assert instance.run("sudo systemctl stop shop.socket")[0] == 0
    assert instance.run("systemctl is-active shop.service shop.socket")[1] == "inactive\ninactive\n"
    assert instance.ask("/")[0] == 502
    assert instance.run("sudo systemctl start shop.service")[0] == 0
    assert instance.ask("/") == (200, b"v1")


def test_a_stop_lets_a_request_under_way_finish(launched: Launched) -> None:
    instance = launched(activated=False)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(instance.ask, "/slow?1.5")
        until((instance.disk / "app/slow-began").exists)
        assert instance.run("sudo systemctl stop shop")[0] == 0
        assert answer.result() == (200, b"v1")
    assert instance.ask("/")[0] == 502


def test_a_service_that_ignores_the_stop_signal_is_killed_after_its_time(launched: Launched) -> None:
    unit = """[Service]
Type=exec
ExecStart=/bin/bash -c "trap '' TERM; echo ready; while :; do sleep 0.1; done"
KillMode=control-group
TimeoutStopSec=500ms
"""
    instance = launched(activated=False, unit=unit)
    pid = main_pid(instance)
    until(lambda: "ready" in instance.run("journalctl -u shop")[1])
    assert instance.run("sudo systemctl stop shop")[0] == 0
    assert not alive(pid)
    assert "Result=timeout" in instance.run("systemctl show shop -p Result")[1]


def test_a_service_that_never_says_ready_fails_after_its_time(launched: Launched) -> None:
    unit = "[Service]\nType=notify\nExecStart=/bin/sleep 1000\nTimeoutStartSec=300ms\n"
    instance = launched(activated=False, unit=unit)
    assert "[FAILED] Failed to start shop.service" in instance.fleet.hosts.console(instance.id)
    assert instance.run("systemctl show shop -p ActiveState,Result")[1].split() == ["Result=timeout", "ActiveState=failed"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("ExecStart=/no/such/program", "Failed to locate executable /no/such/program"),
        ("ExecStart=/bin/sleep 1000\nWorkingDirectory=/no/such/folder", "/no/such/folder: No such file or directory"),
        ("ExecStart=/bin/sleep 1000\nEnvironmentFile=/no/such/file", "Failed to load environment files: /no/such/file"),
        ("ExecStart=/bin/sleep 1000\nExecStartPre=/bin/false", "ExecStartPre command `/bin/false` exited 1"),
    ],
)
def test_a_service_that_cannot_start_says_why_in_its_journal(launched: Launched, line: str, why: str) -> None:
    instance = launched(activated=False, unit=f"[Service]\n{line}\n")
    assert instance.run("sudo systemctl start shop")[0] == 1
    assert why in instance.run("journalctl -u shop")[1]
    assert instance.run("systemctl is-failed shop")[:2] == (0, "failed\n")


def test_what_a_command_of_a_unit_gets(launched: Launched) -> None:
    unit = """[Service]
Type=exec
UMask=0027
RuntimeDirectory=shop
WorkingDirectory=%h/app
Environment=COLOUR=red "SIZE=very large"
EnvironmentFile=%h/app/extra.env
EnvironmentFile=-%h/app/not-there.env
ExecStartPre=-/bin/false
ExecStartPre=/bin/sh -c "echo ${COLOUR} ${SIZE} $EXTRA; umask; pwd; ls -d %t/shop"
ExecStart=/bin/sleep 1000
ExecReload=/bin/echo main is $MAINPID
"""
    instance = launched(activated=False, unit=unit)
    instance.write("app/extra.env", "# a comment\nEXTRA='from the file'\n")
    assert instance.run("sudo systemctl restart shop; sudo systemctl reload shop")[0] == 0
    journal = instance.run("journalctl -u shop -n 40")[1]
    assert "red very large from the file\n0027\n" in journal
    assert f"{instance.disk}/app\n" in journal
    assert re.search(r"^/.*/shop$", journal, re.MULTILINE)
    assert f"main is {main_pid(instance)}\n" in journal


def test_a_tcp_socket_of_a_unit_is_the_instance_s_own_port(launched: Launched) -> None:
    instance = launched(activated=True)
    instance.write("systemd/shop.socket", "[Socket]\nListenStream=8000\n")
    assert (
        instance.run("sudo systemctl daemon-reload; sudo systemctl stop shop.socket; sudo systemctl start shop.service")[0] == 0
    )
    assert ask(instance.address, 8000, "/") == (200, b"v1")
