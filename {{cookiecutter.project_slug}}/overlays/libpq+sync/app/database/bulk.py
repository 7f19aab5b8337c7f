"""Bulk inserts with COPY."""

from collections.abc import Sequence
#% if cookiecutter.driver == "psycopg2"
from datetime import date, time, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any
from uuid import UUID

import psycopg2
#% else
from typing import Any

import psycopg
#% endif
from sqlalchemy import insert, text
from sqlalchemy.orm import DeclarativeBase

from app.database.aborted import ABORTED
from app.database.copying import VALUE_ERRORS, as_database_error, copy_of
from app.database.units import WriteSession


#% if cookiecutter.driver == "psycopg2"
def copy_text(value: object) -> str:
    """Return a value in the text format of COPY, or raise `TypeError`."""
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace("\t", "\\t")
        return escaped.replace("\n", "\\n").replace("\r", "\\r")
    if isinstance(value, (int, float, Decimal, UUID, date, time, timedelta)):
        return str(value)  # a datetime is a date
    if value is None:
        return "\\N"
    if isinstance(value, psycopg2.Binary):
        return f"\\\\x{bytes(value.adapted).hex()}"
    raise TypeError(f"COPY has no text for a {type(value).__name__}")


#% endif
def store_rows(
    session: WriteSession, model: type[DeclarativeBase], rows: Sequence[dict[str, Any]]
) -> None:
    """Store rows of one table in the transaction of the session, all or none.

    The keys of a row are names of mapped attributes. Types and defaults of columns apply as
    with `session.add`; events, cascades and relationships do not. It is fastest if all
    rows have the same keys. Raises `DBAPIError` like any other statement.
    """
    if not rows:
        return
    session.execute(text("SELECT 1"))  # begins the transaction; raises in a reader
    connection = session.connection()
    copy = copy_of(connection, model, rows)
    if copy is None:
        session.execute(insert(model), rows)
        return
    driver: Any = connection.connection.driver_connection
    #% if cookiecutter.driver == "psycopg2"
    try:
        lines = "\n".join("\t".join(map(copy_text, record)) for record in copy.records)
    except TypeError:  # an array, for instance
        session.execute(insert(model), rows)
        return
    try:
        lines.encode()  # fails here: psycopg2 would report a cancelled query instead
        with driver.cursor() as cursor:
            cursor.copy_expert(copy.statement, StringIO(lines))
    except (psycopg2.Error, *VALUE_ERRORS) as error:
        connection.info[ABORTED] = True  # the engine does not see this error
        raise as_database_error(error, copy.statement) from error
    #% else
    try:
        with driver.cursor() as cursor, cursor.copy(copy.statement) as stream:
            for record in copy.records:
                stream.write_row(record)
    except (psycopg.Error, *VALUE_ERRORS) as error:
        connection.info[ABORTED] = True  # the engine does not see this error
        raise as_database_error(error, copy.statement) from error
    #% endif
