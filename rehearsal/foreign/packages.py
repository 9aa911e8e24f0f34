"""What machines install and build with, fetched beforehand: in their networks there is no index and no registry."""

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from .commands import run

FOLDER = "packages"  # in the folder of a prepared rehearsal
PLACE = "/var/cache/rehearsal"  # of the same on a machine
_PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input")
# What builds packages that are there as source only; `pip` itself for a new environment.
_TOOLS = ("pip", "setuptools", "wheel")
_SOURCES = (".tar.gz", ".zip", ".tar.bz2")


def needs_node(commands: Iterable[str]) -> bool:
    """Return whether one of the commands that build a site is npm's."""
    return any("npm" in command.split() for command in commands)


def gather_wheels(folder: Path, venv: Path, say: Callable[[str], None]) -> None:
    """Fetch what an environment has; what is there as source only is built, too. Raises Refusal."""
    wheels = folder / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    say("the packages of the new release, for machines, which have no network")
    frozen = run(*_PIP, "--python", venv / "bin/python", "freeze", "--exclude-editable", cwd=folder, what="pip freeze")
    for line in from_addresses(frozen):
        say(f"{line}: machines do not reach that; where a release installs its requirements with pip, it will stop there")
    wanted = folder / "wanted.txt"
    wanted.write_text(frozen + "".join(f"{name}\n" for name in _TOOLS), encoding="utf-8")
    pip = (*_PIP, "--python", venv / "bin/python")
    run(*pip, "download", "--quiet", "--no-deps", "--dest", wheels, "-r", wanted, cwd=folder, what="pip download")
    for source in sorted(path for path in wheels.iterdir() if path.name.endswith(_SOURCES)):
        run(*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", wheels, source, cwd=folder, what=f"pip wheel {source.name}")


def from_addresses(frozen: str) -> list[str]:
    """Return what of the output of `pip freeze` pip takes from an address such as git's, without a password in it."""
    direct = [line for line in frozen.splitlines() if re.match(r"\S+ @ (?!file:)", line)]
    return [re.sub(r"://[^/@\s]+@", "://", line) for line in direct]


def gather_node(folder: Path, tree: Path) -> None:
    """Fetch what npm's lock file names; raises Refusal."""
    quiet = ("--ignore-scripts", "--include=dev", "--no-audit", "--no-fund", "--loglevel=error")
    environment = {**os.environ, "npm_config_cache": str(folder / "npm")}
    run("npm", "ci", *quiet, cwd=tree, env=environment, what="npm ci")
    shutil.rmtree(tree / "node_modules")
    registry = run("npm", "config", "get", "registry", cwd=tree, what="npm config")
    (folder / "registry").write_text(registry.strip(), encoding="utf-8")


def settings(folder: Path) -> dict[str, str]:
    """Return the files with which pip, uv and npm look nowhere else, by their path in a home folder."""
    files = {
        ".config/pip/pip.conf": f"[global]\nno-index = true\nfind-links = {PLACE}/wheels\ndisable-pip-version-check = true\n",
        ".config/uv/uv.toml": f'offline = true\ncache-dir = "{PLACE}/uv"\n',
    }
    if (folder / "registry").exists():
        registry = (folder / "registry").read_text(encoding="utf-8")
        lines = (
            f"cache={PLACE}/npm",
            "offline=true",
            f"registry={registry}",
            "audit=false",
            "fund=false",
            "update-notifier=false",
        )
        files[".npmrc"] = "".join(f"{line}\n" for line in lines)
    return files
