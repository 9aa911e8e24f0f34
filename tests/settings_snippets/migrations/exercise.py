"""Rows for any model, written and read with it: what a release does all day with its tables."""

import datetime
import decimal
import uuid
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from typing import Any

from django.core.signing import BadSignature
from django.db import Error, connection, models, transaction
from django.db.migrations.state import ProjectState

# "again" is "full" once more: what is not unique may come twice; "orphaned": what the row refers to is deleted. Besides these,
# "crossed": of columns that are unique together the first one differs, where in the others it is the last one.
VARIANTS = ("sparse", "full", "again", "orphaned")
# On MySQL besides: texts that differ in case alone, and one with a character of four bytes.
_TEXTS = ("text", "TEXT", "\N{SNAKE}")
Model = type[models.Model]
_COUNT = count(1)
_MAKING: list[Model] = []  # the rows that are on their way, each because the one before refers to it


def ordered(state: ProjectState) -> list[Model]:
    """Return the models of a state that have tables here, referenced ones first; those too that migrations do not make."""
    left = [m for m in state.apps.get_models(include_auto_created=True) if _has_table(m)]
    found: list[Model] = []
    while left:
        free = [m for m in left if not any(_target(f) in left and _target(f) is not m for f in _needed(m))] or left[:1]
        found += free
        left = [m for m in left if m not in free]
    return found


def _has_table(model: Model) -> bool:
    meta = model._meta
    return meta.can_migrate(connection) or not (meta.managed or meta.proxy or meta.swapped)


def usable(model: Model) -> list[str]:
    """Return the variants of rows that live on the model's table as it is, one beside the other; nothing stays."""
    found: list[str] = []
    for number in map(str, range(len(_variants()))):
        if not exercise(model, [*found, number]):
            found.append(number)
    return found


def _variants() -> tuple[str, ...]:
    return (*VARIANTS, *_TEXTS) if connection.vendor == "mysql" else VARIANTS


def exercise(model: Model, variants: list[str]) -> str:
    """Read, write, change and delete rows; return what went wrong, or ""; nothing stays."""
    return _try(lambda: _live(model, variants))


def fill(models_: list[Model]) -> None:
    """Leave a row in every empty table that takes one."""
    for model in models_:
        try:
            with transaction.atomic():
                if not _rows(model).exists():
                    _insert(model, "sparse")
        except (Error, _Unfit):
            continue


def _rows(model: Model) -> Any:
    return model._base_manager.all()


class _Undo(Exception):
    """End a transaction that is to leave nothing."""


class _Unfit(Exception):
    """Say that no value is known for a field."""


def _try(work: Any) -> str:
    try:
        with transaction.atomic():
            work()
            connection.check_constraints()
            raise _Undo
    except _Undo:
        return ""
    except (Error, _Unfit, BadSignature, TypeError, ValueError, AttributeError) as error:
        return f"{type(error).__name__}: {error}".splitlines()[0]


def _live(model: Model, variants: list[str]) -> None:
    list(_rows(model))
    for row in _rows(model):
        row.save()
    wanted = [_variants()[int(number)] for number in variants]
    made = [_insert(model, one) for one in wanted if one != "orphaned"]
    connection.check_constraints()
    for row in made:
        row.save()
    list(_rows(model))
    for row in made:
        row.delete()
    if "orphaned" in wanted:
        _orphan(model)


def _orphan(model: Model) -> None:
    for field in _needed(model):
        if getattr(field, "db_constraint", True):
            row = _insert(model, "full")
            target = _rows(_target(field)).filter(**{field.target_field.attname: getattr(row, field.attname)}).first()
            with suppress(models.ProtectedError, models.RestrictedError):
                if target is not None:
                    target.delete()
            connection.check_constraints()


def _insert(model: Model, variant: str) -> models.Model:
    if model in _MAKING:
        raise _Unfit("a row that refers to itself")
    _MAKING.append(model)
    try:
        return _made(model, variant)
    finally:
        _MAKING.pop()


def _made(model: Model, variant: str) -> models.Model:
    values = {f.attname: _value(f, variant) for f in model._meta.concrete_fields if not _left_out(f)}
    parents = {
        f.attname: _insert(_target(f), variant).pk for f in model._meta.local_concrete_fields if f in model._meta.parents.values()
    }
    row = model(**{**values, **parents})
    if parents:
        # The parent's columns are there already.
        row.save_base(raw=True, force_insert=True)
    else:
        row.save(force_insert=True)
    return row


def _left_out(field: Any) -> bool:
    parent = field.model._meta.parents
    inherited = field not in field.model._meta.local_concrete_fields or field in parent.values()
    automatic = isinstance(field, models.AutoField | models.BigAutoField | models.SmallAutoField)
    given = getattr(field, "db_default", models.NOT_PROVIDED) is not models.NOT_PROVIDED
    return inherited or automatic or getattr(field, "generated", False) or given


