"""The ranges of pyproject.toml, the pins of the requirement files and the lock files name the same libraries."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.packaging.lock import LOCKS, ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
RANGES = {canonicalize_name(r.name): r for r in map(Requirement, PROJECT["dependencies"])}
TELEMETRY = {canonicalize_name(r.name): r for r in map(Requirement, PROJECT["optional-dependencies"]["telemetry"])}
EXTRA = {canonicalize_name(r.name): r for r in map(Requirement, PROJECT["optional-dependencies"]["rehearsal"])}


def pins(file: str) -> dict[str, str]:
    """Return the version of each library that a requirements file pins; a lock may name two versions, for two Pythons."""
    found: dict[str, str] = {}
    for line in (ROOT / file).read_text().splitlines():
        if not line.strip() or line.startswith(("#", " ")):
            continue
        requirement = Requirement(line.rstrip("\\ "))
        (specifier,) = requirement.specifier
        assert specifier.operator == "==", line
        if requirement.marker is None or requirement.marker.evaluate({"python_full_version": "3.11.0"}):
            found[canonicalize_name(requirement.name)] = specifier.version
    return found


def test_the_pins_lie_within_the_ranges() -> None:
    ours, rehearsal = pins("requirements.txt"), pins("rehearsal/requirements.txt")
    assert set(RANGES) <= set(ours)
    # The mission names them among the core; the commands do not import them.
    assert set(ours) - set(RANGES) == {"django", "whitenoise"}
    assert set(EXTRA) == set(rehearsal)
    for name, wanted in (RANGES | EXTRA).items():
        assert wanted.specifier.contains((rehearsal | ours)[name]), name
    assert not {name for name in set(ours) & set(rehearsal) if ours[name] != rehearsal[name]}
    tested = pins("tests/requirements.txt")
    assert all(wanted.specifier.contains(tested[name]) for name, wanted in TELEMETRY.items())


@pytest.mark.parametrize("lock", sorted(LOCKS))
def test_the_lock_has_the_pins_and_hashes(lock: str) -> None:
    locked = pins(lock)
    wanted = {
        "requirements.lock": {name: pins("requirements.txt")[name] for name in RANGES},
        "rehearsal/requirements.lock": {
            name: (pins("requirements.txt") | pins("rehearsal/requirements.txt"))[name] for name in RANGES | EXTRA
        },
        "tests/requirements.lock": {
            name: version
            for folder in ("", "rehearsal/", "tests/", "docs/")
            for name, version in pins(f"{folder}requirements.txt").items()
        },
    }[lock]
    assert {name: locked.get(name) for name in wanted} == wanted
    blocks = re.findall(
        r"^\S+==\S+(?: ; .*?)? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", (ROOT / lock).read_text(), re.M
    )
    assert len(blocks) == len(re.findall(r"^\S+==", (ROOT / lock).read_text(), re.M))


def test_the_locks_agree() -> None:
    everything = pins("tests/requirements.lock")
    for lock in LOCKS:
        assert not {name: version for name, version in pins(lock).items() if everything[name] != version}


def imported(folder: str) -> Iterator[tuple[Path, str]]:
    """Yield each module of others that the modules of a folder import; what the site's Python runs has its own."""
    for path in (ROOT / folder).rglob("*.py"):
        on_hosts = path.is_relative_to(ROOT / "rehearsal/site") and path.parent != ROOT / "rehearsal/site"
        if on_hosts or any(path.is_relative_to(ROOT / "tasks" / name / "scripts") for name in ("hosts/shell", "operations/init")):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from ((path, name.name.partition(".")[0]) for name in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                yield path, str(node.module).partition(".")[0]


@pytest.mark.parametrize(("folder", "declared"), [("tasks", RANGES), ("rehearsal", RANGES | EXTRA)])
def test_every_library_that_is_imported_is_declared(folder: str, declared: dict[str, Requirement]) -> None:
    of = packages_distributions()
    # botocore and urllib3 come with boto3, cryptography with paramiko, werkzeug with flask; each of them cannot do without.
    brought = {"botocore", "urllib3", "cryptography", "werkzeug"}
    undeclared = {
        (str(path.relative_to(ROOT)), module)
        for path, module in imported(folder)
        if module not in sys.stdlib_module_names
        # An extra need not be installed where the tests run, so its modules are known by name, as those of celery are.
        and not (module == "opentelemetry" and folder == "tasks" and TELEMETRY)
        and not {canonicalize_name(name) for name in of.get(module, (module,))} & (declared.keys() | brought)
    }
    assert not undeclared
