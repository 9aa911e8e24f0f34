"""The lines for the settings of a project, by what they say already."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from . import vite
from .blocks import wrapped
from .facts import OURS, STOCK, Facts
from .layout import Layout

WHITENOISE = "whitenoise.middleware.WhiteNoiseMiddleware"
SECURITY = "django.middleware.security.SecurityMiddleware"
SITE_STORAGE = "site_storage.SiteStaticFilesStorage"
_IMPORTS = """\
import os as _os  # noqa: E402
import sys as _sys  # noqa: E402
from pathlib import Path as _Path  # noqa: E402
"""


def settings_block(
    layout: Layout, facts: Facts, top: str, leave: Sequence[str] = (), manifests: Mapping[str, str] | None = None
) -> str:
    """Return the block for the settings.

    `top`: the absolute path of the repository; `leave`: static files whose broken references stay as they are;
    `manifests`: of vite, by app.
    """
    parts = [
        _IMPORTS,
        "# The release, read once at start: the health checks report it. `deploy` writes the file.",
        f"_checkout = _Path(__file__).resolve().parents[{layout.depth}]",
        '_revision = _checkout / "REVISION"',
        "REVISION = _revision.read_text().strip() if _revision.exists() else None",
        "",
        *_apps(layout, facts),
        *_middleware(layout, facts),
        *_static(layout, facts, top, leave),
        *vite.settings_lines(facts, manifests or {}),
        *_proxy(facts),
    ]
    return wrapped("\n".join(parts))


def storage_name(layout: Layout, facts: Facts) -> str:
    """Return the storage that the settings name then: ours, or a class that joins the site's own with ours."""
    if facts.stock or facts.ours or not facts.storage:
        return f"{layout.package}.local_manifest_storage.{OURS}"
    return f"{layout.package}.{SITE_STORAGE}"


def site_storage(facts: Facts) -> str:
    """Return the module that joins the site's own storage with ours."""
    module, _, name = facts.storage.rpartition(".")
    return f'''\
"""The site's own storage of static files, with the manifest and the shared folder of a ramped deployment."""

from {module} import {name}

from .local_manifest_storage import {OURS}


class SiteStaticFilesStorage({name}, {OURS}):
    """What the site's own storage does comes first."""
'''


def _apps(layout: Layout, facts: Facts) -> Iterator[str]:
    if layout.package not in facts.apps:
        yield "# Its management command: do old releases work with new migrations?"
        yield f'INSTALLED_APPS = [*INSTALLED_APPS, "{layout.package}"]  # noqa: F405'


def _middleware(layout: Layout, facts: Facts) -> Iterator[str]:
    health = f"{layout.package}.health_middleware.HealthMiddleware"
    yield "# First: neither ALLOWED_HOSTS nor a redirect answers a health check. Its state is in the unit's RuntimeDirectory."
    if any("whitenoise" in name.lower() or name.endswith(".StaticFilesMiddleware") for name in facts.middleware):
        yield f'MIDDLEWARE = ["{health}", *MIDDLEWARE]  # noqa: F405'
    elif SECURITY in facts.middleware:
        yield f'_security = "{SECURITY}"'
        yield "_after = MIDDLEWARE.index(_security) + 1 if _security in MIDDLEWARE else 0  # noqa: F405"
        yield "MIDDLEWARE = [  # noqa: F405"
        yield f'    "{health}",'
        yield "    *MIDDLEWARE[:_after],  # noqa: F405"
        yield f'    "{WHITENOISE}",'
        yield "    *MIDDLEWARE[_after:],  # noqa: F405"
        yield "]"
    else:
        yield f'MIDDLEWARE = ["{health}", "{WHITENOISE}", *MIDDLEWARE]  # noqa: F405'
    yield 'HEALTH_CHECK_STATE = _os.environ.get("RUNTIME_DIRECTORY")'
    yield ""


def _static(layout: Layout, facts: Facts, top: str, leave: Sequence[str]) -> Iterator[str]:
    if not facts.static_root or _within(facts.static_root, top):
        yield "# One folder for all instances, on the shared disk: no checkout."
        yield 'STATIC_ROOT = _Path(_os.environ.get("STATIC_ROOT", _checkout.parent / "shared" / "static"))'
    if facts.base_dir != top:
        yield "# The manifest of this release, which stays with its code."
        yield "STATICFILES_MANIFEST_ROOT = _checkout"
    if facts.local or not facts.storage_kinds:
        yield "# Tests need no collected files."
        yield 'if "test" not in _sys.argv[1:2] and "pytest" not in _sys.modules:'
        yield from _storage(layout, facts, leave)
    yield ""


def _storage(layout: Layout, facts: Facts, leave: Sequence[str]) -> Iterator[str]:
    name = storage_name(layout, facts)
    if facts.old_storages:
        yield f'    STATICFILES_STORAGE = "{name}"'
        return
    # Some settings have it in production alone: on a developer's machine the block meets none.
    has_options = facts.storage_options and facts.storage not in STOCK
    options = ', "OPTIONS": _storages.get("staticfiles", {}).get("OPTIONS", {})' if has_options else ""
    if "STORAGES" in facts.own:
        yield '    _storages = globals().get("STORAGES", {})'
    yield "    STORAGES = {"
    yield '        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},'
    if "STORAGES" in facts.own:
        yield "        **_storages,"
    if leave and not options:
        yield '        "staticfiles": {'
        yield f'            "BACKEND": "{name}",'
        yield "            # Other people's files with references to files that are not there."
        yield f'            "OPTIONS": {{"allow_missing_references": {json.dumps(sorted(leave))}}},'
        yield "        },"
    else:
        yield f'        "staticfiles": {{"BACKEND": "{name}"{options}}},'
    if facts.compressed:
        yield "        # The manifest of offline compression stays with the release's code, too."
        yield '        "compress": {'
        yield '            "BACKEND": "compressor.storage.OfflineManifestFileStorage",'
        yield '            "OPTIONS": {"location": str(_checkout / ".compress")},'
        yield "        },"
    yield "    }"
    if facts.compressed:
        yield '    COMPRESS_OFFLINE_MANIFEST_STORAGE_ALIAS = "compress"'


def _proxy(facts: Facts) -> Iterator[str]:
    if not facts.proxy_header:
        yield "# nginx sets this header itself, so visitors cannot forge it."
        yield 'SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")'


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")
