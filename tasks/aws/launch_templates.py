"""Launch templates: read versions, and create a version from another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from ..errors import Refused
from ..runtime.cloud import Cloud, error_code

# Errors for a version, or its template, that EC2 does not know, or not yet.
NOT_FOUND = ("InvalidLaunchTemplateId.VersionNotFound", "InvalidLaunchTemplateId.NotFound")


@dataclass(frozen=True)
class Version:
    """One version of a launch template."""

    template: str
    number: str
    description: str
    default: bool
    data: Mapping[str, Any]
    by: str = ""  # ARN of the principal that created it
    at: str = ""  # when, in UTC

    @property
    def image(self) -> str:
        """Return the image that it boots."""
        return str(self.data.get("ImageId", ""))


def versions(cloud: Cloud, template: str) -> list[Version]:
    """Return every version of a template, newest first."""
    pages = cloud.client("ec2").get_paginator("describe_launch_template_versions").paginate(LaunchTemplateId=template)
    found = [read(shown) for page in pages for shown in page["LaunchTemplateVersions"]]
    return sorted(found, key=lambda v: -int(v.number))


def find(cloud: Cloud, template: str, reference: str) -> Version | None:
    """Return one version, or None where EC2 does not know it, which may be so right after it was created.

    `reference` is a number, $Latest or $Default.
    """
    try:
        answer = cloud.client("ec2").describe_launch_template_versions(LaunchTemplateId=template, Versions=[reference])
    except ClientError as error:
        if error_code(error) not in NOT_FOUND:
            raise
        return None
    return next(map(read, answer["LaunchTemplateVersions"]), None)


def version(cloud: Cloud, template: str, reference: str) -> Version:
    """Return one version; `reference` is a number, $Latest or $Default.

    Raises Refused when the template has no such version.
    """
    found = find(cloud, template, reference)
    if found is None:
        raise Refused(f"launch template {template} has no version {reference}: `bake-ami` makes one, `status` shows those in use")
    return found


def read(shown: Mapping[str, Any]) -> Version:
    """Return a version as DescribeLaunchTemplateVersions shows it."""
    return Version(
        template=shown["LaunchTemplateId"],
        number=str(shown["VersionNumber"]),
        description=shown.get("VersionDescription", ""),
        default=bool(shown.get("DefaultVersion")),
        data=shown.get("LaunchTemplateData", {}),
        by=shown.get("CreatedBy", ""),
        at=f"{shown['CreateTime']:%Y-%m-%d %H:%M} UTC" if "CreateTime" in shown else "",
    )


def add(cloud: Cloud, source: Version, description: str, changes: Mapping[str, Any], token: str) -> str:
    """Create a version from another and return its number; the default version is unchanged.

    `changes` replace the source's parameters; with the same `token` a repeated call returns the same version.
    """
    answer = cloud.client("ec2").create_launch_template_version(
        LaunchTemplateId=source.template,
        SourceVersion=source.number,
        VersionDescription=description,
        LaunchTemplateData=dict(changes),
        ClientToken=token,
    )
    return str(answer["LaunchTemplateVersion"]["VersionNumber"])


def copy(cloud: Cloud, template: str, number: str, token: str) -> str:
    """Create a copy of an older version, and return its number; `token` as for `add`."""
    source = version(cloud, template, number)
    # CreateLaunchTemplateVersion requires at least one parameter.
    return add(cloud, source, source.description, {"ImageId": source.image}, token)
