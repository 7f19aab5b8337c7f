"""Many rows at once."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Base


async def store_rows(
    session: AsyncSession, model: type[Base], rows: Sequence[dict[str, Any]]
) -> None:
    """Store rows of one table in the transaction of the session, all or none.

    All rows have the keys of the first one.
    """
    if rows:
        await session.execute(insert(model), rows)
