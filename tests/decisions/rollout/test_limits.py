import pytest

from tasks.decisions.rollout.limits import Limits, Minute, exceeded, share

ERRORS, LATENCY = Limits(errors=0.01), Limits(latency=0.5)


def test_a_percentage_is_a_share() -> None:
    assert (share("1%"), share("0.5%"), share(None)) == (0.01, 0.005, None)
    assert not Limits().any and ERRORS.any and LATENCY.any and Limits(errors=0.0).any


@pytest.mark.parametrize(
    ("minutes", "found"),
    [
        ([], False),
        ([Minute(1000, 10)], False),  # the limit itself
        ([Minute(1000, 11)], True),
        ([Minute(19, 19)], False),  # too few
        ([Minute(10, 5), Minute(10, 5)], True),
        ([Minute(1000, 900), *[Minute(1000)] * 3], False),  # long ago
        ([Minute(1000, 90), *[Minute(1000)] * 2], True),
    ],
)
def test_errors_count_over_the_newest_three_minutes(minutes: list[Minute], found: bool) -> None:
    assert bool(exceeded("web", minutes, ERRORS)) == found
    assert exceeded("web", minutes, LATENCY) == []


@pytest.mark.parametrize(
    ("latencies", "found"),
    [
        ([0.6], False),
        ([0.6, 0.6], True),
        ([0.6, 0.5], False),
        ([0.6, 0.6, 0.1], False),
        ([None, 0.6], False),
        ([0.6, 0.6, None], False),
        ([0.0, 0.0], False),
    ],
)
def test_a_latency_counts_in_two_minutes_running(latencies: list[float | None], found: bool) -> None:
    assert bool(exceeded("web", [Minute(100, latency=one) for one in latencies], LATENCY)) == found
    assert exceeded("web", [Minute(19, latency=9.0)] * 3, LATENCY) == []
    assert exceeded("web", [Minute(20, latency=9.0), Minute(20, latency=8.0)], LATENCY) == [
        "web needs 8.00 s for 95 % of the requests (rollout.max_latency: 0.5)"
    ]


def test_both_are_said_with_their_limits() -> None:
    assert exceeded("shop-tg (shop-lb)", [Minute(100, 5, 1.25)] * 2, Limits(0.005, 0.5)) == [
        "5.0% of the requests to shop-tg (shop-lb) fail (rollout.max_error_rate: 0.5%)",
        "shop-tg (shop-lb) needs 1.25 s for 95 % of the requests (rollout.max_latency: 0.5)",
    ]
