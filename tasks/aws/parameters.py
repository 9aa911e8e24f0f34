"""SSM parameters: writes, retried where two updates collide."""

from __future__ import annotations

import time

from botocore.exceptions import ClientError

from ..runtime.cloud import Cloud, error_code

# PutParameter and DeleteParameter of one name at the same moment ("TooManyUpdates"), or within 30 s of its deletion.
_TRIES = 8


def put(cloud: Cloud, name: str, value: str, *, overwrite: bool, quick: bool = False) -> int:
    """Write a parameter and return its version; `quick` as for Cloud.client."""
    for left in reversed(range(_TRIES)):
        try:
            answer = cloud.client("ssm", quick=quick).put_parameter(Name=name, Value=value, Type="String", Overwrite=overwrite)
        except ClientError as error:
            if error_code(error) != "TooManyUpdates" or not left:
                raise
            time.sleep(0.5)
            continue
        return int(answer["Version"])
    raise AssertionError("the last try returns or raises")
