"""The second copy of a run's record, beside the lock: it survives when the group's tags are removed.

An SSM parameter that is overwritten and never deleted: a name can be taken again only 30 seconds after that (DeleteParameter).
"""

from __future__ import annotations

import json

from botocore.exceptions import ClientError

from ..decisions.access.locks import parameter
from ..decisions.release.answers import json_object
from ..decisions.rollout.record import from_tags, to_tags
from ..decisions.rollout.snapshot import Record
from ..runtime.cloud import Cloud, error_code
from .parameters import put


def keep(cloud: Cloud, group: str, record: Record | None) -> None:
    """Write the copy; None: no run is under way."""
    put(cloud, parameter(group, "record"), json.dumps(to_tags(record) if record else {}), overwrite=True)


def kept(cloud: Cloud, group: str) -> Record | None:
    """Return the copy, or None where no run is under way.

    Raises ValueError where it was edited by hand.
    """
    try:
        answer = cloud.client("ssm").get_parameter(Name=parameter(group, "record"))
    except ClientError as error:
        if error_code(error) == "ParameterNotFound":
            return None
        raise
    tags = json_object(answer["Parameter"]["Value"])
    if tags is None:
        raise ValueError(f"{parameter(group, 'record')} holds no JSON object")
    return from_tags({name: str(value) for name, value in tags.items()})
