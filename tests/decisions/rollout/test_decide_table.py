"""`decide` by table: a fleet in the middle of a run, and the one step that follows."""

from dataclasses import replace
from typing import Any

import pytest

from tasks.decisions.rollout.snapshot import FleetInstance, Policy, Record
from tasks.decisions.rollout.steps import (
    Abort,
    Begin,
    Copy,
    Done,
    Forget,
    Point,
    Protect,
    RestoreMax,
    Resume,
    Retire,
    Return,
    Step,
    Stop,
    Suspend,
    Terminate,
    TurnBack,
    Unprotect,
    Wait,
)
from tests.decisions.rollout.fleets import NOW, OURS, POLICY, RECORD, booting, new, old, step, surged

PAIR = (old("i-1", "a"), old("i-2", "b"))


def test_first_what_interferes_is_suspended_then_it_is_pointed() -> None:
    begun = surged(*PAIR, version="1", desired=2, maximum=4, suspended=frozenset())
    assert step(begun) == Suspend(OURS)
    assert step(replace(begun, suspended=frozenset({"AZRebalance"}))) == Suspend(("ScheduledActions",))
    assert step(replace(begun, suspended=frozenset(OURS))) == Point("2", 3, 5)


REST = surged(*PAIR, record=None, version="1", desired=2, maximum=4, suspended=frozenset({"AZRebalance", "HealthCheck"}))


@pytest.mark.parametrize(
    ("fleet", "rules", "differs"),
    [
        ({}, {}, {}),
        ({}, {"surge": 5}, {"surge": 2, "raised": 6}),  # never more than there are to replace
        ({}, {"surge": 2, "canary": 1}, {}),
        ({}, {"surge": 2, "canary": 3}, {"surge": 2, "raised": 6}),
        ({}, {"raise_max": False}, {"raised": 4}),
        ({"version": "2"}, {}, {"pointed": True}),
        ({"version": "$Latest"}, {}, {"latest": True}),
        ({"protects_new": True}, {}, {"protect": False}),
        ({"suspended": frozenset()}, {}, {"suspended": OURS}),
        ({"heaviest": 2, "lightest": 1}, {}, {"surge": 3, "raised": 7}),
        ({}, {"canary": 2}, {}),
        ({"instances": ()}, {}, {"surge": 0, "raised": 4, "size": 0}),
        ({"instances": (), "heaviest": 2, "lightest": 1}, {}, {"surge": 0, "raised": 4, "size": 0}),
        ({"instances": (*PAIR, new()), "desired": 3}, {}, {"desired": 3}),  # what is new already is not replaced
    ],
)
def test_the_record_of_a_run_holds_what_the_group_was(
    fleet: dict[str, Any], rules: dict[str, Any], differs: dict[str, Any]
) -> None:
    record = Record("r", "1", "2", surge=1, maximum=4, raised=5, started=NOW, size=2, desired=2, suspended=("ScheduledActions",))
    assert step(replace(REST, **fleet), replace(POLICY, **rules)) == Begin(replace(record, **differs))


def test_without_anything_to_replace_there_is_nothing_to_do() -> None:
    whole = surged(new("i-8"), new("i-9", lifecycle="Terminating"), record=None, desired=1)
    assert step(whole) == Done("every instance of web runs version 2 (1 more are terminating)")
    assert step(replace(whole, instances=whole.instances[:1])) == Done("every instance of web runs version 2")
    assert isinstance(step(replace(whole, pool=(old("w-1", lifecycle="Warmed:Stopped"),))), Begin)
    assert isinstance(step(replace(whole, version="1")), Begin)


def test_at_rest_there_is_nothing_to_abort() -> None:
    asked = replace(POLICY, abort=True)
    assert step(REST, asked) == Done("no rollout of web is under way: 2 of version 1; it launches version 1")
    mixed = replace(REST, instances=(*PAIR, new()), version="$Latest")
    assert step(mixed, asked) == Done(
        "no rollout of web is under way: 2 of version 1, 1 of version 2; it launches version $Latest"
    )
    assert step(replace(REST, instances=()), asked) == Done("no rollout of web is under way: no instances; it launches version 1")


def test_a_desired_that_somebody_changed_is_what_is_surged_from() -> None:
    assert step(surged(*PAIR, old("i-3"), version="1", desired=3, maximum=4)) == Point("2", 4, 5)


