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


def _moved(value: Any, old: str, new: str) -> Any:
    """Return a path below a folder as the same path below another; anything else as it is."""
    if old and isinstance(value, str | Path) and (str(value) == old or str(value).startswith(f"{old}/")):
        return type(value)(f"{new}{str(value)[len(old) :]}")
    return value


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
    old = str(own.get("STATIC_ROOT") or "")
    values = {name: _moved(value, old, _given["static_root"]) for name, value in own.items()}
    values["STATIC_ROOT"] = _given["static_root"]
    values["MEDIA_ROOT"] = _given["media_root"]
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
