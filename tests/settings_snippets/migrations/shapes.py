"""What the cases are made of: models and migrations of a small shop."""

from typing import Any

import django
from django.db import models
from django.db.migrations.operations import (
    CreateModel,
    SeparateDatabaseAndState,
)

Case = tuple[list[Any], list[Any]]
CASES: dict[str, Case] = {}
FIVE = django.VERSION >= (5, 0)
SIX_ONE = django.VERSION >= (6, 1)
CONDITION = "condition" if django.VERSION >= (5, 1) else "check"


def model(name: str, /, *bases: str, **fields: Any) -> CreateModel:
    options = fields.pop("options", {})
    own = [] if bases else [("id", models.BigAutoField(primary_key=True))]
    if bases:
        parent = models.OneToOneField(f"shop.{bases[0]}", models.CASCADE, parent_link=True, primary_key=True, auto_created=True)
        own = [(f"{bases[0].lower()}_ptr", parent)]
    return CreateModel(
        name, [*own, *fields.items()], options=options, bases=tuple(f"shop.{base}" for base in bases) or (models.Model,)
    )


def text(length: int = 40, **options: Any) -> Any:
    return models.CharField(max_length=length, **options)


def to(name: str, **options: Any) -> Any:
    return models.ForeignKey(f"shop.{name}", options.pop("on_delete", models.CASCADE), **options)


def check(name: str, **condition: Any) -> Any:
    return models.CheckConstraint(name=name, **{CONDITION: models.Q(**condition)})


def unique(name: str, *fields: str, **options: Any) -> Any:
    return models.UniqueConstraint(*options.pop("expressions", ()), fields=fields, name=name, **options)


def case(name: str, before: list[Any], *after: Any) -> None:
    assert name not in CASES
    CASES[name] = (before, list(after))


def book(**more: Any) -> list[Any]:
    return [model("Book", title=text(), pages=models.IntegerField(null=True), **more)]


def with_author(**options: Any) -> list[Any]:
    return [model("Author", name=text()), *book(author=to("Author", **options))]


def separate(database: list[Any], state: list[Any]) -> Any:
    return SeparateDatabaseAndState(database, state)
