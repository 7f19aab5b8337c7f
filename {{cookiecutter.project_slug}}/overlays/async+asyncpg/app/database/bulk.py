"""Bulk inserts with COPY."""

from collections.abc import Sequence
from typing import Any

import asyncpg
from sqlalchemy import insert, text
from sqlalchemy.orm import DeclarativeBase

from app.database.aborted import ABORTED
from app.database.copying import VALUE_ERRORS, as_database_error, copy_of
from app.database.units import WriteSession


async def store_rows(
    session: WriteSession, model: type[DeclarativeBase], rows: Sequence[dict[str, Any]]
) -> None:
    """Store rows of one table in the transaction of the session, all or none.

    The keys of a row are names of mapped attributes. Types and defaults of columns apply as
    with `session.add`; events, cascades and relationships do not. It is fastest if all
    rows have the same keys. Raises `DBAPIError` like any other statement.
    """
    if not rows:
        return
    await session.execute(text("SELECT 1"))  # begins the transaction; raises in a reader
    connection = await session.connection()
    copy = await connection.run_sync(copy_of, model, rows)
    if copy is None:
        await session.execute(insert(model), rows)
        return
    raw = await connection.get_raw_connection()
    driver: Any = raw.driver_connection
    try:
        await driver.copy_records_to_table(
            copy.table.name,
            schema_name=copy.table.schema,
            columns=copy.columns,
            records=copy.records,
        )
    except (asyncpg.PostgresError, asyncpg.InterfaceError, *VALUE_ERRORS) as error:
        connection.info[ABORTED] = True  # the engine does not see this error
        raise as_database_error(error, copy.statement) from error
