"""Migrations of a small shop, two releases each: what the first made, and what the second is about to do."""

import django
from django.contrib.postgres.constraints import ExclusionConstraint
from django.db import models
from django.db.migrations.operations import (
    AddConstraint,
    AddField,
    AddIndex,
    AlterField,
    AlterIndexTogether,
    AlterModelOptions,
    AlterModelTable,
    AlterOrderWithRespectTo,
    AlterUniqueTogether,
    CreateModel,
    DeleteModel,
    RemoveConstraint,
    RemoveField,
    RemoveIndex,
    RenameField,
    RenameIndex,
    RenameModel,
    RunPython,
    RunSQL,
)

from tests.settings_snippets.migrations.shapes import (
    CASES,
    FIVE,
    SIX_ONE,
    book,
    case,
    check,
    model,
    separate,
    text,
    to,
    unique,
    with_author,
)

__all__ = ["CASES"]

# -- tables
case("create table", book(), model("Review", text=text()))
case("create table that refers to an old one", book(), model("Review", book=to("Book")))
case("create child of an old model", book(), model("Novel", "Book", plot=text()))
case("drop table", book(), DeleteModel("Book"))
case("drop table that refers to another", with_author(), DeleteModel("Book"))
case("drop table that was made in the same plan", book(), model("Draft", a=text()), DeleteModel("Draft"))
case("rename model", book(), RenameModel("Book", "Volume"))
case("rename model that keeps its table", book(options={"db_table": "books"}), RenameModel("Book", "Volume"))
case("rename table", book(), AlterModelTable("Book", "volumes"))
case("rename table to what it is called", book(), AlterModelTable("Book", "shop_book"))
case(
    "rename model with many to many",
    [model("Tag", name=text()), *book(tags=models.ManyToManyField("shop.Tag"))],
    RenameModel("Tag", "Label"),
)
case("proxy model", book(), CreateModel("Paper", [], options={"proxy": True}, bases=("shop.book",)))
case("unmanaged model", book(), model("View", a=text(), options={"managed": False}))
case("drop unmanaged model", [*book(), model("View", a=text(), options={"managed": False})], DeleteModel("View"))
case("options", book(), AlterModelOptions("Book", {"ordering": ["title"]}))

# -- columns
case("add nullable column", book(), AddField("Book", "isbn", text(null=True)))
case("add column", book(), AddField("Book", "isbn", text(default="")))
case("add column for once", book(), AddField("Book", "isbn", text(default=""), preserve_default=False))
case("add column to a new table", book(), model("Draft", a=text()), AddField("Draft", "b", text(default="")))
case("add nullable foreign key", [model("Author", name=text()), *book()], AddField("Book", "author", to("Author", null=True)))
case("add foreign key", [model("Author", name=text()), *book()], AddField("Book", "author", to("Author", default=1)))
case("add nullable unique column", book(), AddField("Book", "isbn", text(null=True, unique=True)))
case(
    "add nullable column, then NOT NULL",
    book(),
    AddField("Book", "isbn", text(null=True)),
    AlterField("Book", "isbn", text(default="")),
)
case("add and drop", book(), AddField("Book", "isbn", text(default="")), RemoveField("Book", "isbn"))
case("drop column", book(), RemoveField("Book", "pages"))
case("rename column", book(), RenameField("Book", "pages", "length"))
case("rename foreign key", with_author(), RenameField("Book", "author", "writer"))
case(
    "rename field that keeps its column",
    [model("Book", pages=models.IntegerField(db_column="pp"))],
    RenameField("Book", "pages", "length"),
)
case(
    "rename field, keeping its column",
    book(),
    separate(
        [],
        [RenameField("Book", "pages", "length"), AlterField("Book", "length", models.IntegerField(null=True, db_column="pages"))],
    ),
)
case("column by another name", book(), AlterField("Book", "pages", models.IntegerField(null=True, db_column="length")))
case("order with respect to", with_author(), AlterOrderWithRespectTo("Book", "author"))
case("many to many", [model("Tag", name=text()), *book()], AddField("Book", "tags", models.ManyToManyField("shop.Tag")))
case(
    "no many to many",
    [model("Tag", name=text()), *book(tags=models.ManyToManyField("shop.Tag"))],
    RemoveField("Book", "tags"),
)
case(
    "rename many to many",
    [model("Tag", name=text()), *book(tags=models.ManyToManyField("shop.Tag"))],
    RenameField("Book", "tags", "labels"),
)

