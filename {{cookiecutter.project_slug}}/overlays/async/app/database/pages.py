"""Pages of a query."""

from typing import Any

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession

from app.database.ordering import Ordering, Slice


async def read_page(
    session: AsyncSession,
    query: Select[Any],
    ordering: Ordering,
    *,
    limit: int,
    cursor: str | None = None,
) -> Slice:
    """Read up to `limit` rows of a query, from a cursor on.

    The query selects the columns of the ordering, or one entity that has them. Raises
    `CursorError` for a cursor that is not of this ordering.
    """
    position = None if cursor is None else ordering.decode(cursor)
    found = await session.execute(ordering.apply(query, position, limit + 1))
    return ordering.cut(found.all(), position, limit)