def test_a_group_that_was_pointed_before_surges_once() -> None:
    record = replace(RECORD, pointed=True)
    assert step(surged(*PAIR, record=record, desired=2, maximum=4)) == Point("2", 3, 5)
    assert isinstance(step(surged(*PAIR, booting(), record=record)), Wait)


@pytest.mark.parametrize(
    ("one", "passes"),
    [
        (new(protected=False), True),
        (new(protected=False, polls=1), False),
        (new(protected=False, targets=("healthy", "initial")), False),
        (new(protected=False, health="Unhealthy"), False),
        (booting(), False),
    ],
)
def test_the_gate(one: FleetInstance, passes: bool) -> None:
    assert isinstance(step(surged(*PAIR, one)), Protect if passes else Wait)


@pytest.mark.parametrize(("warm_up", "passes"), [(0, True), (80, True), (81, False)])
def test_warming_up(warm_up: float, passes: bool) -> None:
    answer = step(surged(*PAIR, new()), replace(POLICY, warm_up=warm_up))
    assert isinstance(answer, Terminate if passes else Wait)


@pytest.mark.parametrize(("revision", "kind"), [("abc", Terminate), (None, Wait), ("def", TurnBack)])
def test_the_revision_that_it_reports(revision: str | None, kind: type[Step]) -> None:
    answer = step(surged(*PAIR, new(revision=revision)), replace(POLICY, revisions={"2": "abc"}))
    assert isinstance(answer, kind)
    if isinstance(answer, TurnBack):
        assert answer.why == "i-9 reports revision def, not abc"


def test_one_that_serves_and_does_not_tell_its_revision_is_late_too() -> None:
    policy = replace(POLICY, revisions={"2": "abc"}, instance_timeout=79)
    assert isinstance(step(surged(*PAIR, new())), Terminate)
    assert isinstance(step(surged(*PAIR, new()), policy), TurnBack)


def test_one_for_one_until_the_rest_is_the_surge() -> None:
    assert step(surged(*PAIR, new())) == Terminate(("i-1",))
    last = step(surged(old("i-2", "b"), new(), new("i-8", "a")))
    assert isinstance(last, Return) and last.ids == ("i-2",)
    assert last.record == replace(RECORD, returning=("i-2",))


def test_a_batch_goes_together() -> None:
    four = (*PAIR, old("i-3", "c"), old("i-4", "c"))
    record = replace(RECORD, surge=2, size=4, desired=4, raised=6)
    fleet = surged(*four, new("i-7"), new("i-8"), desired=6, maximum=6, record=record)
    assert step(fleet, replace(POLICY, batch=2)) == Terminate(("i-1", "i-2"))
    assert step(fleet) == Terminate(("i-1",))


@pytest.mark.parametrize(("serving", "goes"), [(3, False), (4, True)])
def test_with_weights_the_group_may_end_as_much_besides_as_launches_exceed_desired(serving: int, goes: bool) -> None:
    """Of four units the surge is seven; scale-in may take up to three for the one unit that goes."""
    record = replace(RECORD, surge=7, maximum=11, raised=18, size=2, desired=4)
    members = [old("i-1", weight=1), old("i-2", weight=3), *(new(f"i-{n}", weight=1) for n in range(5, 5 + serving))]
    answer = step(surged(*members, record=record, desired=11, maximum=18, heaviest=4, lightest=1))
    assert answer == Terminate(("i-1",)) if goes else isinstance(answer, Wait)


def test_no_kill_while_the_last_one_drains_or_the_next_one_boots() -> None:
    drains = old("i-1", lifecycle="Terminating:Wait", targets=("draining",))
    assert isinstance(step(surged(drains, old("i-2", "b"), new(), new("i-8"))), Wait)
    assert isinstance(step(surged(old("i-2", "b"), new(), booting("i-8"))), Wait)


def test_an_old_one_that_does_not_serve_goes_first() -> None:
    assert step(surged(old("i-1"), old("i-2", "b", targets=("unhealthy",)), new())) == Terminate(("i-2",))


def test_nobody_goes_while_nothing_of_the_new_version_serves() -> None:
    """Both old ones are sick and the new one is not up: it may be the database."""
    sick = [old(id, targets=("unhealthy",)) for id in ("i-1", "i-2")]
    assert isinstance(step(surged(*sick, booting())), Wait)