def _distinct(field: Any, variant: str = "full") -> bool:
    """Tell whether each row has a value of its own: of the columns that are unique together, the last one."""
    if not hasattr(field, "model"):
        return False  # the elements of an array
    if field.unique:
        return True
    meta = field.model._meta
    sets = [*meta.unique_together, *(c.fields for c in meta.constraints if isinstance(c, models.UniqueConstraint) and c.fields)]
    return any(
        field.name
        == next((n for n in (names if variant == "crossed" else reversed(names)) if _can_differ(meta.get_field(n))), "")
        for names in sets
    )


def _can_differ(field: Any) -> bool:
    return not isinstance(field, models.BooleanField | models.TimeField | models.JSONField) and not field.choices


def _needed(model: Model) -> Iterator[Any]:
    return (f for f in model._meta.local_concrete_fields if f.remote_field)


def _target(field: Any) -> Any:
    return field.remote_field.model if field.remote_field else None


def _value(field: Any, variant: str) -> Any:
    if variant == "sparse" and field.null:
        return None
    if field.remote_field:
        return _reference(field, variant)
    if variant == "sparse" and field.has_default() and not (_distinct(field, variant) and _can_differ(field)):
        return field.get_default()
    return _of_kind(field, variant)


def _reference(field: Any, variant: str) -> Any:
    target = _target(field)
    if not getattr(field, "db_constraint", True):
        return 424242
    if target in _MAKING and field.null:
        there = _rows(target).last() if variant != "sparse" and not _distinct(field, variant) else None
        return getattr(there, field.target_field.attname, None)
    last = _rows(target).last() if variant == "again" and not _distinct(field, variant) else None
    return getattr(last or _insert(target, variant), field.target_field.attname)


def _of_kind(field: Any, variant: str) -> Any:
    unique, full = _distinct(field, variant), variant != "sparse"
    some = uuid.uuid4()
    if field.choices and not unique:
        flat = [c for key, value in field.choices for c in (value if isinstance(value, list | tuple) else [(key, value)])]
        return flat[0][0]
    if variant in _TEXTS and type(field) in (models.CharField, models.TextField):
        return variant[: getattr(field, "max_length", None)]
    if isinstance(field, models.UUIDField):
        return some
    if isinstance(field, models.BooleanField):
        return True
    if isinstance(field, models.DateTimeField):
        return datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(microseconds=some.int % 10**14)
    if isinstance(field, models.DateField):
        return datetime.date(2020, 1, 1) + datetime.timedelta(days=some.int % 90000 if unique else 1)
    if isinstance(field, models.TimeField):
        return datetime.time(1, 2, 3)
    if isinstance(field, models.DurationField):
        return datetime.timedelta(seconds=some.int % 10**6)
    if isinstance(field, models.DecimalField) and unique:
        return decimal.Decimal(some.int % 10**field.max_digits).scaleb(-field.decimal_places)
    if isinstance(field, models.DecimalField):
        return (10 ** (field.max_digits - field.decimal_places) - 1) * decimal.Decimal(1) if full else decimal.Decimal(0)
    if isinstance(field, models.FloatField):
        return 1e300 if full and "double" in str(field.db_type(connection)) else 1.5
    if isinstance(field, models.IntegerField):
        return _whole(field, some.int, unique=unique, full=full, again=variant == "again")
    return _text_or_other(field, some.hex, unique=unique, full=full)


def _whole(field: Any, some: int, *, unique: bool, full: bool, again: bool) -> int:
    least, most = connection.ops.integer_field_range(field.get_internal_type())
    if unique:
        return some % (most or 10**9)
    if again and least == 0 and connection.vendor == "mysql":
        return most or 0  # only there it is more than the type with a sign holds
    return (least if least is not None else -5) if full else 1


def _short(number: int, length: int) -> str:
    letters = "0123456789abcdefghijklmnopqrstuvwxyz"
    return "".join(letters[number // 36**place % 36] for place in range(length))


def _text_or_other(field: Any, some: str, *, unique: bool, full: bool) -> Any:
    if isinstance(field, models.JSONField):
        return {"some": some}
    if field.get_internal_type() == "SearchVectorField":
        return "x"
    if isinstance(field, models.BinaryField):
        return some.encode()
    if isinstance(field, models.GenericIPAddressField):
        return "192.0.2.1"
    if field.get_internal_type() == "ArrayField":
        return [_of_kind(field.base_field, "full")] if full else []
    if isinstance(field, models.CharField | models.TextField | models.FileField | models.FilePathField):
        length = field.max_length if isinstance(field.max_length, int) else 60
        own = some if length > 12 else _short(next(_COUNT), length)
        text = (own if unique else "x") + ("" if isinstance(field, models.FileField) else "y" * length if full else "")
        return text[:length]
    if isinstance(field, models.Field) and field.has_default():
        return field.get_default()
    raise _Unfit(f"no value for {field}")
