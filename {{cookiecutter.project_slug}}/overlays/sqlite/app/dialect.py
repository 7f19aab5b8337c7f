"""What SQLite calls things: transactions and their options, errors and their names."""

from typing import Any, Literal

from sqlalchemy import Connection

Isolation = Literal["SERIALIZABLE"]

# Every statement of a reader stands alone: nothing to begin and to end, and no lock in between.
READER_OPTIONS: dict[str, Any] = {"sqlite_begin": ""}

# Names from SQLite's page of result codes.
CONFLICT = frozenset(
    {
        "SQLITE_CONSTRAINT_FOREIGNKEY",
        "SQLITE_CONSTRAINT_PRIMARYKEY",
        "SQLITE_CONSTRAINT_ROWID",
        "SQLITE_CONSTRAINT_UNIQUE",
    }
)
INVALID = frozenset(
    {"SQLITE_CONSTRAINT_CHECK", "SQLITE_CONSTRAINT_DATATYPE", "SQLITE_CONSTRAINT_NOTNULL"}
    | {"SQLITE_MISMATCH", "SQLITE_TOOBIG"}
)
TRANSIENT = frozenset(
    {"SQLITE_BUSY_SNAPSHOT", "SQLITE_SCHEMA"}  # a reader turned into a writer too late, DDL
)
UNAVAILABLE = frozenset({"SQLITE_BUSY", "SQLITE_CANTOPEN", "SQLITE_FULL", "SQLITE_PROTOCOL"})
TIMED_OUT = frozenset({"SQLITE_INTERRUPT"})


def transaction_options(_isolation: Isolation | None, *, read_only: bool) -> dict[str, Any]:
    """Options for one transaction; here every transaction is serializable already."""
    return {"sqlite_begin": "DEFERRED", "sqlite_query_only": True} if read_only else {}


def needs_new_connection(code: str | None, connection: Connection | None) -> bool:
    """Tell whether an error means that connections must be opened anew.

    None could be opened, or the file was read-only when it was, or is another one now.
    """
    if connection is None:
        return True
    asked = connection.get_execution_options().get("sqlite_query_only")
    return code is not None and code.startswith("SQLITE_READONLY") and not asked


def wait_for_turn(connection: Connection, seconds: int = 3600) -> None:
    """Let one process migrate at a time: from here to the commit it is the only writer."""
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {seconds * 1000}")
    connection.exec_driver_sql("BEGIN IMMEDIATE")
