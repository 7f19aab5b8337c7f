"""PostgreSQL's types, transaction options and SQLSTATE codes."""

import logging
import time
from typing import Any, Literal

from sqlalchemy import URL, Connection, DateTime, Engine, LargeBinary, Time, event, func, select
from sqlalchemy.dialects.postgresql import INTERVAL
from sqlalchemy.engine.interfaces import DBAPIConnection, ExecutionContext
from sqlalchemy.pool import ConnectionPoolEntry

from app.settings import Settings

Isolation = Literal["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]

# The SQL types of `app/database/types.py`, and the server default for timestamps. `now()` would be
# the start of the transaction.
UTC_DATETIME = DateTime(timezone=True)
TIME = Time()
DURATION = INTERVAL()
BYTES = LargeBinary()
NOW = func.statement_timestamp()

# For the readers' engine: AUTOCOMMIT saves the round trips that begin and end a transaction.
READER_OPTIONS: dict[str, Any] = {
    "isolation_level": "AUTOCOMMIT",
    "skip_autocommit_rollback": True,
    "pool_events": [],  # those of the writers' engine are enough
}

# Codes from appendix A of the manual.
CONFLICT_CODES = frozenset({"23503", "23505", "23P01"})  # foreign key, unique, exclusion
INVALID_CODES = frozenset(
    {"22000", "22001", "22003", "22007", "22008", "22021", "22P02", "22P05", "23502", "23514"}
)  # class 22: data exceptions; 23502: not null, 23514: check
# A prepared statement that is older than the schema: PostgreSQL has no code of its own for it.
OUTDATED = "outdated"
TRANSIENT_CODES = frozenset({"40001", "40P01", OUTDATED})  # serialization, deadlock
UNAVAILABLE_CODES = frozenset(
    {"08000", "08001", "08003", "08004", "08006", "08P01", "53300"}
    | {"57P01", "57P02", "57P03", "57P05"}
    | {"28000", "28P01", "3D000"}  # role, password, database
    | {"25P03", "55P03"}  # idle in a transaction for too long, lock not available
)
READ_ONLY = "25006"
TIMED_OUT_CODES = frozenset({"57014"})  # statement_timeout
LOCK_TIMED_OUT_CODES = frozenset({"55P03"})  # lock_timeout

CREATE_DATABASE = "CREATE DATABASE {}"
MAINTENANCE_DATABASE = "postgres"  # every server has it
CONNECTION_HINT = "if only the database is missing, create it with: uv run poe create-db"

MIGRATION_LOCK = select(func.pg_try_advisory_lock(func.hashtext("migrations")))
LOCK_SECONDS = 5  # to wait for a table lock: later queries on the table queue behind the DDL
AFTER_LOCK_TIMEOUT = "nothing of that revision is stored"

logger = logging.getLogger("alembic.env")


def transaction_options(isolation: Isolation | None, *, read_only: bool) -> dict[str, Any]:
    """Return the execution options of one transaction."""
    options: dict[str, Any] = {}
    if isolation:
        options["isolation_level"] = isolation
    if read_only:
        options["postgresql_readonly"] = True
    return options


def prepare_stream(context: ExecutionContext) -> None:
    """Begin a transaction for a stream of a reader: a server-side cursor needs one.

    It ends with the session; `end_streams` then restores AUTOCOMMIT.
    """
    connection = context.root_connection.connection
    dialect: Any = context.dialect
    if dialect.detect_autocommit_setting(connection.dbapi_connection):
        dialect.set_isolation_level(connection.dbapi_connection, "READ COMMITTED")
        connection.info["streamed"] = True


def end_streams(engine: Engine) -> None:
    """Restore AUTOCOMMIT after the pool has rolled back the transaction of a stream."""

    @event.listens_for(engine, "checkin")
    def end(connection: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
        if connection is not None and record.info.pop("streamed", False):
            engine.dialect.set_isolation_level(connection, "AUTOCOMMIT")


def needs_new_connection(code: str | None, connection: Connection | None) -> bool:
    """Return whether an error means that the pooled connections can no longer be used.

    That is the case if no connection could be opened, if prepared statements are older than the
    schema, or if the server has become a standby. A unit of work with `read_only=True` does not
    tell the latter.
    """
    if connection is None:
        return True
    if code == READ_ONLY:
        return not connection.get_execution_options().get("postgresql_readonly")
    return code == OUTDATED


def migration_url(settings: Settings, client: str = "migration") -> URL:
    """Return the address of the server itself; raises `ValueError` if only a pooler's is set.

    Through a pooler, the migration lock could be on another connection than the migration.
    """
    if settings.database_pooler is not None and settings.migration_database_url is None:
        raise ValueError(
            "Migrations need the address of the server itself, because DATABASE_POOLER is set:"
            " set MIGRATION_DATABASE_URL"
        )
    url = settings.migration_database_url or settings.database_url
    name = {"application_name": settings.named(client).database_client_name}
    return url.set(query=name | url.query)


def acquire_migration_lock(connection: Connection, _settings: Settings) -> None:
    """Acquire a database lock that serialises migrations; it ends with the connection.

    It polls, with no open transaction in between: `CREATE INDEX CONCURRENTLY` in the process
    that holds the lock waits for all open transactions.
    """

    def locked() -> bool:
        with connection.begin():
            return bool(connection.scalar(MIGRATION_LOCK))

    if locked():
        return
    logger.info("Waiting for the migration lock: another process migrates this database")
    while not locked():
        time.sleep(0.5)


def limit_lock_waits(connection: Connection) -> None:
    """Limit how long a transaction waits for a lock, unless the URL or the role sets one.

    `CREATE INDEX CONCURRENTLY` has no limit: it runs outside transactions and blocks no query.
    """
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql(
            f"SELECT set_config('lock_timeout', '{LOCK_SECONDS}s', true)"
            " WHERE current_setting('lock_timeout') = '0'"
        )
