"""Migrations that only MySQL and MariaDB know, or that mean something else there."""

from django.db import models
from django.db.migrations.operations import AddConstraint, AddField, AlterField, RenameField, RunSQL

from tests.settings_snippets.migrations.shapes import FIVE, Case, book, model, text, to, unique, with_author

CASES: dict[str, Case] = {}
# What the cases of all databases say in PostgreSQL's words.
SPOKEN = {
    "bigserial primary key": "bigint auto_increment primary key",
    "alter size set not null": "modify size integer not null",
    "alter table public.shop_book alter pages set not null": "alter table shop_book modify pages integer not null",
    "ALTER COLUMN title DROP NOT NULL": "MODIFY title varchar(40) NULL",
    "alter title drop not null": "modify title varchar(40) null",
    "rename size to width": "rename column size to width",
    "rename pages to length": "rename column pages to length",
    '"shop_book"': "`shop_book`",
    '"pages"': "`pages`",
    "if exists only": "if exists",
    " using btree (title desc)": " (title desc)",
    "check (pages > 0) not valid": "check (pages > 0)",
}


def case(name: str, before: list[object], *after: object) -> None:
    CASES[f"mariadb: {name}"] = (before, list(after))


def sql(name: str, *statements: str, before: list[object] | None = None) -> None:
    case(name, before or book(), *(RunSQL(one) for one in statements))


sql("modify: longer text", "alter table shop_book modify title varchar(60) not null")
sql("modify: shorter text", "alter table shop_book modify title varchar(5) not null")
sql("modify: text without limit", "alter table shop_book modify column title longtext not null")
sql("modify: NULL", "alter table shop_book modify title varchar(40)")
sql("modify: NOT NULL", "alter table shop_book modify pages int not null")
sql("modify: NOT NULL with a default", "alter table shop_book modify pages int not null default 0")
sql("modify: larger number", "alter table shop_book modify pages bigint")
sql("modify: smaller number", "alter table shop_book modify pages smallint")
sql("modify: no longer negative", "alter table shop_book modify pages int unsigned")
sql("modify: an enumeration", "alter table shop_book modify title enum('x', 'y') not null")
sql("modify: a generated column", "alter table shop_book modify pages int generated always as (1) virtual")
sql("modify: a default", "alter table shop_book modify pages int default 3")
if FIVE:
    sql("modify: no default any more", "alter table shop_book modify n int not null",
        before=[model("Book", n=models.IntegerField(db_default=3))])  # fmt: skip
sql("modify: text that takes another byte for its length", "alter table shop_book modify title varchar(100) not null")
sql("modify: another collation", "alter table shop_book modify title varchar(40) collate utf8mb4_bin not null")
sql("modify: a collation of any character set", "alter table shop_book modify title varchar(40) collate uca1400_as_cs not null")
sql("modify: unique with another collation", "alter table shop_book modify title varchar(40) collate utf8mb4_general_ci not null",
    before=[model("Book", title=text(unique=True, db_collation="utf8mb4_bin"))])  # fmt: skip
sql("modify: a character set that has less", "alter table shop_book modify title varchar(40) character set latin1 not null")
sql("modify: a character set that has more", "alter table shop_book modify title varchar(40) character set utf8mb4 not null",
    before=[*book(), RunSQL("alter table shop_book convert to character set latin1")])  # fmt: skip
sql("modify: comment and width", "alter table shop_book modify pages int(11) null comment 'modify title int'")
sql("modify: more digits", "alter table shop_book modify d decimal(7,2) not null",
    before=[model("Book", d=models.DecimalField(max_digits=5, decimal_places=2))])  # fmt: skip
sql("modify: larger text", "alter table shop_book modify t longtext null",
    before=[*book(), RunSQL("alter table shop_book add t text null")])  # fmt: skip
sql("modify: counts no longer", "alter table shop_book modify id bigint not null")
sql("modify: two columns", "alter table shop_book modify title varchar(50) not null, modify pages bigint")
sql("modify: two columns, one of them smaller", "alter table shop_book modify title varchar(50) not null, modify pages smallint")
sql("modify: while others write", "alter table shop_book modify title varchar(50) not null, algorithm=inplace, lock=none")
sql("modify: refused while others write", "alter table shop_book modify title varchar(9) not null, lock=none")
sql("modify: larger number while others write", "alter table shop_book modify pages bigint, lock=none")
sql("modify: copied although it need not be", "alter table shop_book modify title varchar(50) not null, algorithm=copy")
sql("modify: reference that may be NULL", "alter table shop_book modify author_id bigint null", before=with_author())
sql("modify: reference of another type", "alter table shop_book modify author_id int not null", before=with_author())
sql(
    "modify: key that is referred to",
    "alter table shop_author modify id bigint unsigned not null auto_increment",
    before=with_author(),
)
sql("modify: renews itself", "alter table shop_book modify at datetime(6) on update current_timestamp(6)",
    before=[*book(at=models.DateTimeField(null=True))])  # fmt: skip
