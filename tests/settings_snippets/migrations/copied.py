"""How MySQL and MariaDB carry out what a migration asks of them: by which algorithm, and who may read and write meanwhile."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db import DatabaseError

# A server that is not asked takes the first one that it can; what it cannot do it refuses before it begins.
_WAYS = (
    "ALGORITHM=INSTANT",
    "ALGORITHM=INPLACE{}LOCK=NONE",
    "ALGORITHM=INPLACE{}LOCK=SHARED",
    "ALGORITHM=COPY{}LOCK=NONE",
    "ALGORITHM=COPY{}LOCK=SHARED",
)
_UNABLE = (1845, 1846)  # ER_ALTER_OPERATION_NOT_SUPPORTED, and the same with a reason
_STATEMENT = re.compile(r"\s*(alter table|create (?:unique )?index .*? on|update) `?(\w+)", re.I | re.S)
_REFERENCED = re.compile(r"references `?(\w+)", re.I)
_OWN = re.compile(r"algorithm\s*=|lock\s*=", re.I)  # what RunSQL asks for


@dataclass
class Carried:
    """What has been carried out: the table, the way, and the table whose rows it was about; UPDATE is a way, too.

    Of DROP INDEX nothing is kept: MariaDB is not to be asked how it does that, and both do it while reads and writes go on.
    """

    ways: list[tuple[str, str, str]] = field(default_factory=list)

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        found = _STATEMENT.match(sql)
        if found is None or many or _OWN.search(sql):
            return execute(sql, params, many, context)
        kind, table = found[1].lower(), found[2]
        if kind == "update":
            self.ways.append((table, "UPDATE", table))
            return execute(sql, params, many, context)
        # ALTER TABLE has them among its changes, which commas part; the other statements behind themselves.
        space = ", " if kind == "alter table" else " "
        for way in _WAYS if "rename to" not in sql.lower() else ():
            try:
                done = execute(f"{sql.rstrip('; ')}{space}{way.format(space)}", params, many, context)
            except DatabaseError as error:
                if error.args[0] not in _UNABLE:
                    raise
            else:
                made = way.format(" ").replace("ALGORITHM=", "").replace("LOCK=", "")
                self.ways.append((table, made, table))
                # What a row refers to is held against writes as long as the rows are copied: see test_locks_of_mysql.
                self.ways += [(one, "REFERENCED SHARED", table) for one in _REFERENCED.findall(sql) if made.startswith("COPY")]
                return done
        return execute(sql, params, many, context)
