"""By what a checkout is installed and built, as the script `dependencies` says it."""

from dataclasses import dataclass

from .answers import json_object


@dataclass(frozen=True)
class Dependencies:
    """What the files of a checkout say."""

    tool: str  # of hosts.shell.installation.TOOLS; "" for none
    missing: tuple[str, ...]  # requirements files that are not there, although no lock file stands for them
    digest: str  # of everything on which the installation depends
    npm: bool  # npm builds it


def read_dependencies(printed: str) -> Dependencies | None:
    """Return the script's answer; None for anything else."""
    answer = json_object(printed.strip().rpartition("\n")[2])
    if answer is None or set(answer) != set(Dependencies.__dataclass_fields__) or not isinstance(answer["missing"], list):
        return None
    return Dependencies(str(answer["tool"]), tuple(map(str, answer["missing"])), str(answer["digest"]), npm=answer["npm"] is True)
