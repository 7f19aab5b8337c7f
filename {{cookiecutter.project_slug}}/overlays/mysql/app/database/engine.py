"""Connects this service to MySQL or MariaDB."""

import re
#% if cookiecutter.driver == "aiomysql"
import ssl
#% endif
from contextlib import closing
from typing import Any

from sqlalchemy import Connection, Dialect, Engine, ExceptionContext, event
from sqlalchemy.engine.interfaces import DBAPIConnection
#% if cookiecutter.driver == "aiomysql"
from sqlalchemy.exc import OperationalError
#% endif
from sqlalchemy.pool import ConnectionPoolEntry

from app.database.aborted import refuse_to_commit_aborted
from app.database.dialect import ABORTING_CODES, needs_new_connection
from app.database.finite import convert_nan_error
from app.database.ping import ping_if_idle
from app.settings import Settings

CONSTRAINT = re.compile(
    r"for key '([^']*)'$|CONSTRAINT `([^`]*)` FOREIGN KEY"
    r"|CONSTRAINT `([^`]*)` failed for|^Check constraint '([^']*)' is violated"
)


def engine_options(settings: Settings) -> dict[str, Any]:
    """Return arguments for the engine; the server limits statements and idle transactions.

    READ COMMITTED takes fewer locks than the server's default, and reads what other transactions
    have committed. If a write depends on a value that was read, lock its row
    (`with_for_update`) or use SERIALIZABLE (`db.run`).

    Parameters of the URL override the settings; for its `init_command` see `connect_in_utc`.
    """
    seconds = settings.database_statement_timeout
    # Each server executes its own comment: MariaDB limits every statement and idle
    # transactions, in seconds; MySQL limits SELECT, in milliseconds. The default wait of
    # a write for a row lock is 50 seconds on both.
    limits = (
        f", innodb_lock_wait_timeout = {seconds}"
        f"/*M! , max_statement_time = {seconds}, idle_transaction_timeout = {seconds} */"
        f"/*!80000 , max_execution_time = {seconds * 1000} */"
    )
    connect_args: dict[str, Any] = {"limits": limits}
    if "connect_timeout" not in settings.database_url.query:
        connect_args["connect_timeout"] = settings.database_pool_timeout
    #% if cookiecutter.driver != "mysqldb"
    if "program_name" not in settings.database_url.query:
        connect_args["program_name"] = settings.database_client_name
    #% endif
    return {
        "echo": settings.database_echo,
        "hide_parameters": not settings.database_echo,
        "isolation_level": "READ COMMITTED",
        "pool_timeout": settings.database_pool_timeout,
        "pool_recycle": settings.database_pool_recycle,
        "connect_args": connect_args,
    }


def error_code(error: BaseException | None) -> int | None:
    """Return the number of a driver's error, such as 1062."""
    code = error.args[0] if error is not None and error.args else None
    return code if isinstance(code, int) else None  # errors that the driver itself raises have none


def constraint_name(error: BaseException | None) -> str | None:
    """Return the name of the constraint of an error: in the message, after the client's value."""
    message = error.args[1] if error is not None and len(error.args) > 1 else ""
    found = CONSTRAINT.search(message) if isinstance(message, str) else None
    name = next(filter(None, found.groups()), None) if found else None
    return name and name.rpartition(".")[2]  # without the table


def error_summary(error: BaseException | None) -> str:
    """Describe an error without values of rows: its number, for the message quotes values."""
    code = error_code(error)
    return str(code) if isinstance(code, int) else ""


def prepare(engine: Engine) -> None:
    """Register the event listeners of this module."""
    ping_if_idle(engine)
    refuse_to_commit_aborted(engine, lambda error: error_code(error) in ABORTING_CODES)
    event.listen(engine, "handle_error", renew_connections)
    event.listen(engine, "handle_error", convert_nan_error)
    #% if cookiecutter.driver == "aiomysql"
    event.listen(engine, "handle_error", convert_connection_error)
    #% endif
    event.listen(engine, "begin", begin)


def renew_connections(context: ExceptionContext) -> None:
    """Invalidate the pool if its connections can no longer be used."""
    if needs_new_connection(context.original_exception, context.connection):
        context.is_disconnect = True


def connect_in_utc(
    dialect: Dialect, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> DBAPIConnection:
    """Connect with the limits of the service; the `init_command` of the URL runs after them."""
    command = kwargs.get("init_command")
    kwargs["init_command"] = f"SET SESSION time_zone = '+00:00' {kwargs.pop('limits', '')}"
    connection = dialect.connect(*args, **kwargs)
    if command:
        try:
            with closing(connection.cursor()) as cursor:
                cursor.execute(command)
        except Exception:
            connection.close()
            raise
    return connection


#% if cookiecutter.driver == "aiomysql"
@event.listens_for(Engine, "do_connect")  # the engine of migrations connects like this too
def connect(
    dialect: Dialect, _record: ConnectionPoolEntry, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> DBAPIConnection:
    """Connect; convert every failure to `OperationalError`.

    aiomysql takes an SSL context, not files. It connects without TLS if the server does not
    support it, so this rejects such a connection.
    """
    try:
        if files := kwargs.get("ssl"):
            kwargs["ssl"] = ssl.create_default_context(cafile=files.get("ca"))
            if "cert" in files:
                kwargs["ssl"].load_cert_chain(files["cert"], files.get("key"))
        connection = connect_in_utc(dialect, args, kwargs)
    except dialect.loaded_dbapi.Error:
        raise
    except Exception as error:
        raise dialect.loaded_dbapi.OperationalError(str(error)) from error
    capabilities = dialect.get_driver_connection(connection).server_capabilities
    if "ssl" in kwargs and not capabilities & 1 << 11:  # CLIENT_SSL
        connection.close()
        raise dialect.loaded_dbapi.OperationalError(2026, "The server does not support TLS")
    return connection


def convert_connection_error(context: ExceptionContext) -> OperationalError | None:
    """Raise `OperationalError` for a closed connection: aiomysql raises errors of the socket."""
    error = context.original_exception
    if not isinstance(error, OSError | RuntimeError):
        return None
    context.is_disconnect = True
    return OperationalError(context.statement, None, error, connection_invalidated=True)


#% else
@event.listens_for(Engine, "do_connect")  # the engine of migrations connects like this too
def connect(
    dialect: Dialect, _record: ConnectionPoolEntry, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> DBAPIConnection:
    """Connect; convert every failure, such as a missing file, to `OperationalError`."""
    try:
        return connect_in_utc(dialect, args, kwargs)
    except dialect.loaded_dbapi.Error:
        raise
    except Exception as error:
        raise dialect.loaded_dbapi.OperationalError(str(error)) from error


#% endif
def begin(connection: Connection) -> None:
    """Make the next transaction read-only if its options say so; it ends with the transaction."""
    if connection.get_execution_options().get("mysql_read_only"):
        connection.exec_driver_sql("SET TRANSACTION READ ONLY")
