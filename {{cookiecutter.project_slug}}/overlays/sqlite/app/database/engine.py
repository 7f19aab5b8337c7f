"""Connects this service to SQLite: one writer at a time, and concurrent readers."""

import math
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Engine, ExceptionContext, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DataError
from sqlalchemy.pool import ConnectionPoolEntry

from app.database.dialect import needs_new_connection
from app.settings import Settings


def engine_options(settings: Settings) -> dict[str, Any]:
    """Return arguments for the engine; the driver opens no transaction (see `begin`).

    Parameters of the URL override the settings.
    """
    connect_args: dict[str, Any] = {"isolation_level": None}
    if "timeout" not in settings.database_url.query:
        connect_args["timeout"] = settings.database_busy_timeout
    return {
        "echo": settings.database_echo,
        "hide_parameters": not settings.database_echo,
        "pool_timeout": settings.database_pool_timeout,
        "connect_args": connect_args,
    }


def error_code(error: BaseException | None) -> str | None:
    """Return the name of SQLite's result code, such as `SQLITE_CONSTRAINT_UNIQUE`."""
    return getattr(error, "sqlite_errorname", None)


def constraint_name(error: BaseException | None) -> str | None:
    """Return the constraint that an error is about: its name, or the columns of a unique one."""
    _, _, constraint = str(error).partition(" constraint failed: ")
    return constraint or None


def error_summary(error: BaseException | None) -> str:
    """Describe an error without values of rows: its name, and the columns or the constraint."""
    return " ".join(filter(None, [error_code(error), constraint_name(error)]))


def prepare(engine: Engine) -> None:
    """Register the event listeners of this module."""
    event.listen(engine, "connect", set_pragmas)
    event.listen(engine, "begin", begin)
    event.listen(engine, "before_cursor_execute", refuse_nan, named=True)
    event.listen(engine, "handle_error", renew_connections)


def renew_connections(context: ExceptionContext) -> None:
    """Invalidate the pool if its connections can no longer be used."""
    if needs_new_connection(error_code(context.original_exception), context.connection):
        context.is_disconnect = True


def refuse_nan(statement: str, parameters: Sequence[Any], **_: Any) -> None:
    """Reject NaN: SQLite would store NULL instead."""
    for row in parameters if isinstance(parameters, list) else [parameters]:
        for value in row:
            if isinstance(value, float) and math.isnan(value):
                raise DataError(statement, None, ValueError("SQLite cannot store NaN"))


def set_pragmas(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    """Let readers run during writes, sync only at checkpoints, and enforce foreign keys."""
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def begin(connection: Connection) -> None:
    """Take the write lock at BEGIN: a transaction that reads first may fail when it writes.

    Python's driver would begin at the first write, after the rows were read: this would
    allow lost updates. SQLAlchemy's page on SQLite describes this recipe.
    """
    options = connection.get_execution_options()
    query_only = "ON" if options.get("sqlite_query_only") else "OFF"
    if connection.info.get("query_only", "OFF") != query_only:
        connection.exec_driver_sql(f"PRAGMA query_only = {query_only}")
        connection.info["query_only"] = query_only
    if how := options.get("sqlite_begin", "IMMEDIATE"):
        connection.exec_driver_sql(f"BEGIN {how}")
