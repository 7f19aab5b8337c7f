"""Keyset pagination: a page starts after the last key of the previous page.

The cost of a page does not grow with its number. Inserted or deleted rows do not
make other rows appear twice or disappear.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, BeforeValidator, WithJsonSchema

T = TypeVar("T")

MAX_KEY = 2**63 - 1  # of BIGINT


def encode_cursor(key: int) -> str:
    """Encode the key of a page's last row as an opaque string."""
    return urlsafe_b64encode(str(key).encode()).decode()


def decode_cursor(cursor: object) -> int:
    """Decode a key, or raise `ValueError`: the client gets 422."""
    try:
        key = int(urlsafe_b64decode(str(cursor)))
    except ValueError:
        key = -1
    if not 0 <= key <= MAX_KEY or encode_cursor(key) != cursor:
        raise ValueError("not a cursor of this list: use the value of `next_cursor`")
    return key


Cursor = Annotated[int, BeforeValidator(decode_cursor), WithJsonSchema({"type": "string"})]
Limit = Annotated[int, Query(ge=1, le=100, description="Maximum number of rows in a page")]


class Page(BaseModel, Generic[T]):
    """One page of a list; `next_cursor` is null on the last."""

    items: list[T]
    next_cursor: str | None
