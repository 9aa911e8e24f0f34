"""The outcome of a release, recorded where every colleague sees it."""

from __future__ import annotations

from botocore.exceptions import ClientError

from ..aws import images, tags
from ..aws.launch_templates import Version
from ..decisions.release import records
from ..decisions.release.image_names import revision_of
from ..decisions.release.records import Released
from ..decisions.rollout.outcomes import value
from ..runtime.cloud import error_code
from ..runtime.run import Run


def record_outcome(run: Run, version: Version, outcome: str, released: Released | None = None) -> None:
    """Tag the image of a version of ours with its outcome; a failure is a warning, since the rollout has ended.

    `released`: how it was rolled out, where it was.
    """
    if not revision_of(version.description):
        return
    try:
        record = {tags.RELEASE: records.value(released)} if released else {}
        known = images.tag(run.cloud, version.image, {tags.OUTCOME: value(outcome, run.clock.now()), **record})
        why = "" if known else "EC2 does not know the image"
    except ClientError as error:
        why = error_code(error)
    if why:
        run.out.warn(f"image {version.image} of version {version.number} could not be tagged {tags.OUTCOME}={outcome}: {why}")
