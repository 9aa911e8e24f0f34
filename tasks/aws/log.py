"""The log of changing commands: one SSM parameter, whose newest hundred versions AWS keeps, each with its author."""

from __future__ import annotations

from botocore.exceptions import ClientError

from ..decisions.access.locks import parameter
from ..decisions.reporting.log import Entry, read, write
from ..runtime.cloud import Cloud, error_code
from .parameters import put

_PAGE = 50  # versions, the most of GetParameterHistory


def append(cloud: Cloud, group: str, entry: Entry, *, quick: bool = False) -> None:
    """Add an entry to the log of a group; `quick` as for Cloud.client."""
    put(cloud, parameter(group, "log"), write(entry), overwrite=True, quick=quick)


def entries(cloud: Cloud, group: str, *, quick: bool = False) -> list[Entry]:
    """Return the entries of a group's log that AWS still has, oldest first; foreign ones are left out."""
    pages = cloud.client("ssm", quick=quick).get_paginator("get_parameter_history")
    try:
        shown = [
            one
            for page in pages.paginate(Name=parameter(group, "log"), PaginationConfig={"PageSize": _PAGE})
            for one in page["Parameters"]
        ]
    except ClientError as error:
        if error_code(error) == "ParameterNotFound":
            return []
        raise
    ordered = sorted(shown, key=lambda one: int(one["Version"]))
    found = (read(one["Value"], one.get("LastModifiedUser", "")) for one in ordered)
    return [entry for entry in found if entry is not None]
