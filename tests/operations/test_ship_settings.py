"""`ship --settings`: changed settings on every instance without a release, while visitors are served."""

import math
from collections.abc import Iterator, Sequence

import pytest

from tasks.aws import instances
from tasks.aws.draining import Targets
from tasks.aws.serving import WebInstance, in_service
from tasks.decisions.release.reload import ReloadMethod
from tasks.errors import Resumable, SettingsError
from tasks.fleet.old_process import seconds_alone
from tasks.fleet.reload import FleetReloader
from tasks.hosts.pool import Hosts
from tasks.hosts.shell import commands
from tasks.operations.restart_all import ship_settings
from tests.worlds.shop_world import ShopWorld, credentials, golden_of
from tests.worlds.visitors import visitors

# What ramped-settings does, from a file instead of AWS.
UNIT = "[Unit]\nDescription=Settings\n\n[Service]\nExecStartPre=/bin/cp %h/store %h/site.env\nExecStart=/bin/sleep 100000\n"
ASK = r"tr '\0' '\n' </proc/$(systemctl show -p MainPID --value shop.service)/environ | grep ^COLOUR="


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopWorld]:
    folder = tmp_path_factory.mktemp("settings")
    with pytest.MonkeyPatch.context() as patch:
        credentials(patch)
        with ShopWorld(golden_of(tmp_path_factory), folder / "world", web=1) as world:
            for id in (world.management, *world.cloud.members()):
                units = world.disk(id) / "systemd"
                (units / "settings.service").write_text(UNIT)
                site = (units / "shop.service").read_text()
                (units / "shop.service").write_text(site.replace("[Service]\n", "[Service]\nEnvironmentFile=-%h/site.env\n"))
            colours(world, "systemctl daemon-reload")
            yield world


def colours(world: ShopWorld, command: str = ASK) -> list[str]:
    with Hosts(world.run()) as hosts:
        ids = (world.management, *sorted(world.cloud.members()))
        return [hosts.open(instances.with_ids(world.run().cloud, [id])[0]).read(command, check=False).text for id in ids]


def store(world: ShopWorld, text: str) -> None:
    for id in (world.management, *world.cloud.members()):
        (world.disk(id) / "store").write_text(text)


@pytest.fixture
def world(shop: ShopWorld, monkeypatch: pytest.MonkeyPatch) -> ShopWorld:
    credentials(monkeypatch)
    return shop


def ship(world: ShopWorld, *, dry: bool = False) -> str:
    mark = len(world.printed)
    ship_settings(world.run(dry=dry, app={"settings_unit": "settings.service"}), None, maintenance=False)
    return world.printed[mark:]


def test_every_instance_has_the_new_value_and_no_request_is_lost(world: ShopWorld) -> None:
    store(world, "COLOUR=red\n")
    assert f"would restart settings.service and shop.service on {world.management}" in ship(world, dry=True)
    assert colours(world) == ["", ""]
    with visitors(world):
        printed = ship(world)
    assert colours(world) == ["COLOUR=red"] * 2
    assert "1 instances, 1 at a time; new settings" in printed
    assert printed.count("new settings, restart behind its socket") == 1


def test_a_sole_instance_is_not_drained_though_it_starts_slowly(world: ShopWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    prove = FleetReloader.prove

    def slow(self: FleetReloader, webs: Sequence[WebInstance]) -> None:
        prove(self, webs)
        self._instances.start = 3600.0

    monkeypatch.setattr(FleetReloader, "prove", slow)
    store(world, "COLOUR=blue\n")
    with visitors(world):
        assert "new settings, restart behind its socket" in ship(world)
    assert colours(world) == ["COLOUR=blue"] * 2


@pytest.mark.parametrize(
    ("forgiven", "expected"),
    [(3600.0, ReloadMethod.SOCKET_RESTART), (1e-6, ReloadMethod.DRAIN), (math.inf, ReloadMethod.SOCKET_RESTART)],
)
def test_how_long_a_start_takes_is_measured_where_no_page_is_asked_for(
    world: ShopWorld, monkeypatch: pytest.MonkeyPatch, forgiven: float, expected: ReloadMethod
) -> None:
    monkeypatch.setattr(Targets, "forgiven", lambda *_: forgiven)
    run = world.run(app={"pages": []})
    (web,) = in_service(run.cloud, run.settings.groups)
    with FleetReloader(run, [], only_if_needed=False) as reloader:
        reloader.prove([web])
        ours, host = reloader._instances, reloader._hosts.open(web.instance)
        assert ours.start is None
        assert ours._unnoticed(ReloadMethod.SOCKET_RESTART, host, web, 1) is ReloadMethod.SOCKET_RESTART, "a sole one"
        assert ours._unnoticed(ReloadMethod.SOCKET_RESTART, host, web, 2) is expected
        assert (ours.start or 0.0) > 0.0 or forgiven == math.inf


def test_a_site_that_does_not_start_alone_has_no_known_time(world: ShopWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    run = world.run()
    (web,) = in_service(run.cloud, run.settings.groups)
    monkeypatch.setattr(commands, "serving", lambda *_: "exit 3")
    with Hosts(run) as hosts:
        assert seconds_alone(run, hosts.open(web.instance)) is None


def test_the_first_instance_that_cannot_read_them_stops_it_and_serves_as_before(world: ShopWorld) -> None:
    store(world, "COLOUR=green\n")
    for id in world.cloud.members():
        (world.disk(id) / "store").unlink()
    with pytest.raises(Resumable, match="systemctl restart settings.service"):
        ship(world)
    assert colours(world)[0] == "COLOUR=green"
    assert sorted(world.healthy()) == sorted(world.cloud.members())


def test_what_only_a_release_has_is_refused_beside_it(world: ShopWorld) -> None:
    with pytest.raises(SettingsError, match="--settings: releases nothing"):
        ship_settings(world.run(), "v2", maintenance=False)
    with pytest.raises(SettingsError, match="app.settings_unit: found null"):
        ship_settings(world.run(), None, maintenance=False)