def test_the_fullest_zone_gives_first() -> None:
    crowd = (old("i-1", "a"), old("i-2", "b"), old("i-3", "b"), old("i-4", "b"), new("i-9", "c"))
    assert step(surged(*crowd, desired=5, maximum=9, record=replace(RECORD, size=4, desired=4, raised=9))) == Terminate(("i-2",))


@pytest.mark.parametrize(
    ("zones", "olds", "news", "weight", "surge", "desired", "ids"),
    [
        ("ab", "baabcba", "cc", 1, 4, 10, ("i-1", "i-2", "i-4")),  # the last of zone c is kept, and what comes is to be in a
        ("abc", "abbbaba", "bac", 1, 3, 11, ("i-2", "i-1")),  # one is still to come, in c
        ("", "ccbabbb", "bab", 1, 4, 12, ("i-1", "i-2")),  # where its zones are not known
        ("ab", "bba", "cac", 2, 4, 12, ("i-1", "i-2")),  # with weights none is kept for the surge
        ("", "bbba", "ba", 2, 4, 12, ("i-1", "i-2")),
    ],
)
def test_old_ones_go_evenly_and_those_for_the_surge_are_kept_where_it_is_fullest(
    zones: str, olds: str, news: str, weight: int, surge: int, desired: int, ids: tuple[str, ...]
) -> None:
    crowd = [old(f"i-{n}", zone, weight=weight) for n, zone in enumerate(olds, 1)]
    crowd += [new(f"i-{n}", zone, weight=weight) for n, zone in enumerate(news, 8)]
    record = replace(RECORD, surge=surge, maximum=20, raised=20 + surge, size=len(olds), desired=desired - surge)
    fleet = surged(*crowd, record=record, desired=desired, maximum=20 + surge, heaviest=weight, lightest=weight)
    assert step(replace(fleet, zones=tuple(zones)), replace(POLICY, batch=4)) == Terminate(ids)


def test_where_no_old_one_is_left_the_newest_of_the_fullest_zone_gives_the_surge_back() -> None:
    crowd = [new(f"i-{n}", zone, since=float(n)) for n, zone in enumerate("bbaaa", 1)]
    record = replace(RECORD, surge=3, raised=7)
    answer = step(surged(*crowd, record=record, desired=5, maximum=7))
    assert isinstance(answer, Return) and answer.ids == ("i-5", "i-4", "i-2")


def test_standby_is_not_counted_and_not_touched() -> None:
    answer = step(surged(old("i-1"), old("i-2", lifecycle="Standby"), new(), new("i-8"), desired=3))
    assert isinstance(answer, Return) and answer.ids == ("i-1",)


def test_a_decrement_below_min_is_not_tried() -> None:
    answer = step(surged(old("i-2", "b"), new(), new("i-8"), minimum=3))
    assert isinstance(answer, Terminate)


@pytest.mark.parametrize("failed", [2, 3, 7])
def test_launches_that_fail(failed: int) -> None:
    answer = step(surged(*PAIR, failures=("no such image",) * failed))
    assert isinstance(answer, TurnBack if failed >= 3 else Wait)
    if isinstance(answer, TurnBack):
        assert answer.why == f"{failed} launches failed: no such image"


def test_a_lack_of_capacity_is_waited_for_until_the_deadline() -> None:
    dry = surged(*PAIR, failures=("We do not have sufficient t3.small capacity",) * 9, short_since=650.0)
    assert isinstance(step(replace(dry, short_since=701.0)), Wait)
    assert isinstance(step(replace(dry, short_since=700.0)), Wait)
    answer = step(replace(dry, short_since=699.0))
    assert isinstance(answer, TurnBack) and "short of instances for more than 300 s: We do not" in answer.why
    silent = step(replace(dry, short_since=699.0, failures=()))
    assert isinstance(silent, TurnBack)
    assert silent.why == "the group is short of instances for more than 300 s: no launch has failed"


@pytest.mark.parametrize(
    "text",
    [
        "You have requested more vCPU capacity than your current vCPU limit of 32 allows for the instance bucket.",
        "Max spot instance count exceeded. Launching EC2 instance failed.",
    ],
)
def test_a_quota_does_not_pass(text: str) -> None:
    answer = step(surged(*PAIR, failures=(text,) * 3))
    assert isinstance(answer, TurnBack) and "quota is used up" in answer.why


