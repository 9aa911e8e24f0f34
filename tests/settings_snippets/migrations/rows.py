"""Rows that one release writes and the other one meets: read, changed, inserted over, deleted, and what they refer to."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.core.exceptions import MultipleObjectsReturned, ObjectDoesNotExist
from django.core.signing import BadSignature
from django.db import Error, connection, models, transaction

from tests.settings_snippets.migrations import exercise

Model = exercise.Model
Failures = dict[tuple[str, str], str]  # by model and what it did
_EACH = 6  # rows of a table that are tried


class _Wrong(Exception):
    """Say what a release meets that its own models exclude."""


_FAILURES = (
    Error,
    exercise._Unfit,
    _Wrong,
    BadSignature,  # of fields that encrypt
    MultipleObjectsReturned,
    ObjectDoesNotExist,
    TypeError,
    ValueError,
    AttributeError,
)


def met(writers: list[Model], readers: list[Model]) -> Failures:
    """Let one release write rows; return what the other fails to do with them; nothing stays."""
    found: Failures = {}
    known = {model._meta.label: _columns(model) for model in readers}
    # What the other release does not know last: of each table the newest rows are tried, those to which it refers among them.
    writers = sorted(
        writers, key=lambda model: 2 if model._meta.label not in known else _columns(model) != known[model._meta.label]
    )
    with transaction.atomic():
        for model in writers:
            for variant in ("full", "again", "sparse", "crossed", "crossed"):
                _tried(lambda model=model, variant=variant: exercise._insert(model, variant))
        for model in readers:
            for name, act in _ACTS.items():
                if why := _tried(lambda model=model, act=act: act(model), keep=False):
                    found[model._meta.label, name] = why
        transaction.set_rollback(True)
    return found


def _columns(model: Model) -> set[str]:
    return {field.column for field in model._meta.local_concrete_fields}


def erased(writers: list[Model], deleters: list[Model], readers: list[Model]) -> Failures:
    """Let a release write, the other one delete, and the first one read what is left."""
    found: Failures = {}
    with transaction.atomic():
        for model in writers:
            _tried(lambda model=model: exercise._insert(model, "full"))
        for deleter in deleters:
            with transaction.atomic():
                _tried(lambda model=deleter: _delete(model))
                for model in readers:
                    if why := _tried(lambda model=model: _read(model), keep=False):
                        found[model._meta.label, "read what is left"] = why
                transaction.set_rollback(True)
        transaction.set_rollback(True)
    return found


def apart(models_: list[Model]) -> Failures:
    """Return what these models fail to do on tables of their own, where the database is as they say; nothing stays."""
    whole, left = set[Model](), list(models_)
    while left:
        model = left.pop()
        if model not in whole:
            whole.add(model)
            left += [f.remote_field.model for f in model._meta.local_concrete_fields if f.remote_field]
    with _apart():
        with connection.schema_editor() as editor:
            tables = {model._meta.db_table: model for model in sorted(whole, key=lambda one: one._meta.managed)}
            for model in tables.values():
                if not model._meta.auto_created:
                    editor.create_model(model)
        return {**met(models_, models_), **erased(models_, models_, models_)}


@contextmanager
def _apart() -> Iterator[None]:
    """Give tables a place of their own, which is gone afterwards."""
    if connection.features.can_rollback_ddl:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("CREATE SCHEMA apart; SET LOCAL search_path = apart, public")
            yield
            transaction.set_rollback(True)
        return
    with connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE apart CHARACTER SET utf8mb4")
        cursor.execute("USE apart")
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP DATABASE apart")
        cursor.execute(f"USE {connection.settings_dict['NAME']}")


def _tried(work: Callable[[], Any], *, keep: bool = True) -> str:
    try:
        with transaction.atomic():
            work()
            connection.check_constraints()
            if not keep:
                transaction.set_rollback(True)
    except _FAILURES as error:
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return ""


def _rows(model: Model) -> list[Any]:
    return list(exercise._rows(model).order_by("-pk")[:_EACH])


def _read(model: Model) -> None:
    for row in _rows(model):
        for field in model._meta.local_concrete_fields:
            value = getattr(row, field.attname)
            if value is None and not field.null:
                raise _Wrong(f"NULL in {field}")
            if isinstance(field, models.DateField) and value is not None and field.to_python(value) != value:
                raise _Wrong(f"{type(value).__name__} in {field}")
            if field.remote_field and getattr(field, "db_constraint", True) and value is not None:
                key = {field.target_field.attname: value}
                if not exercise._rows(field.remote_field.model).filter(**key).exists():
                    raise _Wrong(f"{field} refers to nothing")


def _write(model: Model) -> None:
    for variant in ("full", "again", "sparse"):
        exercise._insert(model, variant)
    connection.check_constraints()


def _found_once(model: Model) -> None:
    for one in model._meta.constraints:
        if not connection.features.supports_partial_indexes:
            continue  # it was never enforced
        if isinstance(one, models.UniqueConstraint) and one.fields and one.condition:
            found = [tuple(row) for row in exercise._rows(model).filter(one.condition).values_list(*one.fields)]
            if len(found) > len(set(found)):
                raise _Wrong(f"two rows for one {one.name}")
    for names in _unique(model):
        for row in _rows(model):
            key = {name: getattr(row, name) for name in names}
            if None not in key.values() and exercise._rows(model).filter(**key).count() > 1:
                raise _Wrong(f"two rows for one {', '.join(names)}")


def _save(model: Model) -> None:
    for row in _rows(model):
        before = _values(row)
        row.save()
        if (now := _values(exercise._rows(model).get(pk=row.pk))) != before:
            raise _Wrong(f"saving changes {before} to {now}"[:200])


def _values(row: Any) -> dict[str, Any]:
    automatic = {f.attname for f in row._meta.concrete_fields if getattr(f, "auto_now", False) or getattr(f, "generated", False)}
    # NULL is a file without a name, which is written as "".
    files = {f.attname for f in row._meta.concrete_fields if isinstance(f, models.FileField)}
    values = {name: value for name, value in vars(row).items() if name[0] != "_" and name not in automatic}
    return {name: str(value or "") if name in files else value for name, value in values.items()}


def _change(model: Model) -> None:
    """Write into one row what another has, as far as the models allow it."""
    unique = {name for names in _unique(model) for name in names}
    own = [f for f in model._meta.local_concrete_fields if not f.primary_key and f.attname not in unique]
    own = [f for f in own if not getattr(f, "generated", False)]
    rows = _rows(model)
    written = {repr(values): values for row in rows if (values := {f.attname: getattr(row, f.attname) for f in own})}
    for first in rows:
        there = repr({field.attname: getattr(first, field.attname) for field in own})
        for values in (values for key, values in written.items() if key != there):
            for name, value in values.items():
                setattr(first, name, value)
            first.save()


def _upsert(model: Model) -> None:
    if model._meta.parents:
        return
    for names in _unique(model):
        written = [f for f in model._meta.local_concrete_fields if not f.primary_key and not getattr(f, "generated", False)]
        written.sort(key=lambda field: field.attname in names)
        if not _rows(model):
            continue
        row = model(
            **{f.attname: exercise._value(f, "full") for f in model._meta.local_concrete_fields if not exercise._left_out(f)}
        )
        if not connection.features.supports_update_conflicts_with_target:
            _upsert_anywhere(model, row, names, written[0].name)
            continue
        fields = {f.attname: f.name for f in model._meta.local_concrete_fields}
        exercise._rows(model).bulk_create(
            [row], update_conflicts=True, unique_fields=[fields[name] for name in names], update_fields=[written[0].name]
        )


def _upsert_anywhere(model: Model, row: models.Model, names: list[str], written: str) -> None:
    """Insert what is there already, on MySQL: where nothing is unique any more, it does not fail, and is there twice."""
    key = {name: getattr(_rows(model)[0], name) for name in names}
    for name, value in key.items():
        setattr(row, name, value)
    exercise._rows(model).bulk_create([row], update_conflicts=True, update_fields=[written])
    if None not in key.values() and exercise._rows(model).filter(**key).count() > 1:
        raise _Wrong(f"two rows for one {', '.join(names)}")


def _delete(model: Model) -> None:
    for row in reversed(_rows(model)):  # what is referred to first
        with suppress(models.ProtectedError, models.RestrictedError), transaction.atomic():
            row.delete()
            connection.check_constraints()


def _unique(model: Model) -> Iterator[list[str]]:
    """Return the columns, by attribute, that are unique together."""
    meta = model._meta
    yield from ([f.attname] for f in meta.local_concrete_fields if f.unique and not f.primary_key)
    enforced = connection.features.supports_deferrable_unique_constraints
    plain = [
        c.fields
        for c in meta.constraints
        if isinstance(c, models.UniqueConstraint) and c.fields and not (c.condition or c.include or c.opclasses)
        if enforced or not c.deferrable
    ]
    yield from ([meta.get_field(name).attname for name in names] for names in (*meta.unique_together, *plain))


_ACTS: dict[str, Callable[[Model], None]] = {
    "write": _write,
    "read": _read,
    "find": _found_once,
    "save": _save,
    "change": _change,
    "upsert": _upsert,
    "delete": _delete,
}
