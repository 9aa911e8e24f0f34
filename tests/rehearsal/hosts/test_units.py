"""What the init reads out of unit files, and what it refuses."""

import signal

import pytest

from rehearsal.hosts.unit_syntax import Command, UnitError
from rehearsal.hosts.units import ServiceUnit, SocketUnit, parse
from tests.rehearsal.hosts.support import SOCKET, service

PLACES = {"h": "/home/a", "t": "/run/a"}


def parsed(text: str, name: str = "shop.service") -> ServiceUnit:
    unit = parse(name, text, PLACES)
    assert isinstance(unit, ServiceUnit)
    return unit


def test_a_service_for_gunicorn() -> None:
    unit = parsed(service())
    assert unit.start.argv[:3] == ("/home/a/venv/bin/python", "-m", "gunicorn")
    assert unit.reload == (Command(("/bin/kill", "-s", "HUP", "$MAINPID")),)
    assert (unit.type, unit.kill_mode, unit.kill_signal, unit.stop_timeout) == ("notify", "mixed", signal.SIGTERM, 20)
    assert (unit.requires, unit.directory, unit.description) == (("shop.socket",), "/home/a/app", "The shop")


def test_the_defaults_are_systemd_s() -> None:
    unit = parsed("[Service]\nExecStart=/bin/a\n")
    assert (unit.type, unit.restart, unit.restart_after, unit.kill_mode) == ("simple", "no", 0.1, "control-group")
    assert (unit.start_timeout, unit.stop_timeout, unit.limit_interval, unit.limit_burst) == (90, 90, 10, 5)
    assert (unit.description, unit.directory, unit.umask) == ("shop.service", "/", 0o022)


def test_what_has_no_effect_is_said_with_its_reason() -> None:
    ignored = parsed("[Service]\nExecStart=/bin/a\nUser=www-data\nProtectSystem=strict\n").ignored
    assert ignored[0].startswith("shop.service:3: User= has no effect: there are no users here")
    assert ignored[1].startswith("shop.service:4: ProtectSystem= has no effect: there is no sandbox")


def test_paths_that_must_exist_are_absolute() -> None:
    unit = parsed("[Unit]\nConditionPathExists=%t/a\nConditionPathExists=/b\n[Service]\nExecStart=/bin/a\n")
    assert unit.conditions == ("/run/a/a", "/b")


def test_an_empty_assignment_forgets_and_the_last_scalar_wins() -> None:
    unit = parsed("[Service]\nExecStart=/bin/a\nExecStart=\nExecStart=/bin/b\nType=exec\nType=notify\n")
    assert (unit.start.argv, unit.type) == (("/bin/b",), "notify")


def test_a_socket() -> None:
    unit = parse("shop.socket", SOCKET, PLACES)
    assert unit == SocketUnit(
        name="shop.socket",
        description="Socket of the shop",
        listen="/run/a/shop.sock",
        mode=0o666,
        backlog=4096,
        service="shop.service",
        remove=False,
        ignored=unit.ignored,
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[Service]\nExecStart=/bin/a\nWatchdogSec=5\n", r"shop.service:3: \[Service\] WatchdogSec= is not modelled"),
        ("[Unit]\nConditionPathExists=!/a\n[Service]\nExecStart=/bin/a\n", "ConditionPathExists=!/a is not modelled"),
        ("[Service]\nExecStart=/bin/a\nType=forking\n", "Type=forking is not modelled; simple, exec, notify are"),
        ("[Service]\nExecStart=/bin/a\nKillMode=none\n", "KillMode=none is not modelled"),
        ("[Service]\nExecStart=/bin/a\n[Timer]\nOnBootSec=5\n", r"\[Timer\] OnBootSec= is not modelled"),
        ("[Socket]\nListenStream=80\n[Service]\nExecStart=/bin/a\n", r"\[Socket\] ListenStream= is not modelled"),
        ("[Service]\n", "0 lines ExecStart="),
        ("[Service]\nExecStart=/bin/a\nExecStart=/bin/b\n", "2 lines ExecStart="),
        ("[Service]\nExecStart=/bin/a %i\n", "shop.service:2: %i in"),
        ("[Service]\nExecStart=/bin/a\nKillSignal=SIGNONE\n", "KillSignal=SIGNONE is no signal"),
        ("[Service]\nExecStart=/bin/a\nTimeoutStopSec=soon\n", "`soon` is not a span of time"),
        ("[Service]\nExecStart=/bin/a\nUMask=rw\n", "shop.service: "),
    ],
)
def test_what_is_not_modelled_is_refused(text: str, message: str) -> None:
    with pytest.raises(UnitError, match=message):
        parse("shop.service", text, PLACES)


@pytest.mark.parametrize(
    "text", ["[Socket]\n", "[Socket]\nListenStream=1\nListenStream=2\n", "[Socket]\nListenStream=1\nAccept=yes\n"]
)
def test_other_sockets_are_refused(text: str) -> None:
    with pytest.raises(UnitError, match="one ListenStream="):
        parse("shop.socket", text, PLACES)


def test_other_kinds_of_units_are_refused() -> None:
    with pytest.raises(UnitError, match="only .service and .socket"):
        parse("shop.timer", "", PLACES)
