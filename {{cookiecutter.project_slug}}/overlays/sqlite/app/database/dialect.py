"""SQLite's types, transaction options and result codes."""

import logging
from typing import Any, Literal

from sqlalchemy import URL, BigInteger, Connection, DateTime, LargeBinary, Time, func
from sqlalchemy.engine.interfaces import ExecutionContext
from sqlalchemy.exc import OperationalError

from app.settings import Settings

Isolation = Literal["SERIALIZABLE"]

# The SQL types of `app/database/types.py`, and the server default for timestamps, in milliseconds.
UTC_DATETIME = DateTime()
TIME = Time()
DURATION = BigInteger()
BYTES = LargeBinary()
NOW = func.strftime("%Y-%m-%d %H:%M:%f000", "now")

# For the readers' engine: no BEGIN, so each statement is its own transaction.
READER_OPTIONS: dict[str, Any] = {"execution_options": {"sqlite_begin": ""}}

# Names from SQLite's page of result codes.
CONFLICT_CODES = frozenset(
    {
        "SQLITE_CONSTRAINT_FOREIGNKEY",
        "SQLITE_CONSTRAINT_PRIMARYKEY",
        "SQLITE_CONSTRAINT_ROWID",
        "SQLITE_CONSTRAINT_UNIQUE",
    }
)
INVALID_CODES = frozenset(
    {"SQLITE_CONSTRAINT_CHECK", "SQLITE_CONSTRAINT_DATATYPE", "SQLITE_CONSTRAINT_NOTNULL"}
    | {"SQLITE_MISMATCH", "SQLITE_TOOBIG"}
)
TRANSIENT_CODES = frozenset(
    {"SQLITE_BUSY_SNAPSHOT", "SQLITE_SCHEMA"}  # a reader wrote after another write, DDL
)
UNAVAILABLE_CODES = frozenset({"SQLITE_BUSY", "SQLITE_CANTOPEN", "SQLITE_FULL", "SQLITE_PROTOCOL"})
TIMED_OUT_CODES = frozenset({"SQLITE_INTERRUPT"})
LOCK_TIMED_OUT_CODES = frozenset({"SQLITE_BUSY"})

CONNECTION_HINT = "that the folder of the file exists and can be written to"
AFTER_LOCK_TIMEOUT = "nothing is stored"

logger = logging.getLogger("alembic.env")


def transaction_options(_isolation: Isolation | None, *, read_only: bool) -> dict[str, Any]:
    """Return the execution options of one transaction; all are serializable on SQLite."""
    return {"sqlite_begin": "DEFERRED", "sqlite_query_only": True} if read_only else {}


def prepare_stream(_context: ExecutionContext) -> None:
    """Do nothing: a stream of a reader needs no transaction on this database."""


def needs_new_connection(code: str | None, connection: Connection | None) -> bool:
    """Return whether an error means that the pooled connections can no longer be used.

    That is the case if no connection could be opened, if the file was read-only when it was
    opened, or if another file has replaced it.
    """
    if connection is None:
        return True
    asked = connection.get_execution_options().get("sqlite_query_only")
    return code is not None and code.startswith("SQLITE_READONLY") and not asked


def migration_url(settings: Settings) -> URL:
    """Return the address for migrations."""
    return settings.database_url


def acquire_migration_lock(connection: Connection, settings: Settings) -> None:
    """Acquire the write lock: until the commit, this process is the only writer.

    It waits up to `DATABASE_BUSY_TIMEOUT`, or the `timeout` of the URL, for other writers.
    """
    milliseconds = settings.database_busy_timeout * 1000
    if "timeout" in settings.database_url.query:
        milliseconds = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()
    connection.exec_driver_sql("PRAGMA busy_timeout = 0")
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    except OperationalError as error:
        if getattr(error.orig, "sqlite_errorname", None) not in LOCK_TIMED_OUT_CODES:
            raise
        logger.info("Waiting for the write lock: another process migrates or writes")
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {milliseconds}")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {milliseconds}")


def limit_lock_waits(_connection: Connection) -> None:
    """Do nothing: the busy timeout of the connection limits the wait."""
