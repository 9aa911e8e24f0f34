"""The lock, as SSM keeps it: one holder at a time, whoever else asks, dies, or is late."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from botocore.exceptions import ClientError

from tasks.aws.lock import Lock
from tasks.decisions.access.locks import LEASE, RELEASED, Holder, parameter, read, write
from tasks.errors import Refused, Resumable
from tasks.runtime.cloud import Cloud as Api
from tasks.runtime.operator import alive, machine
from tasks.runtime.waiting import SystemClock
from tests.rehearsal.standin import Cloud
from tests.worlds.aws_world import api_of, world
from tests.worlds.shop_world import credentials


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with world() as (running, _):
        yield running


@pytest.fixture(autouse=True)
def nothing_is_left(cloud: Cloud, keys: None) -> Iterator[None]:
    yield
    forget(cloud)


def forget(cloud: Cloud) -> None:
    if cloud.client("ssm").get_parameters(Names=[parameter("web")])["Parameters"]:
        cloud.client("ssm").delete_parameter(Name=parameter("web"))


class Clock(SystemClock):
    ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead

    def elapsed(self) -> float:
        return super().elapsed() + self.ahead


def lock(api: Api, name: str, clock: Clock | None = None, **more: object) -> Lock:
    mine = Holder(name, f"{name}@host", f"rollout by {name}", machine(), os.getpid())
    return Lock(api, "web", replace(mine, **more), clock or Clock(), "fab rollout")  # type: ignore[arg-type]


def holder(cloud: Cloud) -> Holder | None:
    found = cloud.client("ssm").get_parameters(Names=[parameter("web")])["Parameters"]
    there = read(found[0]["Value"]) if found else RELEASED
    return None if there == RELEASED else there


def test_it_is_held_while_it_is_needed_and_gone_afterwards(cloud: Cloud) -> None:
    with lock(api_of(cloud), "ann"):
        assert holder(cloud).who == "ann@host"
        with pytest.raises(Refused, match=r"locked by ann@host \(rollout by ann\); lease expires in \d+ s"):
            lock(api_of(cloud), "bob").__enter__()
    assert holder(cloud) is None


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, SystemExit])
def test_it_is_given_back_whatever_happens(cloud: Cloud, error: type[BaseException]) -> None:
    with pytest.raises(error), lock(api_of(cloud), "ann"):
        raise error
    assert holder(cloud) is None


@pytest.mark.parametrize("free", [True, False], ids=["free", "expired"])
def test_of_several_that_ask_at_once_exactly_one_wins_and_the_others_name_it(cloud: Cloud, free: bool) -> None:
    for _ in range(5):
        if not free:
            late = Holder("zoe", "zoe@host", "died", lease=-1)
            cloud.client("ssm").put_parameter(Name=parameter("web"), Value=write(late), Type="String")
        results = race(cloud, ["ann", "bob", "cid"])
        (winner,) = [name for name, said in results.items() if not said]
        assert holder(cloud).token == winner
        losers = [said for said in results.values() if said]
        assert len(losers) == 2 and all(f"{winner}@host" in said for said in losers), results
        forget(cloud)


def race(cloud: Cloud, names: list[str]) -> dict[str, str]:
    start, results = threading.Barrier(len(names)), {}
    locks = {name: lock(api_of(cloud), name) for name in names}

    def take(name: str) -> None:
        start.wait()
        try:
            locks[name].__enter__()
            results[name] = ""
        except Refused as error:
            results[name] = str(error)

    threads = [threading.Thread(target=take, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_the_slower_of_two_that_take_over_puts_the_winner_back(cloud: Cloud) -> None:
    """Both have read the expired one before either writes."""
    late = Holder("zoe", "zoe@host", "died", lease=-1)
    cloud.client("ssm").put_parameter(Name=parameter("web"), Value=write(late), Type="String")
    ann, bob = lock(api_of(cloud), "ann"), lock(api_of(cloud), "bob")
    assert ann._swap(1) is None
    assert bob._swap(1) == "ann@host (rollout by ann)"
    assert holder(cloud).token == "ann"
    ann._clock.ahead = LEASE  # type: ignore[attr-defined]
    ann.renew()
    ann.__exit__(None, None, None)
    assert holder(cloud) is None


def test_it_is_renewed_after_half_of_its_lease_not_before(cloud: Cloud) -> None:
    clock = Clock()
    with lock(api_of(cloud), "ann", clock) as held:
        version = lambda: cloud.client("ssm").get_parameter(Name=parameter("web"))["Parameter"]["Version"]  # noqa: E731
        held.renew()
        assert version() == 1
        clock.ahead = LEASE / 2 + 1
        held.renew()
        held.renew()
        assert version() == 2


@pytest.mark.parametrize("gone", [True, False])
def test_one_that_was_lost_is_noticed_and_left_alone(cloud: Cloud, gone: bool) -> None:
    clock, ssm = Clock(), cloud.client("ssm")
    with pytest.raises(Resumable, match="no longer ours") as caught, lock(api_of(cloud), "ann", clock) as held:
        if gone:
            ssm.delete_parameter(Name=parameter("web"))
        else:
            bob = write(Holder("bob", "bob@host", "rollout"))
            ssm.put_parameter(Name=parameter("web"), Value=bob, Type="String", Overwrite=True)
        clock.ahead = LEASE
        held.renew()
    assert caught.value.code == 3 and caught.value.resume == "fab rollout"
    found = holder(cloud)
    assert found is None if gone else found is not None and found.token == "bob"


def test_whose_it_is_may_not_be_known_while_aws_throttles(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    api = api_of(cloud)
    with lock(api, "ann") as held:
        assert held.confirm() == ""
        with monkeypatch.context() as patch:
            patch.setattr(api.client("ssm"), "get_parameter", refusing("ThrottlingException"))
            assert held.confirm() == "AWS does not say whose the lock is: ThrottlingException"
            patch.setattr(api.client("ssm"), "get_parameter", refusing("AccessDeniedException"))
            with pytest.raises(ClientError, match="AccessDenied"):
                held.confirm()
        cloud.client("ssm").delete_parameter(Name=parameter("web"))
        with pytest.raises(Resumable, match="no longer ours"):
            held.confirm()


def refusing(code: str) -> Callable[..., object]:
    def get(**_: object) -> object:
        raise ClientError({"Error": {"Code": code}}, "GetParameter")

    return get


def test_a_lease_is_measured_by_awss_clock(cloud: Cloud) -> None:
    """An operator whose clock is two hours ahead takes nothing over."""
    clock = Clock()
    clock.ahead = 7200
    with lock(api_of(cloud), "ann"), pytest.raises(Refused, match="locked by ann@host"):
        lock(api_of(cloud), "bob", clock).__enter__()


def dead() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


def test_a_dead_holder_of_this_machine_is_in_nobodys_way(cloud: Cloud) -> None:
    lock(api_of(cloud), "ann", pid=dead()).__enter__()
    with lock(api_of(cloud), "bob"):
        assert holder(cloud).token == "bob"


def test_a_dead_holder_of_another_machine_is_waited_for(cloud: Cloud) -> None:
    lock(api_of(cloud), "ann", pid=dead(), machine="elsewhere").__enter__()
    with pytest.raises(Refused, match="locked by ann@host"):
        lock(api_of(cloud), "bob").__enter__()


def test_only_a_dead_ones_lock_is_swept(cloud: Cloud) -> None:
    lock(api_of(cloud), "ann", pid=dead()).__enter__()
    lock(api_of(cloud), "bob").sweep()
    assert holder(cloud) is None
    lock(api_of(cloud), "bob").sweep()
    with lock(api_of(cloud), "ann"):
        lock(api_of(cloud), "bob").sweep()
        assert holder(cloud).token == "ann"


@pytest.mark.parametrize("when", ["taken", "given back"])
def test_a_lost_answer_is_not_somebody_else(cloud: Cloud, when: str) -> None:
    lost = {"lost_answers": {"PutParameter": 1}}
    if when == "taken":
        cloud.control("faults", lost)
    with lock(api_of(cloud), "ann"):
        assert holder(cloud).token == "ann"
        if when == "given back":
            cloud.control("faults", lost)
    assert holder(cloud) is None


def test_it_is_kept_and_overwritten_when_it_is_given_back(cloud: Cloud) -> None:
    """A name that was deleted cannot be taken again for 30 seconds."""
    ssm = cloud.client("ssm")
    versions = []
    for name in ("ann", "bob"):
        with lock(api_of(cloud), name):
            assert holder(cloud).token == name
        versions.append(ssm.get_parameter(Name=parameter("web"))["Parameter"]["Version"])
    assert versions == [2, 4]


def test_updates_that_meet_are_made_again(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.aws.parameters.time.sleep", lambda seconds: None)
    cloud.control("options", {"parameter_collisions": 0.5, "seed": 3})
    try:
        for _ in range(5):
            with lock(api_of(cloud), "ann"):
                assert holder(cloud).token == "ann"
    finally:
        cloud.control("options", {"parameter_collisions": 0.0})


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
def test_the_lease_is_measured_on_a_clock_that_cannot_be_set(cloud: Cloud, jump: float) -> None:
    class Set(SystemClock):
        def now(self) -> float:
            return super().now() + jump

    with lock(api_of(cloud), "ann", Set()) as held:  # type: ignore[arg-type]
        assert held.valid
        held.renew()
        assert cloud.client("ssm").get_parameter(Name=parameter("web"))["Parameter"]["Version"] == 1


def test_after_its_lease_it_is_not_given_back_for_it_may_be_anothers(cloud: Cloud) -> None:
    clock = Clock()
    with lock(api_of(cloud), "ann", clock) as held:
        clock.ahead = LEASE
        assert not held.valid
    assert holder(cloud).token == "ann"


def test_a_lost_answer_while_taking_over_is_not_somebody_else(cloud: Cloud) -> None:
    late = Holder("zoe", "zoe@host", "died", lease=-1)
    cloud.client("ssm").put_parameter(Name=parameter("web"), Value=write(late), Type="String")
    ann = lock(api_of(cloud), "ann")
    cloud.control("faults", {"lost_answers": {"PutParameter": 1}})
    assert ann._swap(1) is None
    assert holder(cloud).token == "ann"


def test_what_is_no_lock_is_refused_and_says_what_to_do(cloud: Cloud) -> None:
    cloud.client("ssm").put_parameter(Name=parameter("web"), Value="hands off", Type="String")
    try:
        with pytest.raises(Refused, match="/ramped/web/lock: not a lock of ours .*; delete it when no rollout is running"):
            lock(api_of(cloud), "ann").__enter__()
    finally:
        cloud.client("ssm").delete_parameter(Name=parameter("web"))


def test_processes_are_told_apart() -> None:
    assert alive(os.getpid()) and alive(1) and not alive(dead())
