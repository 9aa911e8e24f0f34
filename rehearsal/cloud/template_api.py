"""EC2's calls about launch templates."""

from collections.abc import Mapping
from typing import Any

from .consistency import Consistency
from .errors import ApiError
from .filters import matching, tag_list, tag_values, tags_of
from .moto_state import BY, MotoState
from .paging import page
from .templates import Template, Templates, Version
from .timing import Timing

Params = Mapping[str, Any]


class TemplateApi:
    """Create, version, describe, modify and delete launch templates."""

    def __init__(self, templates: Templates, moto: MotoState, timing: Timing, consistency: Consistency) -> None:
        self._templates = templates
        self._moto = moto
        self._timing = timing
        self._consistency = consistency
        self.actions = {
            "CreateLaunchTemplate": self.create,
            "CreateLaunchTemplateVersion": self.create_version,
            "ModifyLaunchTemplate": self.modify,
            "DeleteLaunchTemplate": self.delete,
            "DeleteLaunchTemplateVersions": self.delete_versions,
            "DescribeLaunchTemplates": self.describe,
            "DescribeLaunchTemplateVersions": self.describe_versions,
        }
        self.checks = {
            "CreateLaunchTemplateVersion": self._check_source,
            "ModifyLaunchTemplate": self._find,
            "DeleteLaunchTemplate": self._find,
            "DeleteLaunchTemplateVersions": self._find,
        }

    def _check_source(self, params: Params) -> None:
        template = self._find(params)
        if params.get("SourceVersion"):
            template.get(params["SourceVersion"])

    def _find(self, params: Params) -> Template:
        return self._templates.find(params.get("LaunchTemplateId"), params.get("LaunchTemplateName"))

    def create(self, params: Params) -> Any:
        """Create a template with its version 1, which is the default."""
        template = self._templates.create(params["LaunchTemplateName"], self._timing.now())
        template.add(params.get("LaunchTemplateData", {}), params.get("VersionDescription", ""), self._timing.now())
        self._moto.tag(template.id, tags_of(params.get("TagSpecifications", ()), "launch-template"))
        return {"LaunchTemplate": self._shown(template)}

    def create_version(self, params: Params) -> Any:
        """Add a version: the source's data, with each parameter of the request replaced."""
        template = self._find(params)
        wanted = (params.get("LaunchTemplateData"), params.get("SourceVersion"), params.get("VersionDescription"))
        token = params.get("ClientToken")
        if token and token in template.tokens:
            before, number = template.tokens[token]
            if before != wanted:
                raise ApiError("IdempotentParameterMismatch", "The client token was used before, with other parameters.")
            return {"LaunchTemplateVersion": self._version(template, template.get(number))}
        source = template.get(params["SourceVersion"]).data if params.get("SourceVersion") else {}
        data = {**source, **params.get("LaunchTemplateData", {})}
        version = template.add(data, params.get("VersionDescription", ""), self._timing.now())
        self._consistency.added(template.versions, version.number)
        if token:
            template.tokens[token] = (wanted, version.number)
        return {"LaunchTemplateVersion": self._version(template, version)}

    def modify(self, params: Params) -> Any:
        """Choose the default version."""
        template = self._find(params)
        before, template.default = template.default, template.get(params["DefaultVersion"]).number
        self._consistency.changed(vars(template), "default", before)
        return {"LaunchTemplate": self._shown(template)}

    def delete(self, params: Params) -> Any:
        """Delete a template with all its versions."""
        template = self._find(params)
        self._templates.delete(template)
        return {"LaunchTemplate": self._shown(template)}

    def delete_versions(self, params: Params) -> Any:
        """Delete versions, 200 at most; each succeeds or fails for itself, the default always fails."""
        template = self._find(params)
        if len(params["Versions"]) > 200:
            raise ApiError("InvalidParameterValue", "At most 200 versions can be deleted in one request.")
        done, failed = [], []
        for text in params["Versions"]:
            base = {"LaunchTemplateId": template.id, "LaunchTemplateName": template.name, "VersionNumber": int(text)}
            if error := self._cannot_delete(template, int(text)):
                failed.append({**base, "ResponseError": error})
            else:
                del template.versions[int(text)]
                done.append(base)
        return {
            "SuccessfullyDeletedLaunchTemplateVersions": done,
            "UnsuccessfullyDeletedLaunchTemplateVersions": failed,
        }

    def _cannot_delete(self, template: Template, number: int) -> dict[str, str] | None:
        if number not in template.versions:
            return {"Code": "launchTemplateVersionDoesNotExist", "Message": f"Version {number} does not exist."}
        if number == template.default:
            return {"Code": "unexpectedError", "Message": "Cannot delete the default version of a launch template."}
        return None

    def describe(self, params: Params) -> Any:
        """List templates by id, name or filter."""
        found = self._templates.all()
        if params.get("LaunchTemplateIds") or params.get("LaunchTemplateNames"):
            found = [self._templates.find(id, None) for id in params.get("LaunchTemplateIds", ())]
            found += [self._templates.find(None, name) for name in params.get("LaunchTemplateNames", ())]
        found = matching(found, params.get("Filters", ()), self._value)
        shown, token = page(found, params, 200, "MaxResults")
        return {"LaunchTemplates": [self._shown(template) for template in shown], "NextToken": token}

    def _value(self, template: Template, name: str) -> list[str]:
        if name == "launch-template-name":
            return [template.name]
        return tag_values(self._moto.tags(template.id), name)

    def describe_versions(self, params: Params) -> Any:
        """List versions of one template, newest first; or the latest and default versions of all."""
        wanted = params.get("Versions", ())
        if params.get("LaunchTemplateId") or params.get("LaunchTemplateName"):
            template = self._find(params)
            least, most = int(params.get("MinVersion") or 0), int(params.get("MaxVersion") or template.counter)
            chosen = [template.get(number) for number in wanted] or [
                template.versions[number] for number in sorted(template.versions, reverse=True) if least <= number <= most
            ]
            pairs = [(template, version) for version in chosen]
        elif wanted:
            pairs = [(template, template.get(number)) for template in self._templates.all() for number in wanted]
        else:
            raise ApiError("MissingParameter", "The request must contain a launch template, or $Latest or $Default as version.")
        shown, token = page(pairs, params, 200, "MaxResults")
        return {"LaunchTemplateVersions": [self._version(*pair) for pair in shown], "NextToken": token}

    def _shown(self, template: Template) -> dict[str, Any]:
        return {
            "LaunchTemplateId": template.id,
            "LaunchTemplateName": template.name,
            "CreateTime": self._timing.date(template.created),
            "CreatedBy": BY.format(self._moto.account),
            "DefaultVersionNumber": template.default,
            "LatestVersionNumber": template.latest,
            "Tags": tag_list(self._moto.tags(template.id)),
        }

    def _version(self, template: Template, version: Version) -> dict[str, Any]:
        return {
            "LaunchTemplateId": template.id,
            "LaunchTemplateName": template.name,
            "VersionNumber": version.number,
            "VersionDescription": version.description,
            "CreateTime": self._timing.date(version.created),
            "CreatedBy": BY.format(self._moto.account),
            "DefaultVersion": version.number == template.default,
            "LaunchTemplateData": version.data,
        }
