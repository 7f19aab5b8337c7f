"""Many rows at once, by COPY."""

from collections.abc import Sequence
#% if cookiecutter.driver == "psycopg2"
from io import StringIO
from typing import Any

import psycopg2
from psycopg2 import sql
#% else
from typing import Any

import psycopg
from psycopg import sql
#% endif
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.models import Base


#% if cookiecutter.driver == "psycopg2"
def written(value: object) -> str:
    """Write a value as COPY reads it."""
    if value is None:
        return "\\N"
    escaped = str(value).replace("\\", "\\\\").replace("\t", "\\t")
    return escaped.replace("\n", "\\n").replace("\r", "\\r")


#% endif
def store_rows(session: Session, model: type[Base], rows: Sequence[dict[str, Any]]) -> None:
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
    session.execute(text("SELECT 1"))  # refused where a session only reads
    driver: Any = session.connection().connection.driver_connection
    #% if cookiecutter.driver == "psycopg2"
    lines = ["\t".join([written(row[column]) for column in columns]) for row in rows]
    try:
        with driver.cursor() as cursor:
            cursor.copy_expert(statement, StringIO("\n".join(lines)))
    except psycopg2.Error as error:
        raise DBAPIError(f"COPY {model.__tablename__}", None, error) from error
    #% else
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row([row[column] for column in columns])
    except psycopg.Error as error:
        raise DBAPIError(f"COPY {model.__tablename__}", None, error) from error
    #% endif
