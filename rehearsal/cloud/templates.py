"""Launch templates and their versions: numbers that never come back, a default, a latest."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import ApiError

NAME = re.compile(r"[a-zA-Z0-9().\-/_]{3,128}")
MAX_VERSIONS = 10_000


@dataclass
class Version:
    """One version; its data is what the API calls LaunchTemplateData."""

    number: int
    data: dict[str, Any]
    description: str
    created: float


@dataclass
class Template:
    """A launch template."""

    id: str
    name: str
    created: float
    versions: dict[int, Version] = field(default_factory=dict)
    default: int = 1
    counter: int = 0
    tokens: dict[str, tuple[Any, int]] = field(default_factory=dict)

    @property
    def latest(self) -> int:
        """Return the highest number that exists."""
        return max(self.versions)

    def add(self, data: Mapping[str, Any], description: str, now: float) -> Version:
        """Add a version. Numbers of deleted versions are not used again."""
        if len(self.versions) >= MAX_VERSIONS:
            raise ApiError("VersionLimitExceeded", f"You have reached the limit of {MAX_VERSIONS} versions of {self.name}.")
        self.counter += 1
        version = Version(self.counter, dict(data), description, now)
        self.versions[version.number] = version
        return version

    def get(self, wanted: str | int | None) -> Version:
        """Return a version by number, `$Latest`, or `$Default` (also for None). Raises ApiError."""
        text = str(wanted if wanted is not None else "$Default")
        numbers = {"$latest": self.latest, "$default": self.default}
        number = numbers.get(text.lower(), int(text) if text.isdigit() else 0)
        if number not in self.versions:
            raise ApiError(
                "InvalidLaunchTemplateId.VersionNotFound",
                f"Could not find launch template version {text} for launch template with ID {self.id}.",
            )
        return self.versions[number]


class Templates:
    """Every launch template of the account."""

    def __init__(self) -> None:
        self._templates: dict[str, Template] = {}

    def all(self) -> list[Template]:
        """Return them in order of creation."""
        return list(self._templates.values())

    def create(self, name: str, now: float) -> Template:
        """Add a template without versions. Raises ApiError for a bad or taken name."""
        if not NAME.fullmatch(name):
            raise ApiError("InvalidLaunchTemplateName.MalformedException", f"'{name}' is not a valid launch template name.")
        if any(template.name == name for template in self.all()):
            raise ApiError("InvalidLaunchTemplateName.AlreadyExistsException", "Launch template name already in use.")
        template = Template(f"lt-{secrets.token_hex(8)}0", name, now)
        self._templates[template.id] = template
        return template

    def find(self, template_id: str | None, name: str | None) -> Template:
        """Return a template by id or name. Raises ApiError."""
        if template_id:
            if template_id not in self._templates:
                raise ApiError(
                    "InvalidLaunchTemplateId.NotFound",
                    f"The specified launch template, with template ID {template_id}, does not exist.",
                )
            return self._templates[template_id]
        if not name:
            raise ApiError("MissingParameter", "The request must contain the parameter LaunchTemplateId or LaunchTemplateName.")
        for template in self.all():
            if template.name == name:
                return template
        raise ApiError(
            "InvalidLaunchTemplateName.NotFoundException",
            f"The specified launch template, with template name {name}, does not exist.",
        )

    def delete(self, template: Template) -> None:
        """Forget a template and its versions."""
        del self._templates[template.id]
