"""Pages of a list, as they are sent."""

from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel

from app.database import Slice

T = TypeVar("T", bound=BaseModel)

Cursor = Annotated[
    str | None, Query(description="`next_cursor` or `previous_cursor` of another page")
]
Limit = Annotated[int, Query(ge=1, le=100, description="Maximum number of rows in a page")]


class Page(BaseModel, Generic[T]):
    """One page of a list; a cursor is null if there is no such page."""

    items: list[T]
    next_cursor: str | None
    previous_cursor: str | None


def page_of(model: type[T], found: Slice) -> Page[T]:
    """Build the response of a page; `model` has `from_attributes=True`."""
    return Page(
        items=[model.model_validate(row) for row in found.rows],
        next_cursor=found.next_cursor,
        previous_cursor=found.previous_cursor,
    )
