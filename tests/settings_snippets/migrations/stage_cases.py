"""Columns that the new release no longer fills, and that are dropped only when no old code runs."""

import datetime
from typing import Any

from django.db import models
from django.db.migrations.operations import (
    AddField,
    AlterUniqueTogether,
    DeleteModel,
    RemoveConstraint,
    RemoveField,
    RemoveIndex,
    RunPython,
)
from django.utils import timezone

from tests.settings_snippets.migrations.shapes import Case, book, check, model, text, to

DROP = RemoveField("Book", "a")


def dropped(field: Any, **more: Any) -> Case:
    return book(a=field, **more), [DROP]


# By name; the first ones can be split, for old code reads there what its models allow.
SAFE: dict[str, Case] = {
    "text with a default": dropped(text(default="none")),
    "blank text": dropped(text(default="", blank=True)),
    "number with a default": dropped(models.IntegerField(default=7)),
    "truth with a default": dropped(models.BooleanField(default=False)),
    "decimal with a default": dropped(models.DecimalField(max_digits=6, decimal_places=2, default=1)),
    "date with a default": dropped(models.DateField(default=datetime.date(2020, 2, 2))),
    "JSON with a callable": dropped(models.JSONField(default=dict)),
    "time with a callable": dropped(models.DateTimeField(default=timezone.now)),
    "time of creation": dropped(models.DateTimeField(auto_now_add=True)),
    "index and column": (
        book(a=text(default="x"), options={"indexes": [models.Index(fields=["a"], name="a_index")]}),
        [RemoveIndex("Book", "a_index"), DROP],
    ),
    "added before it": (book(a=text(default="x")), [AddField("Book", "b", text(null=True)), DROP]),
    "check over it": (
        book(a=models.IntegerField(default=1), options={"constraints": [check("positive", a__gt=0)]}),
        [RemoveConstraint("Book", "positive"), DROP],
    ),
    "check that is left": (
        book(a=models.IntegerField(default=0), options={"constraints": [check("positive", a__gt=0)]}),
        [RemoveConstraint("Book", "positive"), DROP],
    ),
    "table beside it": (
        [*book(a=models.IntegerField(default=1)), model("Draft", a=text())],
        [DROP, DeleteModel("Draft")],
    ),
}
OTHER: dict[str, Case] = {
    "text without a default": dropped(text()),
    "number without a default": dropped(models.IntegerField()),
    "unique": dropped(models.IntegerField(default=1, unique=True)),
    "unique together": (
        book(a=text(default="x"), options={"unique_together": {("title", "a")}}),
        [AlterUniqueTogether("Book", set()), DROP],
    ),
    "foreign key": ([model("Author", name=text()), *book(a=to("Author"))], [DROP]),
    "foreign key that may be NULL": ([model("Author", name=text()), *book(a=to("Author", null=True))], [DROP]),
    "added after it": (book(a=text(default="x")), [DROP, AddField("Book", "b", text(null=True))]),
    "Python between": (book(a=text(default="x")), [DROP, RunPython(RunPython.noop), RunPython(lambda apps, editor: None)]),
}  # fmt: skip
STAGED = SAFE | OTHER
