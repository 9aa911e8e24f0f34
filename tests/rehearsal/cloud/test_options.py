"""The options, and the pace of time."""

import json
import urllib.error

import pytest

from rehearsal.cloud.options import Options
from rehearsal.cloud.timing import Timing
from tests.rehearsal.standin import Cloud


def test_options_are_made_of_json() -> None:
    assert Options.of({"boot": 3, "time_scale": 0.5}) == Options(boot=3, time_scale=0.5)


def test_an_unknown_option_is_named_with_those_that_exist() -> None:
    with pytest.raises(ValueError, match=r"no such option: boots; there are .*time_scale"):
        Options.of({"boots": 3})


def test_aws_seconds_pass_at_their_own_scale_and_can_be_skipped() -> None:
    timing = Timing(0.02)
    assert timing.real(3600) == 72
    before = timing.now()
    timing.advance(3600)
    assert timing.now() >= before + 72
    assert timing.text(0) == "1970-01-01T00:00:00Z"


def test_options_are_changed_while_the_cloud_runs(cloud: Cloud) -> None:
    assert cloud.control("options")["console_posted"] == 0
    assert cloud.control("options", {"console_posted": 300})["console_posted"] == 300
    assert cloud.standin.options.console_posted == 300
    with pytest.raises(urllib.error.HTTPError) as caught:
        cloud.control("options", {"boots": 1})
    with caught.value as answer:
        assert "no such option: boots" in json.load(answer)["error"]


def test_the_unkind_preset_is_decided_by_its_seed(cloud: Cloud) -> None:
    either = set()
    for seed in range(20):
        cloud.control("unkind", {"seed": seed})
        options, faults = cloud.control("options"), cloud.control("faults")
        assert (options["console_posted"], options["shuffle_rules"], options["parameter_rest"]) == (600, True, 30)
        assert faults["throttle"] > 0 and faults["no_capacity"] == -1
        either.add((options["replace_deregistered"], options["replace_never_healthy"], faults["no_capacity_zones"][0]))
    assert {one[0] for one in either} == {one[1] for one in either} == {True, False}
    assert len({one[2] for one in either}) == 3
