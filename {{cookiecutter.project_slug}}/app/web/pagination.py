"""Keyset pagination: a page starts after the last key of the page before.

However far a reader goes, a page costs the same, and no row is shown twice or
left out because others came or went in between.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, BeforeValidator, WithJsonSchema

T = TypeVar("T")

MAX_KEY = 2**63 - 1  # of BIGINT


def encode_cursor(key: int) -> str:
    """Write the key of a page's last row as an opaque string."""
    return urlsafe_b64encode(str(key).encode()).decode()


def decode_cursor(cursor: object) -> int:
    """Read a key back, or raise `ValueError`, which a client sees as 422."""
    try:
        key = int(urlsafe_b64decode(str(cursor)))
    except ValueError:
        key = -1
    if not 0 <= key <= MAX_KEY or encode_cursor(key) != cursor:
        raise ValueError("not a cursor of this list: take it from `next_cursor`")
    return key


Cursor = Annotated[int, BeforeValidator(decode_cursor), WithJsonSchema({"type": "string"})]
Limit = Annotated[int, Query(ge=1, le=100, description="Rows of one page, at most")]


class Page(BaseModel, Generic[T]):
    """One page of a list; `next_cursor` is null on the last."""

    items: list[T]
    next_cursor: str | None