# -- what a column demands
case("NOT NULL", book(), AlterField("Book", "pages", models.IntegerField()))
case("NOT NULL with default", book(), AlterField("Book", "pages", models.IntegerField(default=0)))
case("NULL", book(), AlterField("Book", "title", text(null=True)))
case("default in Python", book(), AlterField("Book", "title", text(default="x")))
case("help text", book(), AlterField("Book", "title", text(help_text="x")))
case("choices", book(), AlterField("Book", "title", text(choices=[("a", "A")])))
case("unique column", book(), AlterField("Book", "title", text(unique=True)))
case("no longer unique", [model("Book", title=text(unique=True))], AlterField("Book", "title", text()))
case("index on a column", book(), AlterField("Book", "title", text(db_index=True)))
case("no index on a column", [model("Book", title=text(db_index=True))], AlterField("Book", "title", text()))
case("positive", book(), AlterField("Book", "pages", models.PositiveIntegerField(null=True)))
case(
    "no longer positive", [model("Book", pages=models.PositiveIntegerField())], AlterField("Book", "pages", models.IntegerField())
)
case(
    "foreign key on a column",
    [model("Author", name=text()), *book()],
    AddField("Book", "a", models.BigIntegerField(null=True)),
    AlterField("Book", "a", to("Author", null=True, db_column="a")),
)
case("foreign key that is enforced", with_author(db_constraint=False), AlterField("Book", "author", to("Author")))
case("foreign key no longer enforced", with_author(), AlterField("Book", "author", to("Author", db_constraint=False)))
case(
    "foreign key to another table",
    [model("Press", name=text()), *with_author(null=True)],
    AlterField("Book", "author", to("Press", null=True)),
)
case("on delete", with_author(null=True), AlterField("Book", "author", to("Author", null=True, on_delete=models.SET_NULL)))
case("foreign key that may be NULL", with_author(), AlterField("Book", "author", to("Author", null=True)))
if SIX_ONE:
    DELETES = {"CASCADE": models.DB_CASCADE, "SET_NULL": models.DB_SET_NULL}
    for name, rule in DELETES.items():
        own = getattr(models, name)
        case(
            f"database does {name}",
            with_author(null=True, on_delete=own),
            AlterField("Book", "author", to("Author", null=True, on_delete=rule)),
        )
        case(
            f"database no longer does {name}",
            with_author(null=True, on_delete=rule),
            AlterField("Book", "author", to("Author", null=True, on_delete=own)),
        )
    case(
        "database does otherwise on delete",
        with_author(null=True, on_delete=models.DB_SET_NULL),
        AlterField("Book", "author", to("Author", null=True, on_delete=models.DB_CASCADE)),
    )
case("one to one", with_author(), AlterField("Book", "author", models.OneToOneField("shop.Author", models.CASCADE)))
case("another primary key", book(), AlterField("Book", "title", text(primary_key=True)), RemoveField("Book", "id"))

# -- types
case("longer text", book(), AlterField("Book", "title", text(80)))
case("shorter text", book(), AlterField("Book", "title", text(20)))
case("text without limit", book(), AlterField("Book", "title", models.TextField()))
case("text with a limit", [model("Book", title=models.TextField())], AlterField("Book", "title", text()))
case("larger number", book(), AlterField("Book", "pages", models.BigIntegerField(null=True)))
case("smaller number", book(), AlterField("Book", "pages", models.SmallIntegerField(null=True)))
case(
    "larger key",
    [
        model("Tag", name=text()),
        CreateModel("Book", [("id", models.AutoField(primary_key=True))]),
        model("Page", book=to("Book")),
    ],
    AlterField("Book", "id", models.BigAutoField(primary_key=True)),
)
case(
    "more digits",
    [model("Book", price=models.DecimalField(max_digits=6, decimal_places=2))],
    AlterField("Book", "price", models.DecimalField(max_digits=9, decimal_places=3)),
)
case(
    "fewer digits",
    [model("Book", price=models.DecimalField(max_digits=6, decimal_places=2))],
    AlterField("Book", "price", models.DecimalField(max_digits=6, decimal_places=3)),
)
case(
    "text to number",
    [model("Book", pages=text(null=True))],
    RemoveField("Book", "pages"),
    AddField("Book", "pages", models.IntegerField(null=True)),
)
case("number to text", book(), AlterField("Book", "pages", text(null=True)))
case("slug", book(), AlterField("Book", "title", models.SlugField(max_length=40)))
case("address", book(), AlterField("Book", "title", models.URLField(max_length=40)))