@pytest.mark.parametrize("departed", [2, 3])
def test_new_instances_that_end_before_they_serve(departed: int) -> None:
    answer = step(surged(*PAIR, departed=tuple(f"i-{n}" for n in range(departed))))
    assert isinstance(answer, TurnBack if departed == 3 else Wait)
    if isinstance(answer, TurnBack):
        assert answer.why == "3 new instances ended before they served: i-0, i-1, i-2"
    both = step(surged(*PAIR, departed=("i-1", "i-2"), failures=("no such image",)))
    assert isinstance(both, TurnBack) and both.why == "3 launches failed: no such image"
    four = step(surged(*PAIR, departed=("i-1", "i-2", "i-3", "i-4")))
    assert isinstance(four, TurnBack) and four.why == "4 new instances ended before they served: i-1, i-2, i-3"


@pytest.mark.parametrize("batch", [1, 2])
def test_what_its_lifecycle_policy_retains_is_named_and_not_waited_for(batch: int) -> None:
    retained = [old(f"i-r{n}", lifecycle="Terminating:Retained", targets=()) for n in range(batch)]
    answer = step(surged(*PAIR, new(), *retained), replace(POLICY, batch=batch))
    assert isinstance(answer, Terminate)
    waits = step(surged(*PAIR, booting(), *retained))
    assert isinstance(waits, Wait) and "i-r0" in waits.why and "Terminating:Retained" in waits.why


def test_instances_that_do_not_stay_alive() -> None:
    assert isinstance(step(surged(*PAIR, booting(), launches=5)), Wait)
    answer = step(surged(*PAIR, booting(), launches=6))
    assert isinstance(answer, TurnBack) and answer.why == "6 launches for 2 instances: they do not stay alive"
    # A scale-out of three in between is not a crash loop.
    grown = surged(*PAIR, booting(), launches=6, desired=6)
    assert isinstance(step(grown), Wait)


@pytest.mark.parametrize(("since", "late"), [(700.0, False), (699.0, True)])
def test_one_that_does_not_come_up(since: float, late: bool) -> None:
    answer = step(surged(*PAIR, booting(since=since)))
    assert isinstance(answer, TurnBack if late else Wait)
    if late:
        assert isinstance(step(surged(*PAIR, booting(since=since)), replace(POLICY, rollback=False)), Stop)


def test_the_deadline_of_the_whole_stops_and_does_not_roll_back() -> None:
    answer = step(surged(*PAIR, new()), replace(POLICY, until=NOW - 1))
    assert isinstance(answer, Stop) and answer.why.startswith("not finished in time: 3 of 2 serve; 1 new, 2 old")
    assert isinstance(step(surged(*PAIR, new()), replace(POLICY, until=NOW)), Terminate)
    tidy = surged(new(), new("i-8"), desired=2, record=replace(RECORD, returned=1))
    assert isinstance(step(tidy, replace(POLICY, until=NOW - 1)), Unprotect)


# -- turning round


def turned(*members: FleetInstance, policy: Policy = POLICY, **more: Any) -> Record:
    answer = step(surged(*members, failures=("no such image",) * 3, **more), policy)
    assert isinstance(answer, TurnBack)
    return answer.record


def test_the_surge_that_is_still_there_carries_over() -> None:
    record = turned(*PAIR, booting())
    assert (record.back, record.wanted, record.surge, record.extra, record.raised) == (True, "1", 1, 0, 5)
    assert (record.returned, record.returning, record.started) == (0, (), NOW + 1)


def test_a_surge_that_was_given_back_is_taken_again() -> None:
    given = replace(RECORD, returned=1)
    record = turned(new(), new("i-8"), old("i-1"), desired=3, record=replace(given, size=3))
    assert (record.surge, record.extra, record.raised, record.returned) == (0, 1, 6, 0)
    fixed = turned(
        new(), new("i-8"), old("i-1"), desired=3, record=replace(given, size=3), policy=replace(POLICY, raise_max=False)
    )
    assert (fixed.extra, fixed.raised) == (1, 5)
    lowered = turned(new(), new("i-8"), old("i-1"), desired=3, record=replace(RECORD, lowering=4))
    assert (lowered.surge, lowered.extra, lowered.lowering) == (0, 1, 0)


def test_a_surge_that_could_not_be_launched_is_given_up() -> None:
    record = turned(*PAIR)
    assert (record.surge, record.extra, record.raised) == (1, -1, 5)
    back = surged(*PAIR, record=record)
    assert step(back) == Point("1", 2, 5)
    pointed = replace(back, version="1", desired=2)
    assert step(pointed) == Resume(OURS)


