"""How this service speaks to SQLite: one writer at a time, readers beside it."""

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
    """Arguments for the engine; the driver itself opens no transaction (see `begin`).

    What the URL says wins over the settings.
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
    """Name what SQLite said, such as `SQLITE_CONSTRAINT_UNIQUE`."""
    return getattr(error, "sqlite_errorname", None)


def error_summary(error: BaseException | None) -> str:
    """Give what an error tells without values of rows: its name, and columns or a constraint."""
    _, _, constraint = str(error).partition(" constraint failed: ")
    return " ".join(filter(None, [error_code(error), constraint]))


def prepare(engine: Engine) -> None:
    """Register the event listeners of this module."""
    event.listen(engine, "connect", set_pragmas)
    event.listen(engine, "begin", begin)
    event.listen(engine, "before_cursor_execute", refuse_nan, named=True)
    event.listen(engine, "handle_error", renew_connections)


def renew_connections(context: ExceptionContext) -> None:
    """Let the pool open new connections where those that it has cannot serve any more."""
    if needs_new_connection(error_code(context.original_exception), context.connection):
        context.is_disconnect = True


def refuse_nan(statement: str, parameters: Sequence[Any], **_: Any) -> None:
    """Refuse NaN: SQLite would store NULL in its place."""
    for row in parameters if isinstance(parameters, list) else [parameters]:
        for value in row:
            if isinstance(value, float) and math.isnan(value):
                raise DataError(statement, None, ValueError("SQLite cannot store NaN"))


def set_pragmas(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    """Readers beside the writer, a sync per checkpoint, and foreign keys that count."""
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def begin(connection: Connection) -> None:
    """Take the write lock at once: a reader that turned into a writer could only fail.

    Python's driver would begin at the first write, after the rows to be changed were
    read: lost updates. SQLAlchemy's page on SQLite describes this recipe.
    """
    options = connection.get_execution_options()
    query_only = "ON" if options.get("sqlite_query_only") else "OFF"
    if connection.info.get("query_only", "OFF") != query_only:
        connection.exec_driver_sql(f"PRAGMA query_only = {query_only}")
        connection.info["query_only"] = query_only
    if how := options.get("sqlite_begin", "IMMEDIATE"):
        connection.exec_driver_sql(f"BEGIN {how}")
