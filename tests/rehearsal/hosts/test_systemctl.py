"""The stand-ins for sudo, systemctl and journalctl, asked over SSH as the tasks ask."""

import re

import pytest

from tests.rehearsal.hosts.support import Fleet, Instance


@pytest.mark.parametrize(
    ("command", "code", "out", "err"),
    [
        ("systemctl is-active shop.service", 0, "active\n", ""),
        ("systemctl is-active shop", 0, "active\n", ""),
        ("systemctl is-active --quiet shop", 0, "", ""),
        ("systemctl is-active shop.service shop.socket", 0, "active\nactive\n", ""),
        ("systemctl is-active none", 4, "inactive\n", ""),
        ("systemctl is-failed shop", 1, "active\n", ""),
        ("systemctl is-enabled shop shop.socket", 0, "enabled\nenabled\n", ""),
        ("systemctl is-enabled none", 1, "", "Failed to get unit file state for none.service: No such file or directory\n"),
        ("systemctl start none", 5, "", "Failed to start none.service: Unit none.service not found.\n"),
        ("sudo systemctl start shop", 0, "", ""),
        ("systemctl status none", 4, "", "Unit none.service could not be found.\n"),
        ("systemctl cat none", 1, "", "No files found for none.service.\n"),
        ("systemctl reload shop.socket", 1, "", "Job type reload is not applicable for unit shop.socket.\n"),
        ("systemctl restart", 1, "", "Too few arguments.\n"),
        ("systemctl show none -p LoadState,ActiveState", 0, "LoadState=not-found\nActiveState=inactive\n", ""),
        ("systemctl show shop -p TriggeredBy --value", 0, "shop.socket\n", ""),
        ("systemctl show shop -P Type", 0, "notify\n", ""),
        ("systemctl show -pType --property=CanReload shop", 0, "Type=notify\nCanReload=yes\n", ""),
        ("systemctl show shop.socket --property Triggers,ActiveState", 0, "ActiveState=active\nTriggers=shop.service\n", ""),
        ("systemctl show shop -p NoSuchProperty", 0, "", ""),
        ("systemctl enable shop", 1, "", "systemctl: `enable shop` is not modelled by the rehearsal; modelled: "),
        ("systemctl --user restart shop", 1, "", "systemctl: option --user is not modelled"),
        ("systemctl show shop -p", 1, "", "systemctl: option -p lacks its value\n"),
        ("systemctl status shop -n few", 1, "", "systemctl: option -n wants a number\n"),
        ("systemctl daemon-reload", 0, "", ""),
        ("sudo -n true", 0, "", ""),
        ("sudo -n -- sh -c 'exit 4'", 4, "", ""),
        ("sudo -u root true", 1, "", "sudo: option -u is not modelled by the rehearsal; modelled: -n, -l, --\n"),
        ("sudo", 1, "", "usage: sudo"),
        ("sudo reboot", 1, "", "reboot: not modelled by the rehearsal"),
        ("pkill -f gunicorn", 1, "", "pkill: not modelled by the rehearsal"),
        ("journalctl -f -u shop", 1, "", "journalctl: -f is not modelled"),
        ("journalctl -n 5", 1, "", "name one with -u"),
        ("journalctl -u none", 0, "-- No entries --\n", ""),
    ],
)
def test_answers(instance: Instance, command: str, code: int, out: str, err: str) -> None:
    got = instance.run(command)
    assert got[:2] == (code, out)
    assert err in got[2] if err else not got[2]


def test_commands_are_shown_in_systemd_s_format(instance: Instance) -> None:
    lines = instance.run("systemctl show shop.service -p ExecReload,ExecStart,MainPID")[1].splitlines()
    pid = lines[0].removeprefix("MainPID=")
    python = f"{instance.disk}/venv/bin/python"
    assert re.fullmatch(
        rf"ExecStart=\{{ path={python} ; argv\[\]={python} -m gunicorn --workers 2 --graceful-timeout 5 tiny:application ; "
        rf"ignore_errors=no ; start_time=\[\w{{3}} [-\d]+ [:\d]+ UTC\] ; stop_time=\[n/a\] ; pid={pid} ; "
        r"code=\(null\) ; status=0/0 \}",
        lines[1],
    )
    assert lines[2].startswith("ExecReload={ path=/bin/kill ; argv[]=/bin/kill -s HUP $MAINPID ; ignore_errors=no ; ")


