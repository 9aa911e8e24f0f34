"""The lines for urls.py, .gitignore and requirements, by what these files hold already."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath as Path

from .blocks import without, wrapped
from .layout import Layout
from .source import routes

_COMPILED = {"*.pyc", "*.py[cod]", "*.py[co]", "__pycache__", "__pycache__/", "**/__pycache__/"}
IGNORED = ("/REVISION", "staticfiles.json", ".staticfiles.json.*")
# The server's unit has options of these versions.
NEEDED = {"whitenoise": "whitenoise>=6.7", "gunicorn": "gunicorn>=22", "uvicorn": "uvicorn>=0.37", "websockets": "websockets"}
UWSGI = {"uwsgi", "pyuwsgi"}
SERVERS = {"gunicorn": {"gunicorn", "uvicorn", "daphne", "hypercorn", *UWSGI}, "uwsgi": UWSGI, "uvicorn": {"uvicorn"}}
# Where projects keep what a server installs, the likeliest first.
_KINDS = ("production", "prod", "live", "requirements", "base", "common", "main")
REQUIREMENTS = (
    "requirements.txt",
    *(f"requirements/{kind}.txt" for kind in _KINDS),
    *(f"requirements{sign}{kind}.txt" for kind in ("production", "prod", "live", "base", "common") for sign in "-_."),
)
# What says that a site needs packages, in a form that no line can be added to here.
_DESCRIBED = re.compile(
    r"requirements/[\w.-]+\.(?:txt|in)|[\w.-]*req(?:s|uirements)?(?![A-Za-z])[\w.-]*\.(?:txt|in)|pyproject\.toml|Pipfile"
    r"|setup\.(?:py|cfg)|(?:conda-)?environment\.ya?ml|(?:uv|poetry|pdm|Pipfile|pixi)\.lock"
)
LOCKS = {"uv.lock": "uv add", "poetry.lock": "poetry add", "pdm.lock": "pdm add", "Pipfile.lock": "pipenv install"}


def urls_block(layout: Layout, star: bool = False) -> str:
    """Return the block for the root URLconf; `star`: `urlpatterns` may come from an `import *`."""
    note = "  # noqa: F405" if star else ""
    return wrapped(f"""\
from django.urls import path as _path  # noqa: E402

from {layout.package}.health import ApplicationStatus as _ApplicationStatus  # noqa: E402

# Before all others: a pattern that matches everything would answer it.
urlpatterns = [_path("health/", _ApplicationStatus.as_view(), name="health"), *urlpatterns]{note}""")


def has_health(urls: str) -> bool:
    """Return whether a URLconf has a path health/ of its own."""
    return any(re.fullmatch(r"\^?health/?\??(?:\$|\\Z)?", route) for route in routes(without(urls)))


def not_ignored(ignore: str, more: Sequence[str] = ()) -> list[str]:
    """Return the patterns that the project's own lines of .gitignore lack; `more`: in addition to the usual ones."""
    own = {line.strip().lstrip("/") for line in without(ignore).splitlines()}
    compiled = [] if own & _COMPILED else ["__pycache__/"]
    return [pattern for pattern in (*IGNORED, *compiled, *more) if pattern.lstrip("/") not in own]


def ignore_block(missing: Sequence[str]) -> str:
    """Return the block for .gitignore with the patterns that are missing."""
    return wrapped("\n".join(["# What is written into the checkout where it is deployed.", *missing]))


def requirements_block(lines: Sequence[str]) -> str:
    """Return the block for a requirements file."""
    return wrapped("\n".join(lines))


def requirements_files(names: Sequence[str]) -> list[str]:
    """Return the requirements file of a server among the names of files; [] where there is none, or a lock file instead of it."""
    for folder in _places(names):
        if found := [folder + name for name in REQUIREMENTS if folder + name in names]:
            return found[:1]
        if any(folder + name in names for name in LOCKS):
            break
    return []


def described(names: Sequence[str]) -> str:
    """Return the file that says which packages a site needs, at the top or beside manage.py; "" where there is none."""
    found = (name for folder in _places(names) for name in sorted(names) if _is_described(name, folder))
    return next(found, "")


def _is_described(name: str, folder: str) -> bool:
    return name.startswith(folder) and bool(_DESCRIBED.fullmatch(name.removeprefix(folder)))


def _places(names: Sequence[str]) -> list[str]:
    """Return the folders in which a project says what it needs, each with a slash at its end: the top, then that of manage.py."""
    beside = sorted(
        {str(Path(name).parent) for name in names if Path(name).name == "manage.py"}, key=lambda name: (name.count("/"), name)
    )
    return ["", *(f"{folder}/" for folder in beside if folder != ".")]


def required(file: str, texts: Mapping[str, str]) -> set[str]:
    """Return the names of packages that a requirements file names, and those that it includes by -r or -c."""
    found: set[str] = set()
    for line in texts.get(file, "").splitlines():
        words = line.split("#")[0].split()
        if words[:1] in (["-r"], ["--requirement"]) and len(words) > 1:
            found |= required(str(_beside(file, words[1])), {name: text for name, text in texts.items() if name != file})
        elif name := re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", "".join(words[:1])):
            found.add(re.sub(r"[-_.]+", "-", name[0]).lower())
    return found


def requirement_lines(names: set[str], server: str) -> list[str]:
    """Return the requirements that a site lacks whose packages are `names`; `server`: gunicorn, uvicorn or uwsgi."""
    lacking = [] if "whitenoise" in names else ["whitenoise"]
    lacking += [] if names & SERVERS[server] else [server]
    # uvicorn closes websockets without it.
    lacking += ["websockets"] if server == "uvicorn" and not names & {"websockets", "wsproto"} else []
    return [NEEDED[name] for name in lacking]


def too_old(versions: Mapping[str, str], server: str) -> str:
    """Return the requirement that an installed server does not meet; "" where it does, or where none is installed."""
    wanted = [int(part) for part in NEEDED[server].partition(">=")[2].split(".")] if server in NEEDED else []
    has = [int(part) for part in re.findall(r"\d+", versions.get(server, ""))[: len(wanted)]]
    return NEEDED[server] if has and has < wanted else ""


def hashed(text: str) -> bool:
    """Return whether a requirements file gives hashes: then each line needs them."""
    return "--hash=" in text or "--require-hashes" in text


def compiled_of(text: str) -> str:
    """Return the file from which pip-compile or uv has made a requirements file; "" for one that is written by hand."""
    head = text[:600]
    found = re.search(r"([\w./-]+\.(?:in|toml))", head)
    return found[1] if found and "autogenerated" in head else ""


def _beside(file: str, other: str) -> Path:
    parts: list[str] = []
    for part in (Path(file).parent / other).parts:
        parts = parts[:-1] if part == ".." else [*parts, part]
    return Path(*parts)


def lock_files(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each lock file, at the top or beside manage.py, and the command that adds a package to it."""
    yield from (
        (folder + name, command) for folder in _places(names) for name, command in LOCKS.items() if folder + name in names
    )
