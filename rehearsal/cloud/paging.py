"""Pages of a list, as most describe calls have them."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from .errors import ApiError

T = TypeVar("T")


def page(items: Sequence[T], params: Mapping[str, Any], limit: int, size: str = "MaxRecords") -> tuple[list[T], str | None]:
    """Return the requested page and the token of the next.

    `limit` is how many a page holds at most (and without being asked), `size` the name of the parameter that asks for fewer.
    Raises ApiError for an unknown token.
    """
    token = params.get("NextToken") or "0"
    if not token.isdigit() or int(token) > len(items):
        raise ApiError("InvalidNextToken", f"The token '{token}' is invalid.")
    start = int(token)
    end = start + min(int(params.get(size) or limit), limit)
    return list(items[start:end]), str(end) if end < len(items) else None
