"""Columns whose default `migraterolling` keeps in the database."""

import datetime
import decimal
import uuid
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.migrations.operations import (
    AddConstraint,
    AddField,
    AlterField,
    AlterOrderWithRespectTo,
    RemoveField,
    RenameField,
    RunPython,
)
from django.utils import timezone

from tests.settings_snippets.migrations.shapes import FIVE, book, case, check, model, separate, text, to, unique, with_author

FIELDS: dict[str, Any] = {
    "text": text(default=""),
    "text with quotes": text(default='it\'s 100 % "x" {}; --'),
    "long text": models.TextField(default="x"),
    "blank text": text(blank=True),
    "number": models.IntegerField(default=0),
    "positive": models.PositiveIntegerField(default=0),
    "float": models.FloatField(default=1.5),
    "decimal": models.DecimalField(max_digits=6, decimal_places=2, default=decimal.Decimal("1.50")),
    "boolean": models.BooleanField(default=False),
    "date": models.DateField(default=datetime.date(2020, 1, 1)),
    "time": models.DateTimeField(default=timezone.now),
    "time of adding": models.DateTimeField(auto_now_add=True),
    "time of changing": models.DateTimeField(auto_now=True),
    "duration": models.DurationField(default=datetime.timedelta(hours=1)),
    "UUID": models.UUIDField(default=uuid.uuid4),
    "JSON": models.JSONField(default=dict),
    "array": ArrayField(models.IntegerField(), default=list),
    "binary": models.BinaryField(default=b"x"),
    "address": models.GenericIPAddressField(default="192.0.2.1"),
    "file": models.FileField(default=""),
    "indexed": text(default="", db_index=True),
    "choices": text(default="a", choices=[("a", "A")]),
    "unique": text(default="", unique=True),
    "one to one": models.OneToOneField("shop.Book", models.CASCADE, default=1),
}
for name, field in FIELDS.items():
    case(f"rolling: {name}", book(), AddField("Book", "isbn", field))

case("rolling: no default", book(), AddField("Book", "isbn", models.IntegerField()))
case("rolling: once", book(), AddField("Book", "isbn", text(default=""), preserve_default=False))
case("rolling: foreign key", [model("Author", name=text()), *book()], AddField("Book", "author", to("Author", default=1)))
case(
    "rolling: foreign key that is not enforced",
    [model("Author", name=text()), *book()],
    AddField("Book", "author", to("Author", default=1, db_constraint=False)),
)
case("rolling: two", book(), AddField("Book", "a", text(default="")), AddField("Book", "b", models.IntegerField(default=1)))
case("rolling: new table", book(), model("Draft", a=text()), AddField("Draft", "b", text(default="")))
case("rolling: and longer", book(), AddField("Book", "a", text(default="")), AlterField("Book", "a", text(80, default="")))
case(
    "rolling: and another type",
    book(),
    AddField("Book", "a", text(default="1")),
    AlterField("Book", "a", models.IntegerField(default=1)),
)
case("rolling: and renamed", book(), AddField("Book", "a", text(default="")), RenameField("Book", "a", "b"))
case("rolling: and dropped", book(), AddField("Book", "a", text(default="")), RemoveField("Book", "a"))
case("rolling: and Python", book(), AddField("Book", "a", text(default="")), RunPython(lambda apps, editor: None))
case("rolling: check", book(), AddField("Book", "a", models.IntegerField(default=1)), AddConstraint("Book", check("c", a__gt=0)))
case(
    "rolling: check that it fails",
    book(),
    AddField("Book", "a", models.IntegerField(default=0)),
    AddConstraint("Book", check("c", a__gt=0)),
)
case("rolling: pair", book(), AddField("Book", "a", text(default="")), AddConstraint("Book", unique("u", "title", "a")))
case(
    "rolling: pair of which one is unique",
    [model("Book", title=text(unique=True))],
    AddField("Book", "a", text(default="")),
    AddConstraint("Book", unique("u", "title", "a")),
)
case("rolling: order with respect to", with_author(), AlterOrderWithRespectTo("Book", "author"))
case("rolling: in the database alone", book(), separate([AddField("Book", "a", text(default=""))], []))
case("rolling: nullable", book(), AddField("Book", "a", text(null=True, default="x")))
case("rolling: required", book(), AlterField("Book", "pages", models.IntegerField(default=0)))
if FIVE:
    case("rolling: database default", book(), AddField("Book", "a", text(db_default="x", default="y")))
