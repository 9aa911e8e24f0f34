"""What is recorded of a release when its rollout has ended."""

import pytest

from tasks.decisions.rollout.groups import Progress
from tasks.decisions.rollout.outcomes import outcomes, value


@pytest.mark.parametrize(
    ("progress", "source", "target", "expected"),
    [
        (Progress.OVER, "1", "2", {"2": "served"}),
        (Progress.OVER, "3", "2", {"2": "served", "3": "rolled back"}),
        (Progress.OVER, "2", "2", {"2": "served"}),
        (Progress.OVER, "lt-other:9", "2", {"2": "served"}),
        (Progress.RETURNED, "1", "2", {"2": "rolled back"}),
        (Progress.PAUSED, "1", "2", {}),
    ],
)
def test_what_became_of_the_versions(progress: Progress, source: str, target: str, expected: dict[str, str]) -> None:
    assert outcomes(progress, source, target) == expected


def test_a_tag_holds_the_time() -> None:
    assert value("served", 1_800_000_000.0) == "served 2027-01-15T08:00:00Z"
