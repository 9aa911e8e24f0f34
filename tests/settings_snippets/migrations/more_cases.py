"""Migrations of tables that no migration makes, of constraints that say the same otherwise, and of SQL."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.operations import AddConstraintNotValid, CreateCollation
from django.db import models
from django.db.migrations.operations import (
    AddConstraint,
    AddField,
    AddIndex,
    AlterField,
    AlterModelOptions,
    AlterModelTable,
    RemoveConstraint,
    RemoveField,
    RemoveIndex,
    RenameField,
    RenameModel,
    RunPython,
    RunSQL,
)
from django.db.models.expressions import RawSQL
from django.db.models.functions import Cast, ExtractYear, Length, Lower, TruncDate

from tests.settings_snippets.migrations.shapes import (
    CONDITION,
    FIVE,
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

Q = models.Q

# -- models whose tables no migration makes
LEGACY = RunSQL("create table legacy (id bigserial primary key, name varchar(40) not null, size integer)")
BRIEF = {"managed": False, "db_table": "shop_book"}


def legacy(**more: Any) -> list[Any]:
    return [
        LEGACY,
        model(
            "Legacy", name=text(), size=models.IntegerField(null=True), options={"managed": False, "db_table": "legacy"}, **more
        ),
    ]


case("unmanaged: column dropped", legacy(), RunSQL("alter table legacy drop column size"))
case("unmanaged: column renamed", legacy(), RunSQL("alter table legacy rename size to width"))
case("unmanaged: table dropped", legacy(), RunSQL("drop table legacy"))
case("unmanaged: required column", legacy(), RunSQL("alter table legacy add n integer not null"))
case("unmanaged: column", legacy(), RunSQL("alter table legacy add n integer"))
case("unmanaged: NOT NULL", legacy(), RunSQL("alter table legacy alter size set not null"))
case("unmanaged: unique", legacy(), RunSQL("alter table legacy add unique (name)"))
case("unmanaged: field without column", legacy(), AddField("Legacy", "n", models.IntegerField(null=True)))
case(
    "unmanaged: field and column",
    legacy(),
    RunSQL("alter table legacy add n integer"),
    AddField("Legacy", "n", models.IntegerField(null=True)),
)
case(
    "unmanaged: field of a column that was there",
    [LEGACY, model("Legacy", name=text(), options={"managed": False, "db_table": "legacy"})],
    AddField("Legacy", "size", models.IntegerField(null=True)),
)
case("unmanaged: forget field", legacy(), RemoveField("Legacy", "size"))
case("unmanaged: forget required field", legacy(), RemoveField("Legacy", "name"))
case("unmanaged: becomes managed", legacy(), AlterModelOptions("Legacy", {"managed": True}))
case(
    "unmanaged: becomes managed and loses a column",
    legacy(),
    AlterModelOptions("Legacy", {"managed": True}),
    RemoveField("Legacy", "size"),
)
case("unmanaged: was managed", book(), AlterModelOptions("Book", {"managed": False}))
case(
    "unmanaged: was managed, and loses a field",
    book(),
    AlterModelOptions("Book", {"managed": False}),
    RemoveField("Book", "pages"),
)
case(
    "unmanaged: model on a table that is there",
    [LEGACY, *book()],
    model("Legacy", name=text(), options={"managed": False, "db_table": "legacy"}),
)
case(
    "unmanaged: model and its table",
    book(),
    LEGACY,
    model("Legacy", name=text(), options={"managed": False, "db_table": "legacy"}),
)
case("unmanaged: foreign key to it", legacy(), model("Note", legacy=to("Legacy")))
case(
    "unmanaged: two models of a table, column dropped",
    [*book(), model("Brief", pages=models.IntegerField(null=True), options=BRIEF)],
    RemoveField("Book", "pages"),
)
case(
    "unmanaged: two models, both forget",
    [*book(), model("Brief", title=text(), pages=models.IntegerField(null=True), options=BRIEF)],
    separate([], [RemoveField("Book", "pages"), RemoveField("Brief", "pages")]),
)
case(
    "unmanaged: forgotten column that another model uses",
    [
        *book(),
        model("Brief", title=text(), pages=models.IntegerField(null=True), options=BRIEF),
        separate([], [RemoveField("Book", "pages")]),
    ],
    RunSQL("alter table shop_book drop column pages"),
)
VIEW = RunSQL("create view readers as select id, title from shop_book")
READERS = model("Reader", title=text(), options={"managed": False, "db_table": "readers"})
case("unmanaged: view dropped", [*book(), VIEW, READERS], RunSQL("drop view readers"))
case("unmanaged: view, and another table", [*book(), VIEW, READERS], model("Draft", a=text()))
case("unmanaged: new view and its model", book(), VIEW, READERS)
case(
    "unmanaged: view of a column that is forgotten",
    [
        *book(isbn=text(null=True)),
        RunSQL("create view readers as select id, isbn as title from shop_book"),
        READERS,
        separate([], [RemoveField("Book", "isbn")]),
    ],
    RunSQL("alter table shop_book drop column isbn cascade"),
)


# -- checks that say the same otherwise, or more
def checked(name: str, condition: Any, **options: Any) -> models.CheckConstraint:
    return models.CheckConstraint(name=name, **{CONDITION: condition}, **options)


def rechecked(name: str, before: Any, after: Any, **fields: Any) -> None:
    fields = fields or {"title": text(), "pages": models.IntegerField()}
    old, new = (one if isinstance(one, models.CheckConstraint) else checked("c", one) for one in (before, after))
    case(
        f"check: {name}",
        [model("Book", **fields, options={"constraints": [old]})],
        RemoveConstraint("Book", "c"),
        AddConstraint("Book", new),
    )


rechecked("same", Q(pages__gt=0), Q(pages__gt=0))
rechecked("nested", Q(pages__gt=0) & Q(pages__lt=9999999999), Q(Q(pages__gt=0), Q(pages__lt=9999999999)))
rechecked("nested twice", Q(pages__gt=0, title__gte="a"), Q(Q(Q(pages__gt=0)) & Q(Q(title__gte="a"))))
rechecked("bounds wider", Q(pages__gt=0), Q(pages__gte=0))
rechecked("bounds much wider", Q(pages__gte=5), Q(pages__gt=0))
rechecked("bounds narrower", Q(pages__gte=0), Q(pages__gte=5))
rechecked("upper bound wider", Q(pages__lt=2147483647), Q(pages__lte=2147483647))
rechecked("one more choice", Q(title__in=["a", "x" + "y" * 39]), Q(title__in=["a", "b", "x" + "y" * 39]))
rechecked("one choice less", Q(title__in=["a", "x" + "y" * 39]), Q(title__in=["a"]))
rechecked("a choice becomes a list", Q(title="a"), Q(title__in=["a", "b"]))
rechecked("or", Q(pages__gt=0), Q(pages__gt=0) | Q(title=""))
rechecked("and", Q(pages__gt=0), Q(pages__gt=0) & Q(title=""))
rechecked("less", Q(pages__gt=0) & Q(title__gte=""), Q(pages__gt=0))
rechecked("or becomes less", Q(pages__gt=0) | Q(title="x" + "y" * 39), Q(pages__gt=0))
rechecked("range", Q(pages__range=(1, 2147483647)), Q(pages__gte=1))
rechecked(
    "may be NULL",
    Q(pages__isnull=False),
    Q(pages__isnull=False) | Q(title=""),
    title=text(),
    pages=models.IntegerField(null=True),
)
rechecked("not", ~Q(pages=0), ~Q(pages=0) | Q(title=""))
rechecked("not more", ~Q(pages=0), ~Q(pages__in=[0, 1]))
rechecked("negative bound", Q(pages__gt=0), Q(pages__gt=-1))
if FIVE:
    rechecked("another message", checked("c", Q(pages__gt=0)), checked("c", Q(pages__gt=0), violation_error_message="no"))
case("check: of what is NOT NULL", book(), AddConstraint("Book", checked("c", Q(title__isnull=False))))
case(
    "check: of what is positive",
    [model("Book", pages=models.PositiveIntegerField())],
    AddConstraint("Book", checked("c", Q(pages__gte=0))),
)
case(
    "check: second of what is positive",
    [model("Book", pages=models.PositiveIntegerField())],
    AddConstraint("Book", checked("c", Q(pages__gte=1))),
)
case("check: raw", book(), AddConstraint("Book", checked("c", RawSQL("pages > %s", (0,), output_field=models.BooleanField()))))
case("check: expression", book(), AddConstraint("Book", checked("c", Q(pages__gt=Length("title")))))
case(
    "check: a new column is NULL or",
    book(),
    AddField("Book", "n", models.IntegerField(null=True)),
    AddConstraint("Book", checked("c", Q(n__isnull=True) | Q(n__gt=0))),
)
case(
    "check: a new column is NULL or two",
    book(),
    AddField("Book", "n", models.IntegerField(null=True)),
    AddField("Book", "m", models.IntegerField(null=True)),
    AddConstraint("Book", checked("c", Q(n__isnull=True, m__isnull=True) | Q(n__isnull=False, m__isnull=False))),
)
case(
    "check: one of two new columns",
    book(),
    AddField("Book", "n", models.IntegerField(null=True)),
    AddField("Book", "m", models.IntegerField(null=True)),
    AddConstraint("Book", checked("c", Q(n__isnull=False) | Q(m__isnull=False))),
)
case(
    "check: not of a new column",
    book(),
    AddField("Book", "n", models.IntegerField(null=True)),
    AddConstraint("Book", checked("c", ~Q(n=0))),
)
case(
    "check: new and old column",
    book(),
    AddField("Book", "n", text(null=True)),
    AddConstraint("Book", checked("c", Q(n__lte=models.F("title")))),
)
case(
    "check: new or old column",
    [model("Book", title=text(), pages=models.IntegerField(null=True))],
    AddField("Book", "n", models.IntegerField(null=True)),
    AddConstraint("Book", checked("c", Q(n__isnull=False) | Q(pages__isnull=False))),
)
if FIVE:
    case(
        "check: default passes",
        book(),
        AddField("Book", "n", models.IntegerField(db_default=1)),
        AddConstraint("Book", checked("c", Q(n__gt=0))),
    )
    case(
        "check: default does not pass",
        book(),
        AddField("Book", "n", models.IntegerField(db_default=0)),
        AddConstraint("Book", checked("c", Q(n__gt=0))),
    )
    case("default: NULL, unique", book(), AddField("Book", "n", text(null=True, unique=True, db_default="x")))
    case("default: NULL, not unique", book(), AddField("Book", "n", text(null=True, db_default="x")))
    case("default: that is NULL", book(), AddField("Book", "n", text(null=True, unique=True, db_default=None)))
    case("default: now", book(), AddField("Book", "day", models.DateTimeField(db_default=models.functions.Now())))
    case("default: volatile", book(), AddField("Book", "n", models.FloatField(db_default=models.functions.Random())))
    case(
        "default: constraint with it",
        book(),
        AddField("Book", "a", text(null=True, db_default="x")),
        AddConstraint("Book", unique("u", "a")),
    )
    case("default: of what was there", book(), AlterField("Book", "pages", models.IntegerField(null=True, db_default=1)))

# -- types
NUMBER = models.DecimalField(max_digits=6, decimal_places=2)
case("type: longer array elements", [model("Book", tags=ArrayField(text(20)))], AlterField("Book", "tags", ArrayField(text(40))))
case("type: shorter array elements", [model("Book", tags=ArrayField(text(40)))], AlterField("Book", "tags", ArrayField(text(20))))
case(
    "type: array of larger numbers",
    [model("Book", tags=ArrayField(models.IntegerField()))],
    AlterField("Book", "tags", ArrayField(models.BigIntegerField())),
)
case(
    "type: array of texts without limit",
    [model("Book", tags=ArrayField(text(20)))],
    AlterField("Book", "tags", ArrayField(models.TextField())),
)
case(
    "type: more digits before the point",
    [model("Book", price=NUMBER)],
    AlterField("Book", "price", models.DecimalField(max_digits=9, decimal_places=2)),
)
case(
    "type: fewer digits before the point",
    [model("Book", price=NUMBER)],
    AlterField("Book", "price", models.DecimalField(max_digits=4, decimal_places=2)),
)
case("type: real to double", [model("Book", x=models.FloatField())], AlterField("Book", "x", models.FloatField(null=True)))
case("type: text to JSON", [model("Book", x=models.TextField())], AlterField("Book", "x", models.JSONField()))
case("type: date to time", [model("Book", x=models.DateField())], AlterField("Book", "x", models.DateTimeField()))
case("type: small to normal", [model("Book", x=models.SmallIntegerField())], AlterField("Book", "x", models.IntegerField()))
case(
    "type: positive to larger positive",
    [model("Book", x=models.PositiveIntegerField())],
    AlterField("Book", "x", models.PositiveBigIntegerField()),
)
case("type: longer and indexed", book(), AlterField("Book", "title", text(80, db_index=True)))
case("type: longer and NULL", book(), AlterField("Book", "title", text(80, null=True)))

# -- SQL whose words mislead
for name, sql in {
    "column called default": 'alter table shop_book add column "default" text not null',
    "default in a comment": "alter table shop_book add column n text not null /* default 'x' */",
    "default in a string": "alter table shop_book add column n text not null check (n <> 'default')",
    "default NULL": "alter table shop_book add column n text not null default null",
    "semicolon in a string": "alter table shop_book add column n text not null default 'a;b'; alter table shop_book drop pages",
    "quoted name": 'alter table "shop_book" drop column "pages"',
    "schema": 'alter table "public"."shop_book" drop column pages',
    "another case": "ALTER TABLE Shop_Book DROP COLUMN Pages",
    "two statements": "comment on table shop_book is 'x'; alter table shop_book drop pages",
    "dollars": "alter table shop_book add column n text default $$a;b$$",
    "not null first": "alter table shop_book add column n text default 'x' not null",
    "null": "alter table shop_book add column n text null",
    "check of a new column": "alter table shop_book add column n integer check (n > 0)",
    "check that demands a new column": "alter table shop_book add column n integer check (n is not null)",
    "type": "alter table shop_book alter pages type bigint",
    "narrower type": "alter table shop_book alter title type varchar(3)",
    "two tables": "create table a (n integer); drop table shop_book",
    "identity": "alter table shop_book add n integer generated by default as identity",
    "serial": "alter table shop_book add n serial",
    "generated": "alter table shop_book add n integer generated always as (pages * 2) stored",
    "foreign key not valid": "alter table shop_book add foreign key (pages) references shop_book (id) not valid",
    "trigger": "create function f() returns trigger as $$ begin return null; end $$ language plpgsql;"
    " create trigger t before insert on shop_book for each row execute function f()",
    "rule": "create rule r as on insert to shop_book do instead nothing",
    "truncate": "truncate shop_book",
    "drop not null": "alter table shop_book alter title drop not null",
    "set default": "alter table shop_book alter title set default 'x'",
    "volatile default": "alter table shop_book add n uuid default gen_random_uuid()",
    "drop index": "drop index if exists nothing",
    "partial unique index": "create unique index u on shop_book (title) where pages < 0",
    "unique expression": "create unique index u on shop_book (lower(title))",
    "inherits": "create table paper () inherits (shop_book)",
    "security": "alter table shop_book enable row level security, force row level security",
    "owner": "alter table shop_book owner to current_user",
    "schema of the table": "create schema other; alter table shop_book set schema other",
    "view": "create view readers as select title from shop_book",
    "function call": "select pg_advisory_xact_lock(1)",
}.items():
    case(f"sql words: {name}", book(), RunSQL(sql))
case(
    "sql: drop a constraint",
    book(options={"constraints": [check("c", pages__gt=0)]}),
    RunSQL("alter table shop_book drop constraint c"),
)
case(
    "sql: check, and in the models",
    book(),
    separate(
        [RunSQL("alter table shop_book add constraint c check (pages > 0)")], [AddConstraint("Book", check("c", pages__gt=0))]
    ),
)

# -- locks of several operations in one migration
case(
    "locks: column and index",
    book(),
    AddField("Book", "n", text(null=True)),
    AddIndex("Book", models.Index(fields=["title"], name="i")),
)
case(
    "locks: column of another table and index",
    [model("Tag", name=text()), *book()],
    AddField("Tag", "n", text(null=True)),
    AddIndex("Book", models.Index(fields=["title"], name="i")),
)
case("locks: indexed column", book(), AddField("Book", "n", text(null=True, db_index=True)))
case("locks: unique column", book(), AddField("Book", "n", text(null=True, unique=True)))
case("locks: positive column", book(), AddField("Book", "n", models.PositiveIntegerField(null=True)))
case("locks: column and Python", book(), AddField("Book", "n", text(null=True)), RunPython(lambda apps, editor: None))
case("locks: expression index", book(), AddIndex("Book", models.Index(Lower("title"), name="i")))
case("locks: unique condition", book(), AddConstraint("Book", unique("u", "title", condition=Q(pages__lt=0))))
case(
    "locks: drop a check and index",
    book(options={"constraints": [check("c", pages__gt=0)]}),
    RemoveConstraint("Book", "c"),
    AddIndex("Book", models.Index(fields=["title"], name="i")),
)

# -- the same columns, otherwise unique
BY_TITLE = book(options={"constraints": [unique("u", "title")]})
LATER = {"deferrable": models.Deferrable.DEFERRED}
for name, options in {"with another column": {"include": ["pages"]}, "at the end of a transaction": LATER}.items():
    case(f"unique: {name}", BY_TITLE, RemoveConstraint("Book", "u"), AddConstraint("Book", unique("u", "title", **options)))
case(
    "unique: at once again",
    book(options={"constraints": [unique("u", "title", **LATER)]}),
    RemoveConstraint("Book", "u"),
    AddConstraint("Book", unique("u", "title")),
)
case(
    "unique: no longer at the end of a transaction",
    book(options={"constraints": [unique("u", "title", **LATER)]}),
    RemoveConstraint("Book", "u"),
)
case(
    "unique: at the end of a transaction, by SQL",
    BY_TITLE,
    RunSQL("alter table shop_book drop constraint u, add constraint u unique (title) deferrable initially deferred"),
)
if FIVE:
    for given in (False, True):
        case(
            f"unique: where a new column is true, by default {given}",
            book(),
            AddField("Book", "main", models.BooleanField(db_default=given)),
            AddConstraint("Book", unique("u", "title", condition=Q(main=True))),
        )
CI = CreateCollation("ci", provider="icu", locale="und-u-ks-level2", deterministic=False)
case("collation: like that of the system", book(), AlterField("Book", "title", text(db_collation="de-x-icu")))
case("collation: one more, for a new column", book(), CI, AddField("Book", "n", text(null=True, db_collation="ci")))
case("collation: not all texts apart", [CI, *book()], AlterField("Book", "title", text(db_collation="ci")))
case("collation: all texts apart again", [CI, model("Book", title=text(db_collation="ci"))], AlterField("Book", "title", text()))
case("collation: not all texts apart, unique", [CI, *BY_TITLE], AlterField("Book", "title", text(db_collation="ci")))
case(
    "collation: indexed",
    [model("Book", title=text(db_index=True))],
    AlterField("Book", "title", text(db_index=True, db_collation="C")),
)

# -- renamed and back, in one transaction
case(
    "back: model keeps its table",
    [*book(), model("Note", book=to("Book"))],
    RenameModel("Book", "Work"),
    AlterModelTable("Work", "shop_book"),
)
case(
    "back: and a column",
    book(),
    AddField("Book", "n", text(null=True)),
    RenameModel("Book", "Work"),
    AlterModelTable("Work", "shop_book"),
)
case(
    "back: field keeps its column",
    book(),
    RenameField("Book", "pages", "length"),
    AlterField("Book", "length", models.IntegerField(null=True, db_column="pages")),
)
case(
    "back: with SQL between",
    book(),
    RenameModel("Book", "Work"),
    RunSQL("update shop_work set pages = 1"),
    AlterModelTable("Work", "shop_book"),
)
case(
    "back: two columns under each other's name",
    book(length=models.IntegerField(null=True)),
    RenameField("Book", "pages", "n"),
    RenameField("Book", "length", "pages"),
    RenameField("Book", "n", "length"),
)
case(
    "back: without what was in a column",
    book(),
    RenameModel("Book", "Work"),
    RemoveField("Work", "pages"),
    AddField("Work", "pages", models.IntegerField(null=True)),
    AlterModelTable("Work", "shop_book"),
)

# -- what remains, what may fail, what SQL does beside
case(
    "remains: field is no foreign key any more, its column is",
    with_author(null=True),
    separate([], [AlterField("Book", "author", models.BigIntegerField(null=True, db_column="author_id"))]),
)
case("index: of what not every text is", book(), AddIndex("Book", models.Index(Cast("title", models.IntegerField()), name="i")))
case(
    "index: of what an index has computed before",
    book(options={"indexes": [models.Index(Cast("pages", models.SmallIntegerField()), name="i")]}),
    AddIndex("Book", models.Index(Cast("pages", models.SmallIntegerField()).desc(), "id", name="j")),
    RemoveIndex("Book", "i"),
)
case("sql: index of what not every text is", book(), RunSQL("create index i on shop_book ((title::int))"))
case(
    "index: of what every value is",
    book(at=models.DateTimeField(null=True)),
    AddIndex("Book", models.Index(Cast("pages", text(20)), ExtractYear("at"), TruncDate("at"), name="i")),
)
case(
    "sql: index of what every value is",
    book(),
    RunSQL("create index i on shop_book (lower(title::text), (pages::varchar), to_tsvector('english'::regconfig, title))"),
)
case("sql: index of a function", book(), RunSQL("create index i on shop_book (lower(title))"))
case("sql: another schema first", book(), RunSQL("set local search_path to other"), AddField("Book", "n", text(null=True)))
case("sql: patience first", book(), RunSQL("set local lock_timeout = '2s'"), AddField("Book", "n", text(null=True)))
case("check: of new rows alone", book(), AddConstraintNotValid("Book", check("c", pages__gt=0)))
case(
    "type: array of a size", [model("Book", tags=ArrayField(text(20)))], AlterField("Book", "tags", ArrayField(text(20), size=3))
)
