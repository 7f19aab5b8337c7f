"""What PostgreSQL calls things: transactions and their options, errors and their SQLSTATE."""

from typing import Any, Literal

from sqlalchemy import Connection, func, select

Isolation = Literal["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]

# Every statement of a reader stands alone: no turn to the server for BEGIN and COMMIT.
READER_OPTIONS: dict[str, Any] = {"isolation_level": "AUTOCOMMIT"}

# Codes from appendix A of the manual.
CONFLICT = frozenset({"23503", "23505", "23P01"})  # foreign key, unique, exclusion
INVALID = frozenset(
    {"22000", "22001", "22003", "22007", "22008", "22021", "22P02", "22P05", "23502", "23514"}
)  # data, length, range, dates, characters, spelling, null, check
# A prepared statement that is older than the schema; PostgreSQL has no code for just that.
OUTDATED = "outdated"
TRANSIENT = frozenset({"40001", "40P01", OUTDATED})  # serialization, deadlock
UNAVAILABLE = frozenset(
    {"08000", "08001", "08003", "08004", "08006", "08P01", "53300"}
    | {"57P01", "57P02", "57P03", "57P05"}
    | {"28000", "28P01", "3D000"}  # role, password, database
    | {"25P03", "55P03"}  # idle in a transaction for too long, lock not available
)
READ_ONLY = "25006"
TIMED_OUT = frozenset({"57014"})  # statement_timeout


def transaction_options(isolation: Isolation | None, *, read_only: bool) -> dict[str, Any]:
    """Options for one transaction."""
    options: dict[str, Any] = {}
    if isolation:
        options["isolation_level"] = isolation
    if read_only:
        options["postgresql_readonly"] = True
    return options


def needs_new_connection(code: str | None, connection: Connection | None) -> bool:
    """Tell whether an error means that connections must be opened anew.

    None was let in; its prepared statements are older than the schema; or its server is a
    standby now, unless the unit of work was to read only.
    """
    if connection is None:
        return True
    if code == READ_ONLY:
        return not connection.get_execution_options().get("postgresql_readonly")
    return code == OUTDATED


def wait_for_turn(connection: Connection) -> None:
    """Let one process migrate at a time; the lock ends with the connection, however that ends."""
    connection.execute(select(func.pg_advisory_lock(func.hashtext("migrations"))))
    connection.commit()