def test_the_main_process_is_gunicorn(instance: Instance) -> None:
    assert "gunicorn" in instance.run("tr '\\0' ' ' < /proc/$(systemctl show shop -p MainPID --value)/cmdline")[1]


def test_status_shows_state_process_and_journal(instance: Instance) -> None:
    code, out, _ = instance.run("systemctl status shop --no-pager -n 100")
    assert code == 0
    assert out.startswith("● shop.service - The shop\n     Loaded: loaded (")
    assert "Active: active (running) since " in out and "TriggeredBy: ● shop.socket" in out
    assert "Main PID: " in out and "Starting gunicorn" in out and "User= has no effect" in out


def test_status_of_an_inactive_unit_exits_3(shared_fleet: Fleet) -> None:
    instance = shared_fleet.launch()
    assert instance.run("systemctl stop shop; systemctl status shop")[0] == 3
    assert instance.run("systemctl is-active shop")[:2] == (3, "inactive\n")
    assert instance.run("systemctl reload shop")[::2] == (1, "shop.service is not active, cannot reload.\n")
    assert instance.run("systemctl try-restart shop; systemctl is-active shop")[1] == "inactive\n"
    assert instance.run("systemctl reload-or-restart shop; systemctl is-active shop")[1] == "active\n"


def test_reload_or_restart_reloads_what_runs(shared_fleet: Fleet) -> None:
    instance = shared_fleet.launch()
    show = "systemctl show shop -P MainPID"
    before = instance.run(show)[1]
    assert instance.run("systemctl reload-or-restart shop")[0] == 0
    assert instance.run(show)[1] == before
    assert instance.run("systemctl restart shop.socket")[0] == 0
    assert instance.run(show)[1] not in (before, "0\n")


def test_a_changed_unit_file_counts_from_daemon_reload_on(shared_fleet: Fleet) -> None:
    instance = shared_fleet.launch()
    unit = (instance.disk / "systemd/shop.service").read_text()
    instance.write("systemd/shop.service", unit.replace("--workers 2", "--workers 1"))
    code, _, errors = instance.run("systemctl restart shop")
    assert code == 0 and "Run 'systemctl daemon-reload' to reload units." in errors
    assert instance.run("systemctl show shop -p NeedDaemonReload --value")[1] == "yes\n"
    assert "--workers 2" in instance.run("systemctl show shop -p ExecStart")[1]
    assert instance.run("systemctl daemon-reload; systemctl restart shop")[::2] == (0, "")
    assert "--workers 1" in instance.run("systemctl show shop -p ExecStart")[1]


def test_a_unit_file_that_is_not_understood_does_not_load(shared_fleet: Fleet) -> None:
    instance = shared_fleet.launch()
    instance.write("systemd/jobs.service", "[Service]\nExecStart=/bin/sleep 9\nWatchdogSec=3\n")
    code, _, errors = instance.run("systemctl start jobs")
    assert code == 1 and "jobs.service:3: [Service] WatchdogSec= is not modelled" in errors
    assert instance.run("systemctl show jobs -p LoadState --value")[1] == "bad-setting\n"
    assert instance.run("systemctl status jobs")[0] == 3
    assert instance.run("systemctl is-active shop")[0] == 0
    shared_fleet.hosts.reboot(instance.id)
    shared_fleet.hosts.settle()
    assert "[FAILED] jobs.service is not loaded: jobs.service:3:" in shared_fleet.hosts.console(instance.id)


def test_a_unit_that_came_with_a_deploy_can_be_started(shared_fleet: Fleet) -> None:
    instance = shared_fleet.launch()
    instance.write("systemd/jobs.service", "[Service]\nType=exec\nExecStart=/bin/sleep 1000\n")
    assert instance.run("systemctl start jobs; systemctl is-active jobs")[:2] == (0, "active\n")
