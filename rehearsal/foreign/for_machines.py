"""What has to be at hand before a site can be rehearsed on machines: packages, their image, and files that fit together."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import yaml

from ..hosts.machines import golden, image_files
from ..sandbox import Refusal
from . import libraries, machine_files, moving, packages, pythons


def fetch_node(top: Path, tree: Path, build: Sequence[str]) -> list[str]:
    """Fetch what npm installs, if a build is npm's; return the packages of Debian that it needs. Raises Refusal."""
    if not packages.needs_node(build):
        return []
    packages.gather_node(top / packages.FOLDER, tree)
    return list(image_files.NODE)


def fetch(top: Path, tree: Path, node: Sequence[str], say: Callable[[str], None]) -> list[str]:
    """Fetch the packages of the site, and make the image of its machines; return what of Debian is in it. Raises Refusal."""
    debian = [*image_files.OF_SITES, *dict.fromkeys(node)]
    was, is_now = (pythons.version(top / f"{name}-venv/bin/python") for name in ("old", "new"))
    if was != is_now:
        raise Refusal(f"the old release has Python {was} here, the new one {is_now}: machines keep one; use process hosts")
    packages.gather_wheels(top / packages.FOLDER, top / "new-venv", say)
    try:
        base = golden.layers(say, debian)[0]
        if more := libraries.packages([top / "old-venv", top / "new-venv"], base, say):
            say(f"machines need {', '.join(more)} besides: programs or modules of the site are linked with it")
            debian += more
            base = golden.layers(say, debian)[0]
    except golden.GoldenError as error:
        raise Refusal(str(error)) from None
    home, taken = moving.python_on_machines(top / "new-venv", base)
    say(f"machines have Python {golden.python_of(base)}" + (f"; the site's own is taken along as {home}" if taken else ""))
    facts = json.loads((tree / ".ramped/project.json").read_text(encoding="utf-8"))
    app = yaml.safe_load((tree / "fabric.yaml").read_text(encoding="utf-8"))["app"]
    machine_files.drop_in(machine_files.read(tree, app, facts["server"]), facts, "", "")  # what it refuses costs no minutes yet
    return debian
