"""What authors of migrations have said about when each is to run: the marks of django-syzygy and of django-safemigrate.

Neither has to be installed for theirs to be read. Sources: syzygy, `plan.py` and `constants.py` (a `stage` of the migration, the
setting MIGRATION_STAGES_OVERRIDE, a `stage` of an operation); safemigrate, `Safe` (a `safe` of the migration).
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.migrations import Migration

BEFORE, AFTER = "expand", "contract"
_WORDS = {"pre_deploy": BEFORE, "before_deploy": BEFORE, "post_deployment": AFTER, "after_deploy": AFTER}


def mark(migration: Migration) -> str:
    """Return the stage that a migration is marked for, BEFORE or AFTER; "" without a mark."""
    override = getattr(settings, "MIGRATION_STAGES_OVERRIDE", {})
    of_syzygy = (
        getattr(migration, "stage", None)
        or override.get(f"{migration.app_label}.{migration.name}")
        or override.get(migration.app_label)
    )
    if found := _word(of_syzygy) or _word(_safe(migration)):
        return found
    of_operations = {_word(getattr(operation, "stage", None)) for operation in migration.operations}
    return AFTER if AFTER in of_operations else ""


def delay(migration: Migration) -> float:
    """Return for how many seconds a migration that is marked to run after the rollout is to wait then."""
    found = getattr(_safe(migration), "delay", None)
    return float(found.total_seconds()) if found is not None and mark(migration) == AFTER else 0.0


def _safe(migration: Migration) -> Any:
    # `safe = Safe.after_deploy` without brackets is taken for the call, as safemigrate does.
    found = getattr(migration, "safe", None)
    return found() if callable(found) else found


def _word(found: Any) -> str:
    """Return the stage that an enumeration's member, or what holds it, stands for."""
    return _WORDS.get(str(getattr(getattr(found, "when", found), "value", "")), "")