def test_one_that_could_be_launched_after_all_is_not_given_up() -> None:
    back = surged(*PAIR, booting(), record=turned(*PAIR))
    answer = step(back)
    assert isinstance(answer, TurnBack) and answer.record.extra == 0
    assert step(replace(back, record=answer.record)) == Point("1", 3, 5)


@pytest.mark.parametrize("aborted", [False, True])
def test_of_a_surge_that_was_given_up_only_what_is_still_missing_stays_so(aborted: bool) -> None:
    record = replace(RECORD, surge=3, raised=7, back=True, aborted=aborted, extra=-2)
    fleet = surged(*PAIR, booting("i-8"), booting("i-9"), desired=5, maximum=7, record=record)
    more = replace(record, extra=-1)
    assert step(fleet) == (Abort(more) if aborted else TurnBack(more, "the group could launch more after all"))
    assert step(replace(fleet, record=more)) == Point("1", 4, 7)


def test_only_what_was_never_launched_is_given_up() -> None:
    wide = replace(RECORD, surge=3, raised=7)
    record = turned(*PAIR, booting(), desired=5, maximum=7, record=wide)
    assert (record.surge, record.extra) == (3, -2)
    fewer = turned(old(), booting(), desired=5, maximum=7, record=wide)
    assert (fewer.surge, fewer.extra) == (3, -2), "the old one that died is launched again"
    assert turned(old(), booting(), desired=3).extra == 0, "one is short, and it is none of the surge"


def test_before_the_surge_there_is_nothing_to_give_up() -> None:
    record = turned(*PAIR, version="1", desired=2, maximum=4)
    assert (record.surge, record.extra) == (0, 0)
    early = turned(old(), new(), desired=2, maximum=4, record=replace(RECORD, pointed=True))
    assert (early.surge, early.extra) == (0, 0), "the group named the new version before, and has launched one"


@pytest.mark.parametrize(("version", "extra"), [("2", -1), ("1", 0)])
def test_an_abort_gives_up_what_was_not_launched_by_the_call_that_points_back(version: str, extra: int) -> None:
    record = replace(RECORD, surged=True, returned=1, surge=2, lowering=0)
    answer = step(surged(*PAIR, version=version, record=record), replace(POLICY, abort=True))
    assert answer == Abort(replace(record, back=True, aborted=True, surge=1, returned=0, extra=extra))


def test_an_abort_after_desired_was_lowered_has_nothing_to_give_back() -> None:
    record = replace(RECORD, lowering=4)
    answer = step(surged(*PAIR, new(), record=record), replace(POLICY, abort=True))
    assert answer == Abort(replace(record, back=True, aborted=True, surge=0, lowering=0))


BACK = replace(RECORD, back=True, started=950.0)


def test_on_the_way_back_bad_ones_lose_their_protection_and_go() -> None:
    bad = new(targets=("unhealthy",))
    assert step(surged(*PAIR, bad, record=BACK)) == Point("1", 3, 5)
    assert step(surged(*PAIR, bad, record=BACK, version="1")) == Unprotect(("i-9",))
    answer = step(surged(*PAIR, replace(bad, protected=False), record=BACK, version="1"))
    assert isinstance(answer, Return) and answer.ids == ("i-9",)


@pytest.mark.parametrize(("latest", "aborted", "copies"), [("2", False, True), ("3", False, False), ("2", True, False)])
def test_on_the_way_back_latest_is_made_good_again(latest: str, aborted: bool, copies: bool) -> None:
    fleet = surged(*PAIR, new(), record=replace(BACK, aborted=aborted), version="1", latest=latest)
    assert (step(fleet) == Copy("1", "r")) is copies


def test_trouble_on_the_way_back_stops() -> None:
    lost = surged(old(), old("i-2", idle_since=100.0, targets=("unhealthy",)), new(), record=replace(BACK, started=600.0))
    answer = step(replace(lost, version="1"))
    assert isinstance(answer, Stop) and "i-2 does not serve within 300 s" in answer.why


def test_what_was_amiss_before_does_not_count_on_the_way_back() -> None:
    lost = surged(old(), old("i-2", idle_since=100.0, targets=("unhealthy",)), new(), record=BACK, version="1", short_since=100.0)
    assert not isinstance(step(lost), Stop)


def test_nobody_is_terminated_for_a_surge_that_was_never_launched() -> None:
    short = surged(*PAIR, record=BACK, version="1", desired=3)
    assert isinstance(step(short), Wait)


