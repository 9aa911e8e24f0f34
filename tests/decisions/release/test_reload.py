import pytest

from tasks.decisions.release.reload import (
    Effect,
    ReloadMethod,
    Service,
    methods,
    next_method,
    patience,
    read_service,
    unnoticed,
)

PLAIN = """\
ExecStart={ path=/srv/venv/bin/gunicorn ; argv[]=/srv/venv/bin/gunicorn shop.wsgi --workers 3 ; ignore_errors=no }
ExecReload={ path=/bin/kill ; argv[]=/bin/kill -s HUP $MAINPID ; ignore_errors=no ; start_time=[n/a] }
Environment=DJANGO_SETTINGS_MODULE=shop.settings
LoadState=loaded
ActiveState=active
TriggeredBy=
"""
SERVICE = Service(loaded=True, active=True, reloadable=True, preloads=False, socket=None)


def test_a_plain_service() -> None:
    assert read_service(PLAIN) == SERVICE


def test_a_socket_that_triggers_it_is_found() -> None:
    assert read_service(PLAIN.replace("TriggeredBy=", "TriggeredBy=shop.path shop.socket")).socket == "shop.socket"
    assert read_service(PLAIN.replace("TriggeredBy=", "TriggeredBy=shop.timer")).socket is None


@pytest.mark.parametrize(
    ("old", "new", "preloads"),
    [
        ("--workers 3", "--workers 3 --preload", True),
        ("--workers 3", "--preload --workers 3", True),
        ("--workers 3", "--preload-something 3", False),
        ("--workers 3", "--name no--preload", False),
        ("=shop.settings", "=shop.settings GUNICORN_CMD_ARGS=--preload", True),
        ("=shop.settings", '=shop.settings "GUNICORN_CMD_ARGS=--workers 3 --preload"', True),
    ],
)
def test_preload_is_found_where_the_unit_shows_it(old: str, new: str, preloads: bool) -> None:
    assert read_service(PLAIN.replace(old, new)).preloads is preloads


def test_a_service_that_cannot_reload_has_no_line_for_it() -> None:
    text = "\n".join(line for line in PLAIN.splitlines() if not line.startswith("ExecReload"))
    assert not read_service(text).reloadable


def test_a_unit_that_is_not_there() -> None:
    service = read_service("LoadState=not-found\nActiveState=inactive\n")
    assert not service.loaded and not service.active


@pytest.mark.parametrize(
    ("reloadable", "preloads", "socket", "expected"),
    [
        (True, False, None, (ReloadMethod.RELOAD, ReloadMethod.DRAIN)),
        (True, False, "shop.socket", (ReloadMethod.RELOAD, ReloadMethod.SOCKET_RESTART)),
        (True, True, None, (ReloadMethod.DRAIN,)),
        (True, True, "shop.socket", (ReloadMethod.SOCKET_RESTART,)),
        (False, False, None, (ReloadMethod.DRAIN,)),
        (False, False, "shop.socket", (ReloadMethod.SOCKET_RESTART,)),
        (False, True, None, (ReloadMethod.DRAIN,)),
        (False, True, "shop.socket", (ReloadMethod.SOCKET_RESTART,)),
    ],
)
def test_ways(reloadable: bool, preloads: bool, socket: str | None, expected: tuple[ReloadMethod, ...]) -> None:
    assert methods(Service(True, True, reloadable, preloads, socket)) == expected


def test_what_is_not_running_cannot_be_reloaded() -> None:
    assert methods(Service(True, False, True, False, None)) == (ReloadMethod.DRAIN,)


@pytest.mark.parametrize(
    ("socket", "start", "expected"),
    [
        ("shop.socket", None, ReloadMethod.DRAIN),  # not known
        ("shop.socket", 0.0, ReloadMethod.SOCKET_RESTART),
        ("shop.socket", 17.0, ReloadMethod.SOCKET_RESTART),
        ("shop.socket", 17.5, ReloadMethod.DRAIN),
        (None, 1.0, ReloadMethod.DRAIN),
    ],
)
def test_a_site_that_starts_slowly_is_drained_before_the_load_balancer_does_it(
    socket: str | None, start: float | None, expected: ReloadMethod
) -> None:
    method = methods(Service(True, True, True, False, socket))[-1]
    assert unnoticed(method, start, 35.0) is expected
    assert unnoticed(method, start, float("inf")) is method, "no load balancer asks"
    assert unnoticed(ReloadMethod.RELOAD, start, 35.0) is ReloadMethod.RELOAD


def test_a_reload_without_effect_leads_to_the_next_method() -> None:
    assert next_method(SERVICE, ()) is ReloadMethod.RELOAD
    assert next_method(SERVICE, (ReloadMethod.RELOAD,)) is ReloadMethod.DRAIN
    assert next_method(SERVICE, (ReloadMethod.RELOAD, ReloadMethod.DRAIN)) is None


def test_what_another_host_taught_may_leave_the_first_way_out() -> None:
    behind = Service(True, True, True, False, "shop.socket")
    assert next_method(behind, [ReloadMethod.RELOAD]) is ReloadMethod.SOCKET_RESTART


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        ([(0, 10), (0, 10)], [None, False]),  # nothing new for as long as the patience
        ([(10, 0)], [True]),
        # A server that replaces one process after the other is left alone as long as some are old: a restart would cut it off.
        ([(0, 10), (3, 7), (3, 7), (6, 4), (10, 0)], [None, None, None, None, True]),
        # The answers of new processes alone may be chance, and then old ones answer again.
        ([(3, 7), (0, 10), (0, 10)], [None, False, False]),
    ],
)
def test_a_reload_is_without_effect_where_nothing_new_answers(seen: list[tuple[int, int]], found: list[bool | None]) -> None:
    effect = Effect(patience=15)
    assert [effect.seen(new, old, 20.0 * at) for at, (new, old) in enumerate(seen)] == found


def test_of_a_site_that_is_not_healthy_nothing_can_be_said() -> None:
    effect = Effect(patience=15)
    assert effect.seen(3, 7, 0.0) is None and effect.partly
    assert effect.seen(0, 10, 1.0) is None and effect.partly  # which of them answers is chance
    effect.ill()
    assert not effect.partly
    assert effect.seen(0, 10, 20.0) is None and effect.seen(0, 10, 40.0) is False


@pytest.mark.parametrize(("start", "found"), [(0.0, 75.0), (20.0, 80.0), (80.0, 150.0), (1200.0, 150.0)])
def test_a_slow_start_is_waited_for_and_a_stronger_method_is_tried_within_the_timeout(start: float, found: float) -> None:
    assert patience(300, start) == found