sql("modify: stored expression", "alter table shop_book modify pages int generated always as (1) stored")
sql("engine", "alter table shop_book engine=myisam")
sql("change: another name and type", "alter table shop_book change pages length bigint null")
sql("change: another name", "alter table shop_book change title name varchar(40) not null")
sql("change: the same name", "alter table shop_book change title title varchar(80) not null")
sql("rename table", "rename table shop_book to shop_old")
sql("rename table and back", "rename table shop_book to shop_old", "rename table shop_old to shop_book")
sql("view in place of a table", "rename table shop_book to shop_old", "create view shop_book as select * from shop_old")
sql("add unique key", "alter table shop_book add unique key u (title)")
sql("add key", "alter table shop_book add key k (title), algorithm=inplace, lock=none")
sql("add key while others write", "alter table shop_book add key k (title), lock=none")
sql("add fulltext key", "alter table shop_book add fulltext key k (title)")
sql("add unique key of a prefix", "alter table shop_book add unique key u (title(3))")
sql("unique key of a column that may be NULL", "alter table shop_book add unique key u (pages)")
sql("drop key", "alter table shop_book drop key k", before=[*book(), RunSQL("alter table shop_book add key k (title)")])
sql("drop key that is unique", "drop index u on shop_book", before=[*book(), AddConstraint("Book", unique("u", "title"))])
sql("column without a default", "alter table shop_book add n int not null")
sql("column with a default", "alter table shop_book add n int not null default 0")
sql("column with an implicit default", "alter table shop_book add n timestamp not null")
sql("column that counts itself", "alter table shop_book add n bigint not null auto_increment unique")
sql("column that an expression fills", "alter table shop_book add n varchar(36) not null default (uuid())")
sql("column first", "alter table shop_book add n int first")
sql("column after another", "alter table shop_book add column n int null after id")
sql("trigger", "create trigger t before insert on shop_book for each row set new.pages = 1 + new.pages")
sql("convert: character set", "alter table shop_book convert to character set latin1")
sql("convert: another collation", "alter table shop_book convert to character set utf8mb4 collate utf8mb4_bin")
sql("comment", "alter table shop_book comment 'drop table shop_book'")
sql("foreign key", "alter table shop_book add column a bigint null, add foreign key (a) references shop_author (id)",
    before=[model("Author", name=text()), *book()])  # fmt: skip
sql("drop foreign key", "alter table shop_book drop foreign key f, drop column a",
    before=[model("Author", name=text()), *book(),
            RunSQL("alter table shop_book add column a bigint null,"
                   " add constraint f foreign key (a) references shop_author (id)")])  # fmt: skip
sql(
    "drop check",
    "alter table shop_book drop constraint c",
    before=[*book(), RunSQL("alter table shop_book add constraint c check (pages < 9)")],
)
sql("ignore", "alter ignore table shop_book add unique key u (title)")
sql("hash of a comment", "# drop table shop_book\nselect 1")
sql("comment that runs", "/*!50000 alter table shop_book drop column pages */")
sql("comment that runs on MariaDB", "/*M! alter table shop_book drop column pages */")
sql("text in double quotes", 'update shop_book set title = "drop table x" where 1 = 0')
sql("strict no more", "set session sql_mode = ''", "alter table shop_book modify title varchar(3) not null")
case("collation that tells cases apart", book(), AlterField("Book", "title", text(db_collation="utf8mb4_bin")))
case("unique with a collation that tells cases apart", [model("Book", title=text(unique=True))],
     AlterField("Book", "title", text(unique=True, db_collation="utf8mb4_bin")))  # fmt: skip
case("unique with a collation that does not", [model("Book", title=text(unique=True, db_collation="utf8mb4_bin"))],
     AlterField("Book", "title", text(unique=True, db_collation="utf8mb4_general_ci")))  # fmt: skip
case("text that takes another byte for its length", [model("Book", a=text(20), b=text(40), c=text(70))],
     *(AlterField("Book", name, text(length)) for name, length in (("a", 300), ("b", 60), ("c", 80))))  # fmt: skip
case("text that takes another byte, not short", book(), AlterField("Book", "title", text(80)))
case("longer text with an index", [model("Book", title=text(20, db_index=True))], AlterField("Book", "title", text(30)))
case("collation of a text with an index", [model("Book", title=text(db_index=True))],
     AlterField("Book", "title", text(db_index=True, db_collation="utf8mb4_bin")))  # fmt: skip
case("collation of a large text", [model("Book", t=models.TextField(null=True))],
     AlterField("Book", "t", models.TextField(null=True, db_collation="utf8mb4_bin")))  # fmt: skip
sql("modify: a large text of a character set that has less", "alter table shop_book modify t longtext character set latin1 null",
    before=[model("Book", t=models.TextField(null=True))])  # fmt: skip
case("large text that is given", book(), AddField("Book", "plot", models.TextField(default="x")))
case("text key to text", book(), AlterField("Book", "title", models.TextField()))
case("text to limited text", [model("Book", title=models.TextField())], AlterField("Book", "title", text(20)))
case("foreign key of another kind", with_author(), AlterField("Author", "id", models.AutoField(primary_key=True)))
case("larger key", [model("Author", name=text()), *book()], AlterField("Author", "id", models.BigIntegerField(primary_key=True)))
case("rename and add", book(), RenameField("Book", "title", "name"), AddField("Book", "title", text(null=True)))
case("positive number becomes larger", [model("Book", n=models.PositiveIntegerField())],
     AlterField("Book", "n", models.BigIntegerField()))  # fmt: skip
case("positive number becomes small", [model("Book", n=models.PositiveIntegerField())],
     AlterField("Book", "n", models.PositiveSmallIntegerField()))  # fmt: skip
case(
    "foreign key to a table of old code", [model("Author", name=text()), *book()], AddField("Book", "a", to("Author", null=True))
)
case(
    "more digits of a second",
    [model("Book", at=models.DateTimeField(null=True))],
    AlterField("Book", "at", models.DateField(null=True)),
)
