"""The benchmarks over the model decide something too: that a rollout ended well, that a state is new, that a property broke."""

from dataclasses import replace

from tests.benchmarks.exhaustive import after, explore, families, key
from tests.benchmarks.ship_share import kinds
from tests.benchmarks.virtual import measure, table
from tests.benchmarks.whole_ship import DEPLOY, IMAGE, RELOAD, floor
from tests.benchmarks.whole_ship import measure as ship
from tests.decisions.rollout.histories import World
from tests.worlds.shop_world import credentials


def test_a_large_rollout_launches_each_instance_once_and_shows_its_cost() -> None:
    cost = measure(30)
    assert cost.launches == cost.instances == 30
    assert 0 < cost.steps < cost.looks
    assert table([cost]).splitlines()[1].split()[:2] == ["30", "30"]


def test_steps_per_instance_do_not_grow() -> None:
    small, large = measure(50), measure(500)
    assert large.steps / 500 <= small.steps / 50


def test_states_are_told_apart_by_what_matters_and_not_by_the_time() -> None:
    fleets = list(families())[-1]
    group = fleets.start.group
    known = key(fleets.start)
    later = after(fleets, fleets.start, ("tick", 0))
    assert later and key(later) != known
    assert key(replace(fleets.start, took=1)) != known
    group.pass_time(1000)
    assert key(fleets.start) == known


def test_small_fleets_hold_their_properties() -> None:
    states, broken = explore(list(families()), 1500)
    assert states >= 1500
    assert not broken, broken[0]


def test_a_broken_property_is_found_with_its_story(monkeypatch) -> None:  # noqa: ANN001
    def check(self: World) -> None:
        assert self.group.desired <= self.own, "bounded\n" + self.story()

    monkeypatch.setattr(World, "check", check)
    _, broken = explore(list(families())[-1:], 1500)
    assert broken and broken[0].startswith("bounded")
    assert "suspend AZRebalance" in broken[0]


def test_a_look_is_of_the_function_that_runs_and_not_of_who_called_it() -> None:
    looks = (
        "run (/x/tasks/ship.py:3);decode (/lib/json.py:1) 5\nrun (/x/tasks/ship.py:3) 2\nx (<frozen importlib._bootstrap>:1) 1\n"
    )
    assert kinds(looks) == {"libraries": 5, "our own code": 2, "imports": 1}


def test_a_whole_ship_takes_little_more_than_its_critical_path(monkeypatch) -> None:  # noqa: ANN001
    credentials(monkeypatch)
    took = ship(1, early=True)
    assert took.floor == floor(1, early=True) and 1 <= took.ratio <= 1.1
    # EC2 made the image while the old instance was reloaded: it was waited for once, and what was waited for was not all of it.
    assert took.parts["image"] >= IMAGE > took.parts["restart-all"] >= RELOAD and took.parts["deploy"] >= DEPLOY
    assert took.seconds < sum(took.parts.values())
    assert floor(1, early=True) < floor(1, early=False)