# -- constraints and indexes
case("unique constraint", book(), AddConstraint("Book", unique("u", "title")))
case("unique together", book(), AlterUniqueTogether("Book", {("title", "pages")}))
case("no longer unique together", book(options={"unique_together": {("title", "pages")}}), AlterUniqueTogether("Book", set()))
case(
    "unique together as constraint",
    book(options={"unique_together": {("title", "pages")}}),
    AlterUniqueTogether("Book", set()),
    AddConstraint("Book", unique("u", "title", "pages")),
)
case(
    "unique with one that is",
    [model("Book", title=text(unique=True), pages=models.IntegerField())],
    AddConstraint("Book", unique("u", "title", "pages")),
)
case(
    "unique with fewer",
    [model("Book", title=text(), pages=models.IntegerField(), options={"unique_together": {("title", "pages")}})],
    AddConstraint("Book", unique("u", "title")),
)
case(
    "another name for a check",
    book(options={"constraints": [check("c", pages__gt=0)]}),
    RemoveConstraint("Book", "c"),
    AddConstraint("Book", check("d", pages__gt=0)),
)
case(
    "another check",
    book(options={"constraints": [check("c", title__gte="a")]}),
    RemoveConstraint("Book", "c"),
    AddConstraint("Book", check("d", title__lte="b")),
)
case(
    "unique with a new nullable column",
    book(),
    AddField("Book", "shelf", text(null=True)),
    AddConstraint("Book", unique("u", "title", "shelf")),
)
case("unique new column", book(), AddField("Book", "shelf", text(null=True)), AddConstraint("Book", unique("u", "shelf")))
case("unique under a condition", book(), AddConstraint("Book", unique("u", "title", condition=models.Q(pages__lt=0))))
case("unique expression", book(), AddConstraint("Book", unique("u", expressions=(models.functions.Lower("title"),))))
case("unique in a new table", book(), model("Draft", a=text()), AddConstraint("Draft", unique("u", "a")))
case("drop unique constraint", book(options={"constraints": [unique("u", "title")]}), RemoveConstraint("Book", "u"))
case("check", book(), AddConstraint("Book", check("c", pages__gt=0)))
case(
    "check of a new column",
    book(),
    AddField("Book", "shelf", models.IntegerField(null=True)),
    AddConstraint("Book", check("c", shelf__gt=0)),
)
case(
    "check that demands a new column",
    book(),
    AddField("Book", "shelf", models.IntegerField(null=True)),
    AddConstraint("Book", check("c", shelf__isnull=False)),
)
case("drop check", book(options={"constraints": [check("c", pages__gt=0)]}), RemoveConstraint("Book", "c"))
case("index", book(), AddIndex("Book", models.Index(fields=["title"], name="i")))
case("drop index", book(options={"indexes": [models.Index(fields=["title"], name="i")]}), RemoveIndex("Book", "i"))
case(
    "rename index",
    book(options={"indexes": [models.Index(fields=["title"], name="i")]}),
    RenameIndex("Book", new_name="j", old_name="i"),
)
if django.VERSION < (5, 1):
    case("index together", book(), AlterIndexTogether("Book", {("title", "pages")}))

GIST = RunSQL("create extension btree_gist")
ONCE = ExclusionConstraint(name="once", expressions=[("title", "=")])
APART = ExclusionConstraint(name="apart", expressions=[("title", "="), ("shelf", "=")])
case("exclusion", [GIST, *book()], AddConstraint("Book", ONCE))
case("exclusion in a new table", [GIST, *book()], model("Draft", title=text()), AddConstraint("Draft", ONCE))
case(
    "exclusion with a new nullable column",
    [GIST, *book()],
    AddField("Book", "shelf", text(null=True)),
    AddConstraint("Book", APART),
)
case("drop exclusion", [GIST, *book(options={"constraints": [ONCE]})], RemoveConstraint("Book", "once"))
case("extension", book(), GIST)
case("comment", book(), RunSQL("comment on column shop_book.title is 'x'"))
if FIVE:
    case("collation", book(), AlterField("Book", "title", text(db_collation="C")))
    case(
        "collation of a text with an index",
        [model("Book", title=text(db_index=True))],
        AlterField("Book", "title", text(db_index=True, db_collation="C")),
    )

# -- state alone
case("forget nullable column", book(), separate([], [RemoveField("Book", "pages")]))
case("forget column", book(), separate([], [RemoveField("Book", "title")]))
case(
    "forget column, which may be NULL then",
    book(),
    separate([RunSQL("ALTER TABLE shop_book ALTER COLUMN title DROP NOT NULL")], [RemoveField("Book", "title")]),
)
case("forget model", book(), separate([], [DeleteModel("Book")]))
case("model without table", book(), separate([], [model("Draft", a=text())]))
case("field without column", book(), separate([], [AddField("Book", "isbn", text(null=True))]))
case("drop column by both", book(), separate([RemoveField("Book", "pages")], [RemoveField("Book", "pages")]))
case(
    "table by another model",
    book(),
    separate(
        [],
        [
            DeleteModel("Book"),
            model("Volume", title=text(), pages=models.IntegerField(null=True), options={"db_table": "shop_book"}),
        ],
    ),
)

