"""A site's own settings, with what a host of the rehearsal has in place of production's: databases, folders, no mail."""

import json
import os
from importlib import import_module
from pathlib import Path
from typing import Any

from django import VERSION

_site = import_module(os.environ["REHEARSAL_SETTINGS"])
_given = json.loads(Path(os.environ["REHEARSAL_VALUES"]).read_text())
_NO_MAIL = "django.core.mail.backends.dummy.EmailBackend"
_LOCAL = ("LocMemCache", "DummyCache", "DatabaseCache", "FileBasedCache")


def _moved(own: dict[str, Any], name: str, new: str) -> dict[str, Any]:
    """Return settings with another folder for the one of that name, and the same paths below it; a Path stays one."""
    values, old = dict(own), str(own.get(name) or "").rstrip("/")
    # Where the code lies in it, all other paths may be below it.
    if old and not Path(_site.__file__ or "").resolve().is_relative_to(old):
        for key, value in own.items():
            # In a container the folder /static may have the address /static/.
            if isinstance(value, str | Path) and f"{value}/".startswith(f"{old}/") and not key.endswith("_URL"):
                values[key] = type(value)(f"{new}{str(value)[len(old) :]}")
    values[name] = Path(new) if isinstance(own.get(name), Path) else new
    return values


def _database(own: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return a database of the rehearsal: a file that all share has to do for production's server.

    A transaction that has read cannot wait for another's write, and fails at once: it begins as one that writes, which waits.
    Sources: Django's notes on SQLite ("Transactions behavior", from 5.1 on).
    """
    found = {**own, **given}
    if found.get("ENGINE", "").endswith(("sqlite3", "spatialite")) and VERSION >= (5, 1):
        found["OPTIONS"] = {**found.get("OPTIONS", {}), "transaction_mode": "IMMEDIATE"}
    return found


def _settings(site: dict[str, Any]) -> dict[str, Any]:
    own = {name: value for name, value in site.items() if name.isupper()}
    values = _moved(_moved(own, "STATIC_ROOT", _given["static_root"]), "MEDIA_ROOT", _given["media_root"])
    values["DEBUG"] = False
    values["ALLOWED_HOSTS"] = [*own.get("ALLOWED_HOSTS", []), _given["domain"]]
    values["SECRET_KEY"] = own.get("SECRET_KEY") or "a key of the rehearsal: nothing here is secret, and nothing lasts" * 2
    values["DATABASES"] = {
        alias: _database(database, _given["databases"].get(alias, {})) for alias, database in own.get("DATABASES", {}).items()
    }
    if "MAILERS" in own:  # from Django 6.1 on; it refuses EMAIL_BACKEND beside it
        values["MAILERS"] = {alias: {"BACKEND": _NO_MAIL} for alias in own["MAILERS"]}
    else:
        values["EMAIL_BACKEND"] = _NO_MAIL
    values["CACHES"] = {
        alias: cache
        if cache.get("BACKEND", "").endswith(_LOCAL)
        else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
        for alias, cache in own.get("CACHES", {}).items()
    } or {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    if "CELERY_BROKER_URL" in own:
        values["CELERY_BROKER_URL"] = "memory://"
    if not str(own.get("STORAGES", {}).get("default", {}).get("BACKEND", "FileSystemStorage")).endswith("FileSystemStorage"):
        values["STORAGES"] = {**own["STORAGES"], "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"}}
    values["LOGGING"] = {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"journal": {"class": "logging.StreamHandler"}},
        "root": {"handlers": ["journal"], "level": "WARNING"},
    }
    return values


globals().update(_settings(vars(_site)))