# -- tidying up

DONE = replace(RECORD, returned=1)


def test_tidying_up_in_order() -> None:
    fleet = surged(new(), new("i-8"), desired=2, record=DONE)
    assert step(fleet) == Unprotect(("i-9", "i-8"))
    fleet = replace(fleet, instances=tuple(replace(i, protected=False) for i in fleet.instances))
    assert step(fleet) == Resume(OURS)
    assert step(replace(fleet, suspended=frozenset())) == RestoreMax(4)
    assert step(replace(fleet, suspended=frozenset(), maximum=4)) == Forget()


def test_what_is_not_ours_stays() -> None:
    fleet = surged(
        new(protected=False), new("i-8", protected=False), desired=2, suspended=frozenset({"AZRebalance", "AlarmNotification"})
    )
    assert step(replace(fleet, record=replace(DONE, suspended=("ScheduledActions",)))) == RestoreMax(4)
    # A max that somebody set meanwhile, or that desired has outgrown, is not set back.
    assert step(replace(fleet, maximum=20, record=replace(DONE, suspended=()))) == Forget()
    crowd = tuple(new(f"i-{n}", protected=False) for n in range(5))
    assert step(replace(fleet, instances=crowd, desired=5, record=replace(DONE, suspended=()))) == Forget()


@pytest.mark.parametrize(
    ("more", "waits"),
    [
        (old("i-1", lifecycle="Terminating"), True),
        (old("i-1", lifecycle="Terminating:Retained"), False),
        (old("i-1", lifecycle="Standby"), False),
        (new("i-1", lifecycle="Terminating"), False),
    ],
)
def test_what_returns_to_the_pool_is_waited_for(more: FleetInstance, waits: bool) -> None:
    """Of the old version it would come into service again."""
    fleet = surged(new(), new("i-8"), more, desired=2, record=DONE)
    assert isinstance(step(replace(fleet, reuses=True)), Wait) is waits
    assert step(fleet) == Unprotect(("i-9", "i-8"))


@pytest.mark.parametrize(
    ("version", "aborted", "expected"), [("2", False, Retire(("i-2",))), ("7", False, Resume(OURS)), ("2", True, Resume(OURS))]
)
def test_on_the_way_back_only_what_the_rollout_brought_is_terminated_in_standby(
    version: str, aborted: bool, expected: Step
) -> None:
    record = replace(RECORD, surged=True, back=True, aborted=aborted, returned=1, protect=False)
    fleet = surged(old("i-3"), old("i-4"), new("i-2", lifecycle="Standby"), record=record, desired=2, version="1")
    aside = replace(fleet, instances=tuple(replace(i, version=version) if i.aside else i for i in fleet.instances))
    assert step(aside, replace(POLICY, standby="replace")) == expected


def test_protection_is_not_fought_over_where_nothing_is_owed() -> None:
    """Found by a generated history: an old one came in between, without a surge."""
    fleet = surged(old(), new(), desired=2, record=DONE)
    assert step(fleet) == Unprotect(("i-9",))
    bare = replace(fleet, instances=(old(), new(protected=False)))
    assert not isinstance(step(bare), Protect)


@pytest.mark.parametrize(
    ("standby", "lifecycle", "back", "expected"),
    [
        ("replace", "Standby", False, Retire(("i-2",))),
        ("replace", "EnteringStandby", False, None),
        ("ignore", "Standby", False, Resume(OURS)),
        ("replace", "Standby", True, Resume(OURS)),
    ],
)
def test_what_is_in_standby_is_terminated_last_where_the_settings_say_so(
    standby: str, lifecycle: str, back: bool, expected: Step | None
) -> None:
    record = replace(RECORD, surged=True, back=back, returned=1, protect=False)
    serving = [old("i-3"), old("i-4")] if back else [new(protected=False), new("i-8", protected=False)]
    fleet = surged(*serving, old("i-2", lifecycle=lifecycle), record=record, desired=2, version=record.wanted)
    answer = step(fleet, replace(POLICY, standby=standby))
    assert answer == expected or (expected is None and isinstance(answer, Wait))


def test_a_rollout_begins_for_what_is_in_standby_alone() -> None:
    fleet = surged(new(), old("i-2", lifecycle="Standby"), record=None, desired=1)
    assert isinstance(step(fleet), Done) and isinstance(step(fleet, replace(POLICY, standby="replace")), Begin)
