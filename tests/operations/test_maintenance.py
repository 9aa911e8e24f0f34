"""The maintenance page, seen by real requests through the balancer; and releases behind it."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rehearsal.balancer import Balancer
from tasks.errors import DeployError, Refused, SettingsError
from tasks.operations.maintenance import mention, turn_off, turn_on
from tasks.operations.ship import ship
from tests.worlds.operator_folder import Folder
from tests.worlds.shipping_world import fast, world_in
from tests.worlds.shop_world import DOMAIN, ShopWorld, credentials

go = ship
RENAME = """
from django.db import migrations

class Migration(migrations.Migration):
    dependencies = [("shop", "0003_notes_and_reviews")]
    operations = [migrations.RenameField("product", "name", "title")]
"""


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopWorld]:
    """A world in which nothing is deployed."""
    with world_in(tmp_path_factory, web=1) as made:
        yield made


@pytest.fixture
def still(quiet: ShopWorld) -> Iterator[ShopWorld]:
    yield quiet
    quiet.cloud.control("faults", {})
    turn_off(quiet.run())


@contextmanager
def balancer(world: ShopWorld) -> Iterator[str]:
    made = Balancer(f"127.{world.cloud.octet}.0.3", 8080, world.standin.routes())
    made.start()
    try:
        yield f"http://127.{world.cloud.octet}.0.3:8080"
    finally:
        made.close()


def ask(base: str, **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(f"{base}/", headers={"Host": DOMAIN, **headers})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def until(world: ShopWorld, base: str, status: int, **headers: str) -> str:
    world.cloud.wait(lambda: ask(base, **headers)[0] == status)
    return ask(base, **headers)[1]


def rules(world: ShopWorld) -> list[dict[str, Any]]:
    elb = world.cloud.client("elbv2")
    balancer = elb.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
    listener = elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"][0]["ListenerArn"]
    return list(elb.describe_rules(ListenerArn=listener)["Rules"])


def test_visitors_see_the_page_the_team_sees_the_site_and_checks_go_on(still: ShopWorld, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("only-we-know\n")
    more = {"bypass_header": "X-Team", "bypass_secret": str(secret)}
    with balancer(still) as base:
        assert "shop" in until(still, base, 200)
        turn_on(still.run(maintenance=more))
        turn_on(still.run(maintenance=more))
        page = until(still, base, 503)
        assert "Under construction" in page and 'http-equiv="Retry-After" content="120"' in page
        assert "shop" in until(still, base, 200, **{"X-Team": "only-we-know"})
        assert ask(base, **{"X-Team": "others"})[0] == 503
        assert len(rules(still)) == 3 and "only-we-know" not in still.printed
        # The checks go past the listener.
        still.cloud.wait(lambda: len(still.healthy()) == 1)
        turn_off(still.run())
        assert "shop" in until(still, base, 200) and len(rules(still)) == 1
        turn_off(still.run())


def test_an_own_page_is_sent_as_it_is_and_a_long_one_refused(still: ShopWorld, tmp_path: Path) -> None:
    own = tmp_path / "page.html"
    own.write_text("<h1>Wir bauen um – bald zurück</h1>")
    with balancer(still) as base:
        turn_on(still.run(maintenance={"page": str(own)}))
        assert until(still, base, 503) == own.read_text()
        own.write_text("<h1>Later</h1>")
        turn_on(still.run(maintenance={"page": str(own)}))
        still.cloud.wait(lambda: ask(base)[1] == "<h1>Later</h1>")
    own.write_text("x" * 1025)
    with pytest.raises(SettingsError, match="maintenance.page: .*1025 bytes; allowed: 1024"):
        turn_on(still.run(maintenance={"page": str(own)}))
    with pytest.raises(SettingsError, match="maintenance.page: .*No such file"):
        turn_on(still.run(maintenance={"page": str(tmp_path / "nowhere")}))


def test_a_way_round_that_would_let_in_others_is_refused_and_no_plan_tells_the_secret(still: ShopWorld, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    more = {"bypass_header": "X-Team", "bypass_secret": str(secret)}
    for bad in ("*", "", "short", "with?mark", "back\\slash", "x" * 129):
        secret.write_text(bad)
        with pytest.raises(SettingsError, match="maintenance.bypass_secret: .*does not fit"):
            turn_on(still.run(maintenance=more))
    for addresses in (("999.1.1.1/99",), ("192.0.2.1/24",)):
        with pytest.raises(SettingsError, match="maintenance.bypass_addresses"):
            turn_on(still.run(maintenance={"bypass_addresses": addresses}))
    secret.write_text("only-we-know-it")
    turn_on(still.run(dry=True, maintenance={**more, "bypass_addresses": ("127.0.0.0/8",)}))
    assert "would make or change 3 rules of 1 listeners" in still.printed and "only-we-know" not in still.printed
    assert len(rules(still)) == 1
    with balancer(still) as base:
        turn_on(still.run(maintenance={"bypass_addresses": ("127.0.0.0/8",)}))
        still.cloud.wait(lambda: len(rules(still)) == 3)
        assert ask(base)[0] == 200


def test_it_settles_though_conditions_are_shown_in_an_order_of_awss_own(still: ShopWorld, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("only-we-know-it")
    addresses = tuple(f"192.0.2.{number}/32" for number in range(6))
    more = {"bypass_header": "X-Team", "bypass_secret": str(tmp_path / "secret"), "bypass_addresses": addresses}
    still.cloud.control("options", {"shuffle_rules": True})
    try:
        turn_on(still.run(maintenance=more))
        made = still.calls("elasticloadbalancing:CreateRule")
        turn_on(still.run(maintenance=more))
        assert still.calls("elasticloadbalancing:CreateRule") == made and len(rules(still)) == 5
    finally:
        still.cloud.control("options", {"shuffle_rules": False})


def test_the_page_is_taken_away_though_the_settings_name_other_groups_by_now(still: ShopWorld) -> None:
    turn_on(still.run())
    since = {tag["Key"]: tag["Value"] for tag in still.cloud.group()["Tags"]}["ramped:maintenance"]
    more = replace(still.run(), settings=replace(still.settings(), groups=("web", "web")))
    turn_on(more)
    assert len(rules(still)) == 2
    assert {tag["Key"]: tag["Value"] for tag in still.cloud.group()["Tags"]}["ramped:maintenance"] == since
    turn_off(more)
    assert len(rules(still)) == 1


def test_every_task_says_first_that_the_page_is_on(still: ShopWorld, tmp_path: Path) -> None:
    folder = Folder(tmp_path, "from ops import ns\n", still.fabric_yaml())
    assert "maintenance page" not in folder.run("inv", "status").err
    assert folder.run("inv", "maintenance-on").code == 0
    shown = folder.run("fab", "status")
    assert shown.err.startswith("warning: the maintenance page has been on since ")
    assert "the maintenance page is on since" in shown.out
    planned = folder.run("inv", "--dry", "maintenance-off")
    assert planned.code == 0 and "would delete 1 rules" in planned.out and len(rules(still)) == 2
    assert folder.run("fab", "maintenance-off").code == 0
    assert "maintenance page" not in folder.run("inv", "status").err and len(rules(still)) == 1


def test_what_a_crash_or_a_lost_answer_leaves_is_finished_by_the_same_command(still: ShopWorld) -> None:
    for action in ("CreateRule", "CreateOrUpdateTags"):
        still.cloud.control("faults", {"lost_answers": {action: 1}})
        turn_on(still.run())
        assert len(rules(still)) == 2
        still.cloud.control("faults", {"lost_answers": {"DeleteRule": 1}})
        turn_off(still.run())
        assert len(rules(still)) == 1


def test_there_must_be_a_listener_for_it(still: ShopWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.aws.listeners.describe", lambda *_: [])
    with pytest.raises(Refused, match="nowhere to put a page"):
        turn_on(still.run())
    monkeypatch.undo()
    credentials(monkeypatch)
    mention(still.run(aws={"endpoint": "http://127.0.0.1:9"}))


class Visitors(threading.Thread):
    """Ask for the home page all the time; keep every answer."""

    def __init__(self, base: str) -> None:
        super().__init__(daemon=True)
        self.base, self.ending, self.seen = base, threading.Event(), list[tuple[int, str]]()

    def run(self) -> None:
        while not self.ending.wait(0.1):
            self.seen.append(ask(self.base))

    def __enter__(self) -> "Visitors":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        self.join()


def test_a_breaking_release_is_shipped_behind_the_page(tmp_path_factory: pytest.TempPathFactory) -> None:
    with world_in(tmp_path_factory, web=2, health="ELB") as world, balancer(world) as base:
        world.publish(world.v2)
        go(fast(world, management={"keep_running": True}))
        until(world, base, 200)
        old = world.cloud.members()
        models = (
            (world.disk() / "app/shop/models.py")
            .read_text()
            .replace("    name = ", "    title = ")
            .replace("self.name", "self.title")
        )
        page = {
            f"shop/templates/shop/{name}": (world.disk() / f"app/shop/templates/shop/{name}")
            .read_text()
            .replace(".name", ".title")
            for name in ("home.html", "product.html")
        }
        broken = world.commit(
            {"shop/models.py": models, "shop/migrations/0004_title.py": RENAME, "config/wsgi.py": "raise RuntimeError\n", **page}
        )
        world.cloud.wait(lambda: len(world.healthy()) == 2)
        with Visitors(base) as visitors:
            # Without the page it is refused; with a release that does not even start the page stays.
            with pytest.raises(Refused, match="ship --maintenance"):
                go(fast(world))
            with pytest.raises(DeployError):
                go(fast(world, app={"boot_timeout": 15}), maintenance=True)
            assert "the maintenance page stays. To go on: fab deploy" in world.err.getvalue()
            assert until(world, base, 503) and world.cloud.members() == old
            good = world.commit({"config/wsgi.py": (world.disk(old[0]) / "app/config/wsgi.py").read_text()}, onto=broken)
            go(fast(world, management={"keep_running": True}), maintenance=True)
            until(world, base, 200)
        assert {status for status, _ in visitors.seen} == {200, 503}
        assert all("Under construction" in body for status, body in visitors.seen if status == 503)
        assert not set(old) & set(world.cloud.members()) and len(rules(world)) == 1
        assert (world.disk(world.cloud.members()[0]) / "app/REVISION").read_text().strip() == good
        assert "ramped:maintenance" not in json.dumps(world.cloud.group()["Tags"], default=str)