# -- SQL and Python
case("sql: add nullable column", book(), RunSQL("alter table shop_book add column isbn text"))
case("sql: add column", book(), RunSQL("alter table shop_book add isbn text not null default ''"))
case("sql: add required column", book(), RunSQL("Alter Table shop_book Add Column isbn integer Not Null"))
case("sql: drop column", book(), RunSQL("alter table if exists only shop_book drop column if exists pages cascade"))
case("sql: drop column in several actions", book(), RunSQL('ALTER TABLE "shop_book" ADD a numeric(4, 2), DROP "pages"'))
case("sql: drop table", book(), RunSQL("drop table shop_book;"))
case("sql: rename column", book(), RunSQL("alter table shop_book rename pages to length"))
case("sql: rename table", book(), RunSQL(["alter table shop_book rename to volumes"]))
case("sql: NOT NULL", book(), RunSQL("alter table public.shop_book alter pages set not null"))
case("sql: unique", book(), RunSQL("alter table shop_book add constraint u unique (title)"))
case("sql: unique index", book(), RunSQL("create unique index u on shop_book (title)"))
case("sql: check", book(), RunSQL("alter table shop_book add check (pages > 0) not valid"))
case(
    "sql: foreign key",
    [model("Author", name=text()), *book()],
    RunSQL("alter table shop_book add foreign key (pages) references shop_author"),
)
case(
    "sql: unique index with NULLs that are alike",
    book(options={"unique_together": {("title", "pages")}}),
    RunSQL("create unique index u on shop_book (title, pages) nulls not distinct"),
)
case(
    "sql: unique index of a new column, with NULLs that are alike",
    book(),
    AddField("Book", "shelf", text(null=True)),
    RunSQL("create unique index u on shop_book (shelf) nulls not distinct"),
)
case(
    "sql: unique index that replaces another",
    book(options={"unique_together": {("title", "pages")}}),
    RunSQL("create unique index u on shop_book (title, pages)"),
)
case("sql: index", book(), RunSQL("create index i on shop_book using btree (title desc)"))
case("sql: in a comment", book(), RunSQL("-- drop table shop_book;\nselect 1; /* alter table shop_book drop pages */"))
case("sql: in a string", book(), RunSQL("comment on table shop_book is 'drop table shop_book; it''s'"))
case("sql: nothing", book(), RunSQL(RunSQL.noop))
case("sql: with parameters", book(), RunSQL([("alter table shop_book drop column pages", None)]))
case("sql: update", book(), RunSQL("update shop_book set pages = 1"))
case("sql: code", book(), RunSQL("do $$ begin alter table shop_book drop column pages; end $$"))
case(
    "sql: with its state",
    book(),
    RunSQL(
        "alter table shop_book add column isbn text", state_operations=[AddField("Book", "isbn", models.TextField(null=True))]
    ),
)
case("sql: another new table", book(), RunSQL("create table log (line text not null)"))
case("python", book(), RunPython(lambda apps, editor: None))
case("python: nothing", book(), RunPython(RunPython.noop))
case("concurrently: sql index", book(), RunSQL("create index concurrently i on shop_book (title)"))

if FIVE:
    case("add column with database default", book(), AddField("Book", "isbn", text(db_default="x")))
    case("add unique column with database default", book(), AddField("Book", "isbn", text(db_default="x", unique=True)))
    case(
        "unique with a new defaulted column",
        book(),
        AddField("Book", "shelf", text(db_default="")),
        AddConstraint("Book", unique("u", "title", "shelf")),
    )
    case("database default", book(), AlterField("Book", "title", text(db_default="x")))
    case("no database default", [model("Book", title=text(db_default="x"))], AlterField("Book", "title", text()))
    case(
        "another database default", [model("Book", title=text(db_default="x"))], AlterField("Book", "title", text(db_default="y"))
    )
    case(
        "generated column",
        book(),
        AddField(
            "Book",
            "double",
            models.GeneratedField(expression=models.F("pages") * 2, output_field=models.IntegerField(), db_persist=True),
        ),
    )
    double = models.GeneratedField(expression=models.F("pages") * 2, output_field=models.IntegerField(), db_persist=True)
    case(
        "type: of what a generated column is made of", book(double=double), AlterField("Book", "pages", models.BigIntegerField())
    )
    case("type: of what no generated column is made of", book(double=double), AlterField("Book", "title", text(80)))
    case(
        "NULLs that are alike",
        book(),
        AddField("Book", "shelf", text(null=True)),
        AddConstraint("Book", unique("u", "shelf", nulls_distinct=False)),
    )
    case(
        "forget column with database default",
        [model("Book", title=text(db_default="x"))],
        separate([], [RemoveField("Book", "title")]),
    )
    case(
        "sql: forget column that gets a default",
        book(),
        separate([RunSQL("ALTER TABLE shop_book ALTER title SET DEFAULT ''")], [RemoveField("Book", "title")]),
    )
