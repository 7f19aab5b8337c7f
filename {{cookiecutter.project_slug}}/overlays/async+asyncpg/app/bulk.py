"""Many rows at once, by COPY."""

from collections.abc import Sequence
from typing import Any

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Base


async def store_rows(
    session: AsyncSession, model: type[Base], rows: Sequence[dict[str, Any]]
) -> None:
    """Store rows of one table in the transaction of the session, all or none.

    All rows have the keys of the first one; defaults of the model do not apply. Raises
    `DBAPIError` like any other statement.
    """
    if not rows:
        return
    columns = list(rows[0])
    # Begins the transaction, as only a statement does, and is refused where a session only reads.
    await session.execute(text("SELECT 1"))
    connection = await session.connection()
    raw = await connection.get_raw_connection()
    driver: Any = raw.driver_connection
    try:
        await driver.copy_records_to_table(
            model.__tablename__,
            columns=columns,
            records=[tuple(row[column] for column in columns) for row in rows],
        )
    except asyncpg.PostgresError as error:
        raise DBAPIError(f"COPY {model.__tablename__}", None, error) from error
