"""Migrations after which one release meets rows of the other, or what remains in the database."""

from django.db import models
from django.db.migrations.operations import (
    AddConstraint,
    AddField,
    AddIndex,
    AlterField,
    AlterModelTable,
    AlterUniqueTogether,
    CreateModel,
    DeleteModel,
    RemoveConstraint,
    RemoveField,
    RenameField,
    RenameModel,
    RunSQL,
)

from tests.settings_snippets.migrations.shapes import (
    CONDITION,
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

AUTHOR = model("Author", name=text())


def two() -> list[CreateModel]:
    return [model("Author", name=text()), *book()]


def tagged(**options: object) -> list[CreateModel]:
    return [model("Tag", name=text()), *book(tags=models.ManyToManyField("shop.Tag", **options))]


# -- what refers to an old table keeps old code from deleting there
case("rows: foreign key that is not enforced", two(), AddField("Book", "author", to("Author", null=True, db_constraint=False)))
case("rows: model that refers, not enforced", book(), model("Review", book=to("Book", db_constraint=False)))
case("rows: one to one", two(), AddField("Book", "author", models.OneToOneField("shop.Author", models.CASCADE, null=True)))
case("rows: foreign key to itself", book(), AddField("Book", "sequel", to("Book", null=True)))
case("rows: foreign key with another rule", two(), AddField("Book", "a", to("Author", null=True, on_delete=models.SET_NULL)))
case("rows: foreign key that protects", two(), AddField("Book", "a", to("Author", null=True, on_delete=models.PROTECT)))
case("rows: foreign key to a new table", book(), AUTHOR, AddField("Book", "author", to("Author", null=True)))
case("rows: two new tables", book(), AUTHOR, model("Award", author=to("Author")))
case("rows: new table by a new table", book(), model("Review", book=to("Book")), model("Reply", review=to("Review")))
case(
    "rows: many to many, not enforced",
    tagged()[:1] + book(),
    AddField("Book", "tags", models.ManyToManyField("shop.Tag", db_constraint=False)),
)
case("rows: many to many with itself", book(), AddField("Book", "like", models.ManyToManyField("shop.Book")))
case("rows: many to many of a new model", book(), model("Shelf", books=models.ManyToManyField("shop.Book")))
case(
    "rows: many to many through a new model",
    tagged()[:1] + book(),
    model("Tagging", tag=to("Tag"), book=to("Book")),
    AddField("Book", "tags", models.ManyToManyField("shop.Tag", through="shop.Tagging")),
)
case(
    "rows: child of a child", [*book(), model("Novel", "Book", plot=text())], model("Saga", "Novel", parts=models.IntegerField())
)
case(
    "rows: foreign key that is made and dropped", two(), AddField("Book", "a", to("Author", null=True)), RemoveField("Book", "a")
)
case(
    "rows: foreign key in the database alone", two(), RunSQL("alter table shop_book add author_id bigint references shop_author")
)
case(
    "rows: sql table that refers",
    book(),
    RunSQL("create table log (id serial primary key, book bigint references shop_book (id))"),
)
if SIX_ONE:
    case(
        "rows: foreign key, database cascades", two(), AddField("Book", "a", to("Author", null=True, on_delete=models.DB_CASCADE))
    )
    case(
        "rows: foreign key, database sets NULL",
        two(),
        AddField("Book", "a", to("Author", null=True, on_delete=models.DB_SET_NULL)),
    )
    case("rows: model that refers, database cascades", book(), model("Review", book=to("Book", on_delete=models.DB_CASCADE)))
    case(
        "rows: chain of which the database cascades all",
        book(),
        model("Review", book=to("Book", on_delete=models.DB_CASCADE)),
        model("Reply", review=to("Review", on_delete=models.DB_CASCADE)),
    )
    case(
        "rows: chain of which the database cascades the first",
        book(),
        model("Review", book=to("Book", on_delete=models.DB_CASCADE)),
        model("Reply", review=to("Review")),
    )

# -- what is no longer unique
PAIR = {"unique_together": {("title", "pages")}}
case(
    "rows: unique column as constraint",
    [model("Book", title=text(unique=True))],
    AddConstraint("Book", unique("u", "title")),
    AlterField("Book", "title", text()),
)
case(
    "rows: constraint as unique column",
    [model("Book", title=text(), options={"constraints": [unique("u", "title")]})],
    AlterField("Book", "title", text(unique=True)),
    RemoveConstraint("Book", "u"),
)
case(
    "rows: unique with more",
    book(options={"constraints": [unique("u", "title")]}),
    AddConstraint("Book", unique("v", "title", "pages")),
    RemoveConstraint("Book", "u"),
)
case(
    "rows: unique with more, together",
    [model("Book", a=text(), b=text(), c=text(), options={"unique_together": {("a", "b")}})],
    AlterUniqueTogether("Book", {("a", "b", "c")}),
)
case(
    "rows: unique under a condition alone",
    book(options={"constraints": [unique("u", "title")]}),
    AddConstraint("Book", unique("v", "title", condition=models.Q(pages__gt=0))),
    RemoveConstraint("Book", "u"),
)
case(
    "rows: no longer unique, an index remains",
    [model("Book", title=text(unique=True))],
    AlterField("Book", "title", text(db_index=True)),
)
case(
    "rows: no longer unique in the database",
    [model("Book", title=text(), options={"constraints": [unique("u", "title")]})],
    RunSQL("alter table shop_book drop constraint u"),
)
case(
    "rows: unique by another name",
    book(options={"constraints": [unique("u", "title")]}),
    RemoveConstraint("Book", "u"),
    AddConstraint("Book", unique("v", "title")),
)
case(
    "rows: unique in another order",
    book(options={"constraints": [unique("u", "title", "pages")]}),
    RemoveConstraint("Book", "u"),
    AddConstraint("Book", unique("v", "pages", "title")),
)
case(
    "rows: drop unique condition",
    book(options={"constraints": [unique("u", "title", condition=models.Q(pages__lt=0))]}),
    RemoveConstraint("Book", "u"),
)
case(
    "rows: drop unique condition that all obey",
    [
        model(
            "Book",
            title=text(unique=True),
            pages=models.IntegerField(),
            options={"constraints": [unique("u", "title", condition=models.Q(pages__gt=0))]},
        )
    ],
    RemoveConstraint("Book", "u"),
)
case(
    "rows: drop unique pair, one remains unique",
    [model("Book", title=text(unique=True), pages=models.IntegerField(), options=PAIR)],
    AlterUniqueTogether("Book", set()),
)
case(
    "rows: one to one becomes many to one",
    [AUTHOR, *book(author=models.OneToOneField("shop.Author", models.CASCADE))],
    AlterField("Book", "author", to("Author")),
)
case(
    "rows: unique with a new column that has a default",
    book(),
    AddField("Book", "shelf", text(null=True)),
    AddConstraint("Book", unique("u", "shelf", "pages")),
)
case(
    "rows: unique of new columns alone",
    book(),
    AddField("Book", "a", text(null=True)),
    AddField("Book", "b", text(null=True)),
    AddConstraint("Book", unique("u", "a", "b")),
)
case(
    "rows: unique with a new column, one is unique",
    [model("Book", title=text(unique=True))],
    AddField("Book", "shelf", text(null=True)),
    AddConstraint("Book", unique("u", "title", "shelf")),
)

# -- NULL where there was none
case(
    "rows: number may be NULL",
    [model("Book", pages=models.IntegerField())],
    AlterField("Book", "pages", models.IntegerField(null=True)),
)
case("rows: date may be NULL", [model("Book", day=models.DateField())], AlterField("Book", "day", models.DateField(null=True)))
case(
    "rows: one to one may be NULL",
    [AUTHOR, *book(author=models.OneToOneField("shop.Author", models.CASCADE))],
    AlterField("Book", "author", models.OneToOneField("shop.Author", models.CASCADE, null=True)),
)
case("rows: NULL in the database alone", book(), RunSQL("alter table shop_book alter title drop not null"))
case("rows: NULL and back", book(), AlterField("Book", "title", text(null=True)), AlterField("Book", "title", text()))
case("rows: may be blank", book(), AlterField("Book", "title", text(blank=True)))

# -- models changed alone: what remains in the database
FREE = to("Author", db_constraint=False)
NULL = to("Author", null=True)
NULL_FREE = to("Author", null=True, db_constraint=False)
case("remains: forget nullable foreign key", with_author(null=True), separate([], [RemoveField("Book", "author")]))
case("remains: forget foreign key", with_author(), separate([], [RemoveField("Book", "author")]))
case(
    "remains: forget nullable foreign key, no longer enforced",
    with_author(null=True),
    separate([AlterField("Book", "author", NULL_FREE)], [RemoveField("Book", "author")]),
)
case(
    "remains: forget foreign key that was never enforced",
    with_author(null=True, db_constraint=False),
    separate([], [RemoveField("Book", "author")]),
)
case(
    "remains: forget foreign key, nullable and no longer enforced",
    with_author(),
    separate([AlterField("Book", "author", NULL_FREE)], [RemoveField("Book", "author")]),
)
case(
    "remains: forget foreign key and its table",
    with_author(null=True),
    separate([], [RemoveField("Book", "author"), DeleteModel("Author")]),
)
case("remains: forget model that refers", with_author(), separate([], [DeleteModel("Book")]))
case(
    "remains: forget model that refers, no longer enforced",
    with_author(),
    separate([AlterField("Book", "author", FREE)], [DeleteModel("Book")]),
)
case(
    "remains: forget model that refers to itself",
    [model("Book", title=text(), sequel=to("Book", null=True))],
    separate([], [DeleteModel("Book")]),
)
case("remains: forget both models", with_author(), separate([], [DeleteModel("Book"), DeleteModel("Author")]))
case("remains: forget many to many", tagged(), separate([], [RemoveField("Book", "tags")]))
case(
    "remains: forget many to many, no longer enforced",
    tagged(),
    separate(
        [AlterField("Book", "tags", models.ManyToManyField("shop.Tag", db_constraint=False))], [RemoveField("Book", "tags")]
    ),
)
case(
    "remains: forget many to many that was never enforced",
    tagged(db_constraint=False),
    separate([], [RemoveField("Book", "tags")]),
)
case("remains: forget child", [*book(), model("Novel", "Book", plot=text())], separate([], [DeleteModel("Novel")]))
case(
    "remains: forget foreign key to itself",
    [model("Book", title=text(), sequel=to("Book", null=True))],
    separate([], [RemoveField("Book", "sequel")]),
)
if SIX_ONE:
    case(
        "remains: forget foreign key, database cascades",
        with_author(null=True, on_delete=models.DB_CASCADE),
        separate([], [RemoveField("Book", "author")]),
    )
    case(
        "remains: database cascades as models say",
        with_author(null=True),
        separate([], [AlterField("Book", "author", to("Author", null=True, on_delete=models.DB_CASCADE))]),
    )
    case(
        "remains: models no longer cascade by the database",
        with_author(null=True, on_delete=models.DB_CASCADE),
        separate([], [AlterField("Book", "author", NULL)]),
    )
case(
    "remains: forget check",
    book(options={"constraints": [check("c", pages__gt=0)]}),
    separate([], [RemoveConstraint("Book", "c")]),
)
case(
    "remains: forget unique", book(options={"constraints": [unique("u", "title")]}), separate([], [RemoveConstraint("Book", "u")])
)
case(
    "remains: forget that it is unique",
    [model("Book", title=text(unique=True))],
    separate([], [AlterField("Book", "title", text())]),
)
case("remains: forget pair", book(options=PAIR), separate([], [AlterUniqueTogether("Book", set())]))
case(
    "remains: forget unique condition",
    book(options={"constraints": [unique("u", "title", condition=models.Q(pages__isnull=False))]}),
    separate([], [RemoveConstraint("Book", "u")]),
)
case(
    "remains: forget check that another implies",
    book(options={"constraints": [check("c", pages__gt=0), check("d", pages__gte=0)]}),
    separate([], [RemoveConstraint("Book", "d")]),
)
case("remains: unique in the models alone", book(), separate([], [AlterField("Book", "title", text(unique=True))]))
case("remains: unique constraint in the models alone", book(), separate([], [AddConstraint("Book", unique("u", "title"))]))
case("remains: check in the models alone", book(), separate([], [AddConstraint("Book", check("c", pages__gt=0))]))
case("remains: index in the models alone", book(), separate([], [AddIndex("Book", models.Index(fields=["title"], name="i"))]))
case(
    "remains: larger number in the models alone",
    book(),
    separate([], [AlterField("Book", "pages", models.BigIntegerField(null=True))]),
)
case(
    "remains: smaller number in the models alone",
    book(),
    separate([], [AlterField("Book", "pages", models.SmallIntegerField(null=True))]),
)
case("remains: longer text in the models alone", book(), separate([], [AlterField("Book", "title", text(80))]))
case("remains: shorter text in the models alone", book(), separate([], [AlterField("Book", "title", text(20))]))
case("remains: other type in the models alone", book(), separate([], [AlterField("Book", "pages", text(null=True))]))
case(
    "remains: positive in the models alone",
    book(),
    separate([], [AlterField("Book", "pages", models.PositiveIntegerField(null=True))]),
)
case(
    "remains: no longer positive in the models",
    [model("Book", pages=models.PositiveIntegerField())],
    separate([], [AlterField("Book", "pages", models.IntegerField())]),
)
case("remains: NULL in the models alone", book(), separate([], [AlterField("Book", "title", text(null=True))]))
case("remains: NOT NULL in the models alone", book(), separate([], [AlterField("Book", "pages", models.IntegerField())]))
case(
    "remains: NOT NULL in the models alone, new column",
    book(),
    separate([AddField("Book", "n", models.IntegerField(null=True))], [AddField("Book", "n", models.IntegerField(default=0))]),
)
case("remains: field renamed in the models alone", book(), separate([], [RenameField("Book", "pages", "length")]))
case("remains: model renamed in the models alone", book(), separate([], [RenameModel("Book", "Volume")]))
case(
    "remains: model renamed in the models alone, table kept",
    book(),
    separate([], [RenameModel("Book", "Volume"), AlterModelTable("Volume", "shop_book")]),
)
case("remains: another table in the models alone", book(), separate([], [AlterModelTable("Book", "volumes")]))
case(
    "remains: foreign key in the models alone",
    [AUTHOR, *book(author=models.BigIntegerField(null=True, db_column="author_id"))],
    separate([], [AlterField("Book", "author", NULL)]),
)
case(
    "remains: foreign key to another in the models alone",
    [AUTHOR, model("Press", name=text()), *book(a=NULL)],
    separate([], [AlterField("Book", "a", to("Press", null=True))]),
)
case("remains: column dropped in the database alone", book(), separate([RemoveField("Book", "pages")], []))
case("remains: NOT NULL column in the database alone", book(), RunSQL("alter table shop_book add n integer not null default 0"))
case("remains: unique column with a default", book(), RunSQL("alter table shop_book add n integer default 0 unique"))
case(
    "remains: forget nullable column of a pair",
    book(options=PAIR),
    separate([], [AlterUniqueTogether("Book", set()), RemoveField("Book", "pages")]),
)
case(
    "remains: forget nullable column of a check",
    book(options={"constraints": [check("c", pages__gt=0)]}),
    separate([], [RemoveConstraint("Book", "c"), RemoveField("Book", "pages")]),
)
case(
    "remains: forget nullable column that a check demands",
    [
        model(
            "Book",
            title=text(),
            a=text(null=True),
            b=text(null=True),
            options={
                "constraints": [
                    models.CheckConstraint(name="c", **{CONDITION: models.Q(a__isnull=False) | models.Q(b__isnull=False)})
                ]
            },
        )
    ],
    separate([], [RemoveConstraint("Book", "c"), RemoveField("Book", "a")]),
)
# SQL that names the column to which it refers, too.
for words, statement in {
    "reference": "alter table shop_book add column author_id bigint null references shop_author (id)",
    "foreign key": "alter table shop_book add column author_id bigint null,"
    " add constraint f foreign key (author_id) references shop_author (id)",
}.items():
    case(
        f"sql: {words} of a new column",
        two(),
        RunSQL(statement, state_operations=[AddField("Book", "author", to("Author", null=True))]),
    )
if FIVE:
    case("remains: default in the models alone", book(), separate([], [AlterField("Book", "title", text(db_default="x"))]))
    case(
        "remains: forget column that gets a default",
        book(),
        separate([AlterField("Book", "title", text(db_default=""))], [RemoveField("Book", "title")]),
    )
    case(
        "remains: forget unique column that gets a default",
        [model("Book", title=text(unique=True), pages=models.IntegerField())],
        separate([AlterField("Book", "title", text(unique=True, db_default=""))], [RemoveField("Book", "title")]),
    )
    case(
        "remains: forget foreign key that gets a default",
        with_author(),
        separate(
            [AlterField("Book", "author", to("Author", db_constraint=False, db_default=1))], [RemoveField("Book", "author")]
        ),
    )
