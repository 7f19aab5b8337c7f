"""Many rows at once, by COPY."""

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql
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
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(model.__tablename__), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    await session.execute(text("SELECT 1"))  # refused where a session only reads
    connection = await session.connection()
    raw = await connection.get_raw_connection()
    driver: Any = raw.driver_connection
    try:
        async with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                await copy.write_row([row[column] for column in columns])
    except psycopg.Error as error:
        raise DBAPIError(f"COPY {model.__tablename__}", None, error) from error
