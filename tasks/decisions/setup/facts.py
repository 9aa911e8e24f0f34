"""What a project's settings say, as its own Python has loaded them; and what they lack to be loaded."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from ..release.answers import json_object

MARK = "ramped-settings:"
STOCK = (
    "django.contrib.staticfiles.storage.StaticFilesStorage",
    "django.contrib.staticfiles.storage.ManifestStaticFilesStorage",
    "whitenoise.storage.CompressedStaticFilesStorage",
    "whitenoise.storage.CompressedManifestStaticFilesStorage",
)
FILES = "django.core.files.storage.filesystem.FileSystemStorage"
OURS = "LocalManifestStaticFilesStorage"
# By the module of a driver: the scheme of DATABASE_URL for which a site has it.
DRIVERS = {"psycopg": "postgres", "psycopg2": "postgres", "MySQLdb": "mysql", "pymysql": "mysql"}

_KIND = r"(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Configured)"
_NAME = r"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"
# How settings say that a variable is missing: os.environ[...], django-environ, python-decouple, environs.
_MISSING = tuple(
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        r"^KeyError: '([A-Z][A-Z0-9_]{2,})'",
        r"Set the ([A-Z][A-Z0-9_]*) environment variable",
        r"UndefinedValueError: ([A-Z][A-Z0-9_]*) not found",
        r'nvironment variable "?([A-Z][A-Z0-9_]*)"? (?:is )?not set',
        # What settings say in words of their own, in the line of the error: a name in capitals that has to be set.
        rf"^{_KIND}:.*\b(?:[Ss]et|[Mm]issing|[Rr]equires?|[Dd]efine|[Pp]rovide)\b[^\n]*?\b{_NAME}\b(?! setting)",
        rf"^{_KIND}:[^\n]*?\b{_NAME}\b(?! setting)[^\n]*\b(?:must|required|missing|not (?:set|found|defined|configured))\b",
    )
)


# os.environ["DEBUG"], env.bool("DJANGO_DEBUG", ...), config('DEBUG', ...)
_DEBUG_VARIABLE = re.compile(r"""[(\[]\s*["']([A-Z][A-Z0-9_]*DEBUG|DEBUG)["']""")
_ERROR = re.compile(r"(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Configured|DoesNotExist|NotFound|Failed|Exit)\b")
_PLACE = re.compile(r'  File "([^"]+)", line (\d+)')


@dataclass(frozen=True)
class Facts:
    """What the settings say; paths are absolute, and "" where there is none."""

    python: str
    versions: Mapping[str, str]  # of the packages that matter
    file: str  # of the settings module
    own: list[str]  # names that the module itself has
    debug: bool
    secret: bool
    secret_file: str  # "name:line" beside the settings where SECRET_KEY itself stands
    base_dir: str
    static_url: str
    static_root: str
    media_root: str
    allowed_hosts: list[str]
    middleware: list[str]
    apps: list[str]
    databases: Mapping[str, list[str]]  # engine and file by alias
    proxy_header: list[str]
    asgi: str  # ASGI_APPLICATION
    urlconf: str  # ROOT_URLCONF, where it is the name of a module
    urls_file: str
    vite: Mapping[str, list[str]]  # apps of django-vite without a path to their manifest: where their build may put it
    vite_setting: str  # what gives that path: DJANGO_VITE, or the name of before its version 3
    compressed: bool  # django-compressor works offline, with its manifest in STATIC_ROOT
    immutable_test: bool
    storage: str
    storage_kinds: list[str]  # its class and all bases
    storage_error: str
    storage_options: bool
    debug_variable: str = ""  # what has to be False in the environment, so that DEBUG is off

    @property
    def old_storages(self) -> bool:
        """Whether storages are named as before Django 4.2, which allows no STORAGES beside it; Django 5.1 passes that over."""
        version = tuple(int(part) for part in re.findall(r"\d+", self.versions.get("django", ""))[:2])
        named = "STORAGES" not in self.own and bool({"STATICFILES_STORAGE", "DEFAULT_FILE_STORAGE"} & set(self.own))
        return named and version < (5, 1)

    @property
    def stock(self) -> bool:
        """Whether the storage of static files is one of Django's or WhiteNoise's own."""
        return self.storage in STOCK

    @property
    def ours(self) -> bool:
        """Whether the storage of static files has ours among its bases."""
        return any(kind.endswith(f".{OURS}") for kind in self.storage_kinds)

    @property
    def local(self) -> bool:
        """Whether the storage of static files keeps files on a disk."""
        return FILES in self.storage_kinds


def read_facts(printed: str) -> Facts | None:
    """Return the probe's answer from everything that the project printed; None without one."""
    lines = [line for line in printed.split("\n") if line.startswith(MARK)]
    answer: Mapping[str, Any] | None = json_object(lines[-1].removeprefix(MARK)) if lines else None
    names = {field.name for field in fields(Facts)} - {"debug_variable"}
    return Facts(**answer) if answer is not None and answer.keys() == names else None


def missing_variable(printed: str) -> str | None:
    """Return the environment variable for which settings stopped, from a traceback; None where it stopped for another reason."""
    found = [(match.start(), match[1]) for pattern in _MISSING for match in pattern.finditer(printed)]
    return max(found)[1] if found else None


def end_of_traceback(printed: str) -> str:
    """Return the line of the error and the place in the code that raised it, from what a Python program printed."""
    lines = printed.strip().splitlines()
    errors = [number for number, line in enumerate(lines) if _ERROR.match(line)]
    if not errors:
        return lines[-1] if lines else "it printed nothing"
    places = [match for line in lines[: errors[-1]] if (match := _PLACE.match(line))]
    where = f" ({places[-1][1]}:{places[-1][2]})" if places else ""
    return f"{lines[errors[-1]]}{where}"


def of_ours(printed: str, folder: str) -> bool:
    """Return whether a Python program ended by a fault of ours, which nothing in the project can mend.

    `folder`: that of the drop-ins. What they raise themselves says what is wrong with the project.
    """
    lines = printed.strip().splitlines()
    errors = [number for number, line in enumerate(lines) if _ERROR.match(line)]
    places = [number for number in range(errors[-1]) if _PLACE.match(lines[number])] if errors else []
    if not places:
        return False
    number = places[-1]
    match = _PLACE.match(lines[number])
    assert match
    if match[1] == "<string>":  # the program itself, which has one error of its own
        return not lines[errors[-1]].startswith("Failed:")
    return match[1].startswith(f"{folder}/") and not lines[number + 1].lstrip().startswith("raise ")


def broken_reference(failure: str) -> str | None:
    """Return the static file whose reference stopped collectstatic, as our storage names it; None for another failure."""
    found = re.search(r'"allow_missing_references": \["([^"\\]+)"\]', failure)
    return found[1] if found else None


def debug_variables(texts: Iterable[str]) -> list[str]:
    """Return the environment variables by which settings may turn DEBUG on; `texts`: of the settings."""
    found = (match[1] for text in texts for match in _DEBUG_VARIABLE.finditer(text))
    return list(dict.fromkeys(found))


def placeholder(name: str, drivers: Collection[str] = ()) -> str:
    """Return a value with which settings can be looked at; it opens nothing. `drivers`: of databases, that the site has."""
    if name.endswith("DATABASE_URL"):
        server = next((scheme for module, scheme in DRIVERS.items() if module in drivers), "")
        return f"{server}://site@127.0.0.1:9/site" if server else "sqlite:///:memory:"
    if name.endswith(("REDIS_URL", "BROKER_URL", "CACHE_URL")):
        return "redis://127.0.0.1:9/0"
    if name.endswith("_DSN"):
        return "http://key@127.0.0.1:9/1"  # Sentry refuses one without a key and a number
    if name.endswith("_URL"):
        return "http://127.0.0.1:9/"
    return (
        "1" if name.endswith(("_PORT", "_ID", "_COUNT", "_SECONDS", "_TIMEOUT")) else f"placeholder-for-{name.lower()}-{'x' * 40}"
    )
