"""What is followed on hosts goes on, whatever AWS and the newcomers answer; hosts are functions, time is data."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from tasks.aws.instances import Ec2Instance
from tasks.decisions.access.host_keys import CONSOLE_WAIT
from tasks.errors import DeployError, HostUnreachable, Refused
from tasks.fleet import following
from tasks.fleet.side_by_side import require_all
from tasks.hosts.connecting import LoginRefused
from tasks.hosts.keys import UnknownHostKey, WrongHostKey
from tasks.hosts.pool import Hosts
from tasks.runtime.output import Output
from tasks.runtime.run import Run
from tasks.settings.layers import Source, check, of_file
from tasks.settings.schema import build
from tests.worlds.operator_folder import REQUIRED

LAUNCHED = 1_800_000_000.0
BOOT = 300.0
SILENT = HostUnreachable("i-2 (ubuntu@10.0.0.2:22) refuses the connection")


@dataclass
class Passing:
    """A clock that goes on by a look with each question."""

    passed: float = BOOT

    def now(self) -> float:
        return LAUNCHED + self.passed

    def elapsed(self) -> float:
        self.passed += following._LOOK / 2
        return self.passed

    def sleep(self, seconds: float) -> None:
        self.passed += seconds


def instance(id: str, launched: float = LAUNCHED) -> Ec2Instance:
    return Ec2Instance(id=id, state="running", address="127.0.0.1", zone="a", image="", tags={}, launched=launched)


class World:
    """The first host ends when `until` says so; the others answer as `answers` says, at each try the next."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        values, errors = check(of_file(Source(REQUIRED, "f", "/", {})).leaves, "f")
        assert not errors
        self.screen = io.StringIO()
        self.clock = Passing()
        self.run = Run(build(values), Output(self.screen, self.screen), self.clock, False, "fab logs -f")
        self.answers: dict[str, list[Exception]] = {}
        self.tries: dict[str, int] = {}
        self.looks = 0
        monkeypatch.setattr(Hosts, "open", lambda _, which: self._open(which))
        monkeypatch.setattr(following, "wait", self._wait)

    def _open(self, which: Ec2Instance) -> str:
        self.tries[which.id] = self.tries.get(which.id, 0) + 1
        left = self.answers.get(which.id, [])
        if left:
            raise left.pop(0) if len(left) > 1 else left[0]
        return which.id

    def _wait(self, tasks: dict[object, Ec2Instance], **_: object) -> object:
        """Let all end but the first host, which ends after the looks."""
        done = {task for task, which in tasks.items() if which.id != "i-1" or self.looks >= self.most}
        for task in done:
            task.exception(60)  # type: ignore[attr-defined]
        return type("Ended", (), {"done": done})

    def follow(
        self, look: Callable[[], Sequence[Ec2Instance]], *, most: int = 200, first: Sequence[Ec2Instance] = (instance("i-1"),)
    ) -> tuple[dict[str, str], int]:
        self.most = most

        def looking() -> Sequence[Ec2Instance]:
            self.looks += 1
            return look()

        return following.follow_each(self.run, first, lambda host: "", looking)

    @property
    def warned(self) -> list[str]:
        return [line for line in self.screen.getvalue().splitlines() if line.strip()]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ClientError({"Error": {"Code": "ExpiredToken", "Message": "expired"}}, "DescribeAutoScalingGroups"), "ExpiredToken"),
        (EndpointConnectionError(endpoint_url="https://autoscaling.example"), "AWS cannot be reached"),
        (Refused("groups: no Auto Scaling group web"), "no Auto Scaling group"),
    ],
)
def test_what_is_followed_goes_on_where_aws_does_not_answer(world: World, error: Exception, said: str) -> None:
    answers: list[Exception | None] = [error, error, None, None]

    def look() -> list[Ec2Instance]:
        answer = answers.pop(0) if answers else None
        if answer:
            raise answer
        return [instance("i-1"), instance("i-2")]

    assert world.follow(look, most=4) == ({}, 2)
    assert world.tries == {"i-1": 1, "i-2": 1}
    assert len(world.warned) == 1 and said in world.warned[0] and "instances that come are not seen" in world.warned[0]


def test_throttled_calls_are_not_worth_a_word(world: World) -> None:
    def look() -> list[Ec2Instance]:
        raise ClientError({"Error": {"Code": "Throttling", "Message": ""}}, "DescribeAutoScalingGroups")

    assert world.follow(look, most=3) == ({}, 1) and not world.warned


def test_a_newcomer_that_boots_is_tried_again_silently(world: World) -> None:
    world.answers["i-2"] = [SILENT, SILENT]
    seen = [[instance("i-2")], [instance("i-2")], [instance("i-1")]]
    assert world.follow(lambda: seen.pop(0) if len(seen) > 1 else seen[0], most=9) == ({}, 2)
    assert world.tries["i-2"] == 2 and not world.warned  # then it is gone


def test_one_that_never_answers_is_given_up_with_its_reason(world: World) -> None:
    world.answers["i-2"] = [SILENT]
    failed, begun = world.follow(lambda: [instance("i-2")])
    assert (failed, begun) == ({"i-2": str(SILENT)}, 2)
    assert [line for line in world.warned if "refuses the connection" in line] == world.warned and len(world.warned) == 1
    assert 2 < world.tries["i-2"] < 40
    with pytest.raises(DeployError, match="failed on 1 of 2 instances"):
        require_all(failed, begun)


def test_a_wrong_host_key_ends_the_tries_at_once(world: World) -> None:
    world.answers["i-2"] = [WrongHostKey("i-2 shows the host key B, but its tag says A")]
    failed, _ = world.follow(lambda: [instance("i-2")], most=5)
    assert list(failed) == ["i-2"] and world.tries["i-2"] == 1 and len(world.warned) == 1


@pytest.mark.parametrize(
    "error", [UnknownHostKey("i-2 shows the host key B, and nothing vouches for it"), LoginRefused("i-2: no key")]
)
def test_what_a_boot_seldom_mends_is_said_at_once_and_tried_while_it_is_young(world: World, error: Exception) -> None:
    world.answers["i-2"] = [error]
    failed, _ = world.follow(lambda: [instance("i-2")], most=1000)
    assert failed == {"i-2": str(error)}
    first, last = world.warned
    assert "It is young, so it is tried again" in first and str(error) in last and "young" not in last
    assert (world.clock.passed > CONSOLE_WAIT) and world.tries["i-2"] > 2


@pytest.mark.parametrize(("age", "tries"), [(0.0, 3), (BOOT + 1, 1)])
def test_one_that_was_chosen_is_tried_again_where_it_was_launched_just_now(world: World, age: float, tries: int) -> None:
    world.answers["i-2"] = [SILENT, SILENT, Refused("answers, and refuses")]
    chosen = [instance("i-1"), instance("i-2", launched=world.clock.now() - age)]
    failed, begun = world.follow(lambda: [], most=9, first=chosen)
    assert begun == 2 and world.tries["i-2"] == tries
    assert failed == {"i-2": "answers, and refuses" if tries > 1 else str(SILENT)}
    assert "refuses the connection" in world.warned[0]


def test_only_where_all_are_meant_newcomers_are_looked_for(world: World) -> None:
    assert following.newcomers(world.run, ["i-1"]) == []
