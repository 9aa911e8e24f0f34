"""Print what the settings of a project say, as they are loaded; in `manage.py shell -c`. Changes nothing."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Iterator
from importlib import import_module, metadata
from typing import Any

NAMES = (
    "BASE_DIR",
    "STORAGES",
    "STATICFILES_STORAGE",
    "DEFAULT_FILE_STORAGE",
    "STATIC_ROOT",
    "MIDDLEWARE",
    "INSTALLED_APPS",
    "DJANGO_VITE",
)
PACKAGES = ("django", "whitenoise", "gunicorn", "uvicorn", "daphne", "hypercorn", "websockets", "uwsgi", "pyuwsgi")


def main(mark: str) -> None:
    """Print a marked line of JSON."""
    from django.conf import settings

    module = module_of_settings()
    answer = {
        "python": sys.version.split()[0],
        "versions": versions(),
        "file": os.path.realpath(module.__file__ or ""),
        # django-configurations puts those of its classes into the module, after the last line of it.
        "own": [] if hasattr(module, "CONFIGURATION") else [name for name in NAMES if hasattr(module, name)],
        "debug": bool(settings.DEBUG),
        "secret": bool(getattr(module, "SECRET_KEY", "")),
        "secret_file": file_with(str(getattr(module, "SECRET_KEY", "")), os.path.dirname(module.__file__ or "")),
        "base_dir": os.path.realpath(str(getattr(settings, "BASE_DIR", ""))) if getattr(settings, "BASE_DIR", "") else "",
        "static_url": str(settings.STATIC_URL or ""),
        "static_root": os.path.realpath(str(settings.STATIC_ROOT)) if settings.STATIC_ROOT else "",
        "media_root": os.path.realpath(str(settings.MEDIA_ROOT)) if settings.MEDIA_ROOT else "",
        "allowed_hosts": [str(host) for host in settings.ALLOWED_HOSTS],
        "middleware": [str(name) for name in settings.MIDDLEWARE],
        "apps": [str(name) for name in settings.INSTALLED_APPS],
        "databases": databases(settings.DATABASES),
        "proxy_header": [str(part) for part in settings.SECURE_PROXY_SSL_HEADER or ()],
        "asgi": str(getattr(settings, "ASGI_APPLICATION", None) or ""),
        "urlconf": str(getattr(settings, "ROOT_URLCONF", "")),
        "urls_file": urls_file(str(getattr(settings, "ROOT_URLCONF", ""))),
        **vite(),
        "compressed": compressed(),
        "immutable_test": hasattr(settings, "WHITENOISE_IMMUTABLE_FILE_TEST"),
        **storage(),
    }
    print("\n" + mark + json.dumps(answer), flush=True)


def versions() -> dict[str, str]:
    """Return the versions of the packages that matter, of those that are installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def vite() -> dict[str, Any]:
    """Return the apps of django-vite without a path to their manifest, and where their build may put it."""
    from django.apps import apps
    from django.conf import settings

    if not apps.is_installed("django_vite"):
        return {"vite": {}, "vite_setting": ""}
    names = ("DEV_MODE", "DEV_SERVER_HOST", "DEV_SERVER_PORT", "STATIC_URL_PREFIX", "MANIFEST_PATH", "ASSETS_PATH")
    before = {
        name.lower(): getattr(settings, f"DJANGO_VITE_{name}") for name in names if hasattr(settings, f"DJANGO_VITE_{name}")
    }
    given = getattr(settings, "DJANGO_VITE", None)
    found = {}
    for app, config in (given or {"default": before}).items():
        values = config if isinstance(config, dict) else config._asdict()
        if not values.get("manifest_path"):
            found[str(app)] = list(candidates(os.path.join(values.get("static_url_prefix") or "", "manifest.json")))
    return {"vite": found, "vite_setting": "DJANGO_VITE_MANIFEST_PATH" if before and not given else "DJANGO_VITE"}


def candidates(name: str) -> Iterator[str]:
    """Yield where a static file may lie: it need not be built yet."""
    from django.conf import settings

    for entry in settings.STATICFILES_DIRS:
        prefix, folder = entry if isinstance(entry, (list, tuple)) else ("", entry)
        inside = name[len(prefix) + 1 :] if prefix and name.startswith(f"{prefix}/") else name
        if inside != name or not prefix:
            yield os.path.realpath(os.path.join(str(folder), inside))


def compressed() -> bool:
    """Return whether django-compressor makes its files before visitors come, and keeps its manifest in STATIC_ROOT."""
    from django.apps import apps
    from django.conf import settings

    own = ("COMPRESS_OFFLINE_MANIFEST_STORAGE_ALIAS", "COMPRESS_OFFLINE_MANIFEST_STORAGE")
    moved = any(hasattr(module_of_settings(), name) for name in own)
    return apps.is_installed("compressor") and bool(getattr(settings, "COMPRESS_OFFLINE", False)) and not moved


def module_of_settings() -> Any:
    """Return the settings module."""
    return import_module(os.environ["DJANGO_SETTINGS_MODULE"])


def file_with(value: str, folder: str) -> str:
    """Return "name:line" of the Python file of a folder in which a value stands; "" where it comes from elsewhere."""
    for name in sorted(os.listdir(folder)) if value else ():
        if name.endswith(".py"):
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                lines = [number for number, line in enumerate(file, 1) if value in line]
            if lines:
                return f"{name}:{lines[0]}"
    return ""


def databases(given: dict[str, Any]) -> dict[str, list[str]]:
    """Return engine and, for a file, its path, by alias; neither names nor passwords of servers."""
    return {
        alias: [str(values.get("ENGINE", "")), file_of(values) if "sqlite" in str(values.get("ENGINE", "")) else ""]
        for alias, values in given.items()
    }


def file_of(values: dict[str, Any]) -> str:
    """Return the file of an SQLite database; "" where it is in memory."""
    name = str(values.get("NAME", ""))
    return "" if ":memory:" in name or not name else os.path.realpath(name)


def urls_file(module: str) -> str:
    """Return the file of the root URLconf."""
    spec = importlib.util.find_spec(module) if module else None
    return os.path.realpath(spec.origin) if spec and spec.origin else ""


def storage() -> dict[str, Any]:
    """Return the class of the storage of static files, and what it can do."""
    from django.conf import settings
    from django.utils.module_loading import import_string

    given = getattr(settings, "STORAGES", {}).get("staticfiles", {})
    name = str(given.get("BACKEND", ""))
    try:
        kinds = [f"{kind.__module__}.{kind.__qualname__}" for kind in import_string(name).__mro__]
        error = ""
    except (ImportError, AttributeError) as failure:
        kinds, error = [], str(failure)
    return {"storage": name, "storage_kinds": kinds, "storage_error": error, "storage_options": bool(given.get("OPTIONS"))}
