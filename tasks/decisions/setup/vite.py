"""Where django-vite finds its manifest: in the checkout, where the build puts it, not in the shared STATIC_ROOT."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath as Path

from .facts import Facts

SETTING = "DJANGO_VITE"
_OUT = re.compile(r"""\boutDir\s*:[^'"\n]*['"]([^'"\n]+)['"]""")


def is_config(name: str) -> bool:
    """Return whether a file is the configuration of a build by vite."""
    return re.fullmatch(r"vite\.config\.(js|ts|mjs|mts|cjs|cts)", Path(name).name) is not None


def manifests(facts: Facts, top: str, configs: Sequence[str]) -> dict[str, str]:
    """Return the manifest of each app whose settings name none, relative to the repository `top`; "" where it is not known.

    `configs`: the texts of vite's own configuration, which may say where the build puts its files.
    """
    outs = [out.strip("./") for text in configs for out in _OUT.findall(text)]
    return {app: _one([path for path in paths if Path(path).is_relative_to(top)], top, outs) for app, paths in facts.vite.items()}


def _one(paths: Sequence[str], top: str, outs: Sequence[str]) -> str:
    inside = [str(Path(path).relative_to(top)) for path in paths]
    built = [path for path in inside if any(f"/{Path(path).parent}".endswith(f"/{out}") for out in outs if out)]
    likely = built or inside
    return likely[0] if len(likely) == 1 else ""


def settings_lines(facts: Facts, found: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines for the settings; `found`: manifests by app."""
    known = {app: path for app, path in found.items() if path}
    if not known:
        return
    yield "# The manifest of vite stays with the release's code, where its build puts it."
    if facts.vite_setting != SETTING:
        yield from (f"{facts.vite_setting} = _checkout / {json.dumps(path)}" for path in known.values())
        return
    has = SETTING in facts.own
    yield f"{SETTING} = {{{'  # noqa: F405' if has else ''}"
    if has:
        yield f"    **{SETTING},  # noqa: F405"
    for app, path in known.items():
        own = f"**{SETTING}[{json.dumps(app)}], " if has else ""
        yield f'    {json.dumps(app)}: {{{own}"manifest_path": _checkout / {json.dumps(path)}}},{"  # noqa: F405" if has else ""}'
    yield "}"


def left(facts: Facts, found: Mapping[str, str], at: str) -> Iterator[str]:
    """Yield what is left to do: manifests that nobody knows; `at`: file and line of the setting."""
    for app in (app for app, path in found.items() if not path):
        name = f'{SETTING}[{json.dumps(app)}]["manifest_path"]' if facts.vite_setting == SETTING else facts.vite_setting
        yield f"{at}: set {name} to the manifest that the build makes in the checkout: by default it is in the shared STATIC_ROOT"
