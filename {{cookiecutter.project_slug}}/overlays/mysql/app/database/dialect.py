"""The types, transaction options and error numbers of MySQL and MariaDB."""

import logging
import time
from typing import Any, Literal

from sqlalchemy import URL, BigInteger, Connection, func, select
from sqlalchemy.dialects import mysql
from sqlalchemy.engine.interfaces import ExecutionContext

from app.settings import Settings

Isolation = Literal["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]

# The SQL types of `app/database/types.py`, and the server default for timestamps.
UTC_DATETIME = mysql.DATETIME(fsp=6)
TIME = mysql.TIME(fsp=6)
DURATION = BigInteger()
BYTES = mysql.LONGBLOB()
NOW = func.utc_timestamp(6)

# For the readers' engine: AUTOCOMMIT saves the round trips that begin and end a transaction.
READER_OPTIONS: dict[str, Any] = {
    "isolation_level": "AUTOCOMMIT",
    "skip_autocommit_rollback": True,
}

# Numbers from the servers' error references.
CONFLICT_CODES = frozenset(
    {1062, 1169, 1216, 1217, 1451, 1452, 1586, 1761, 1762}
)  # unique, foreign key
INVALID_CODES = frozenset(
    {1048, 1138, 1264, 1292, 1364, 1366, 1406, 1690, 3819, 4025}  # null, range, length, check
    | {3140}  # JSON
)
TRANSIENT_CODES = frozenset(
    {1020, 1213, 1412, 1615}  # record changed, deadlock, table definition changed, re-prepare
)
ABORTING_CODES = frozenset({1020, 1213})  # the server has rolled the transaction back
UNAVAILABLE_CODES = frozenset(
    {1205}  # lock wait
    | {1045, 1049, 1698}  # password, database, user
    | {1040, 1042, 1043, 1053, 1077, 1079, 1152, 1153, 1158, 1159, 1160, 1161, 1203, 1226, 1927}
    | {2002, 2003, 2005, 2006, 2012, 2013, 2014, 2026, 2055}  # of the client
)
TIMED_OUT_CODES = frozenset({1969, 3024})  # max_statement_time, max_execution_time
LOCK_TIMED_OUT_CODES = frozenset({1205})  # lock_wait_timeout, innodb_lock_wait_timeout

CREATE_DATABASE = "CREATE DATABASE {} CHARACTER SET utf8mb4"
MAINTENANCE_DATABASE = "information_schema"  # every server has it
CONNECTION_HINT = "if only the database is missing, create it with: uv run poe create-db"

# Lock names are global to the server, and have at most 64 characters.
MIGRATION_LOCK = select(
    func.get_lock(func.sha2(func.concat("migrations of ", func.database()), 256), 0)
)
LOCK_SECONDS = 5  # to wait for a table lock: later queries on the table queue behind the DDL
AFTER_LOCK_TIMEOUT = "earlier statements of that revision are stored: DDL commits implicitly"

logger = logging.getLogger("alembic.env")


def transaction_options(isolation: Isolation | None, *, read_only: bool) -> dict[str, Any]:
    """Return the execution options of one transaction."""
    options: dict[str, Any] = {}
    if isolation:
        options["isolation_level"] = isolation
    if read_only:
        options["mysql_read_only"] = True
    return options


def prepare_stream(_context: ExecutionContext) -> None:
    """Do nothing: a stream of a reader needs no transaction on this database."""


def needs_new_connection(error: BaseException, connection: Connection | None) -> bool:
    """Return whether an error means that the pooled connections can no longer be used.

    That is the case if no connection could be opened, or if the server of the connection has become
    a replica. A unit of work with `read_only=True` does not tell the latter.
    """
    if connection is None:
        return True
    return is_read_only(error) and not connection.get_execution_options().get("mysql_read_only")


def is_read_only(error: BaseException) -> bool:
    """Return whether the server is read-only; the text of 1290 names the option that caused it."""
    match error.args:
        case (1792 | 1836, *_):
            return True
        case (1290, str(text), *_):
            return "read-only" in text or "read_only" in text
    return False


#% if cookiecutter.driver == "mysqldb"
def migration_url(settings: Settings, _client: str = "migration") -> URL:
    """Return the address for migrations; this driver cannot send the name of a client."""
    return settings.migration_database_url or settings.database_url


#% else
def migration_url(settings: Settings, client: str = "migration") -> URL:
    """Return the address for migrations, with a name for the server's connection attributes."""
    url = settings.migration_database_url or settings.database_url
    name = {"program_name": settings.named(client).database_client_name}
    return url.set(query=name | url.query)


#% endif
def acquire_migration_lock(connection: Connection, _settings: Settings) -> None:
    """Acquire a database lock that serialises migrations; it ends with the connection.

    It polls: one long wait could exceed the statement timeout, and would keep a
    transaction open.
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
    """Limit how long DDL waits for a table lock, unless the URL or a revision sets a shorter one
    than a day.

    The default of the servers is a day or a year.
    """
    connection.exec_driver_sql(
        "SET lock_wait_timeout = CAST("
        f"IF(@@lock_wait_timeout < 86400, @@lock_wait_timeout, {LOCK_SECONDS}) AS UNSIGNED)"
    )
