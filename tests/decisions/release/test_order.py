"""The order of a release: nothing before what it needs, and the path that takes longest."""

from itertools import combinations

import pytest

from tasks.decisions.release import durations, order
from tasks.decisions.release.order import beside, outlook, parts, spans

SECONDS = {
    "deploy": 60,
    "begin the image": 10,
    "restart-all": 90,
    "warm-cdn": 5,
    "image": 300,
    "template version": 5,
    "rollout": 900,
}


def subsets() -> list[set[str]]:
    left_out = ("restart-all", "warm-cdn", "invalidate", "contract", "stop the management instance")
    return [set(some) for number in range(len(left_out) + 1) for some in combinations(left_out, number)]


@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize("without", subsets())
def test_each_part_comes_once_after_what_it_needs(early: bool, without: set[str]) -> None:
    found = parts(early=early, without=without)
    names = [part.name for part in found]
    assert len(set(names)) == len(names) == 10 - len(without) and not without & set(names)
    for place, part in enumerate(found):
        assert set(part.after) <= set(names[:place]) and bool(part.after) == bool(place)
    # Whatever is left out: no template version of a release before it is verified and the old instances serve its files.
    ends = {span.name: span for span in spans(found, dict.fromkeys(names, 1.0))}
    for first in {"deploy", "restart-all", "warm-cdn", "image"} - without:
        assert ends[first].end <= ends["template version"].begin
    assert ends["template version"].end <= ends["rollout"].begin
    assert all(ends["rollout"].end <= ends[name].begin for name in set(order.LAST) - without)


def test_only_what_ec2_does_by_itself_is_beside_anything() -> None:
    early = parts(early=True)
    assert beside(early, "image") == ["restart-all", "warm-cdn"]
    assert beside(early, "restart-all") == beside(early, "warm-cdn") == ["image"]
    assert not any(beside(early, part.name) for part in early if part.name not in ("image", "restart-all", "warm-cdn"))
    late = parts(early=False)
    assert not any(beside(late, part.name) for part in late)


def test_the_critical_path_is_what_takes_longest_and_nothing_beside_it() -> None:
    early = spans(parts(early=True), SECONDS)
    assert early[-1].end == 60 + 10 + 300 + 5 + 900
    assert [span.name for span in early if not span.critical] == ["restart-all", "warm-cdn"]
    slow = spans(parts(early=True), {**SECONDS, "restart-all": 400})
    assert slow[-1].end == 60 + 10 + 405 + 5 + 900
    assert [span.name for span in slow if not span.critical] == ["image"]
    late = spans(parts(early=False), SECONDS)
    assert late[-1].end == sum(SECONDS.values()) and all(span.critical for span in late)
    assert spans([], {}) == []


def test_durations_survive_their_tag_and_others_in_it() -> None:
    names = [part.name for part in parts(early=True)]
    told = durations.value({name: 12.4 for name in names})
    assert len(told) <= 256 and durations.read(told, names) == dict.fromkeys(names, 12.0)
    assert len(durations.value({name: 999_999 for name in names})) <= 256
    assert durations.read("deploy=1e9 image=-4 rollout= x=1 restart-all=7 image=99999999", names) == {"restart-all": 7.0}
    assert durations.read("", names) == {}


def test_a_part_that_the_last_release_had_not_took_as_long_as_in_the_one_before() -> None:
    assert durations.latest(["deploy=9 image=300", "deploy=5 restart-all=7", "restart-all=8"], ["deploy", "restart-all"]) == {
        "deploy": 9.0,
        "restart-all": 7.0,
    }
    assert durations.latest([], ["deploy"]) == {}


def test_what_is_not_known_is_said_to_be_so() -> None:
    shown = outlook(parts(early=True, without=order.LAST), {"deploy": 60.0, "image": 300.0, "restart-all": 90.0})
    known = {part.name: (part.begins_after, part.takes, part.beside) for part in shown.parts}
    assert known["image"] == (60.0, 300.0, ("restart-all", "warm-cdn"))
    assert known["rollout"] == (360.0, None, ()) and not shown.whole and shown.seconds == 360.0
    assert shown.critical_path == ("deploy", "begin the image", "image", "template version", "rollout")
    assert outlook(parts(early=True, without=order.LAST), SECONDS).whole
