"""How this service speaks to MySQL and MariaDB."""

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

from app.database.dialect import needs_new_connection
from app.database.finite import name_a_value_without_a_number
from app.database.ping import ping_if_idle
from app.settings import Settings


def engine_options(settings: Settings) -> dict[str, Any]:
    """Arguments for the engine; the server itself ends what runs or idles too long.

    READ COMMITTED takes fewer locks than the server's default and sees what others
    have committed. Where a value that was read decides what is written, lock its row
    (`with_for_update`) or ask for SERIALIZABLE (`db.run`).

    What the URL says wins over the settings; for its `init_command` see `connect`.
    """
    seconds = settings.database_statement_timeout
    # Each server reads its own comment: MariaDB limits every statement and idle
    # transactions, in seconds; MySQL limits SELECT, in milliseconds. On both, a write
    # would wait for the lock of a row for 50 seconds.
    limits = (
        f", innodb_lock_wait_timeout = {seconds}"
        f"/*M! , max_statement_time = {seconds}, idle_transaction_timeout = {seconds} */"
        f"/*!80000 , max_execution_time = {seconds * 1000} */"
    )
    connect_args: dict[str, Any] = {"limits": limits}
    if "connect_timeout" not in settings.database_url.query:
        connect_args["connect_timeout"] = settings.database_pool_timeout
    return {
        "echo": settings.database_echo,
        "hide_parameters": not settings.database_echo,
        "isolation_level": "READ COMMITTED",
        "pool_timeout": settings.database_pool_timeout,
        "pool_recycle": settings.database_pool_recycle,
        "connect_args": connect_args,
    }


def error_code(error: BaseException | None) -> int | None:
    """Give the number of an error of the driver, such as 1062."""
    code = error.args[0] if error is not None and error.args else None
    return code if isinstance(code, int) else None  # what the driver refuses itself has none


def error_summary(error: BaseException | None) -> str:
    """Give what an error tells without values of rows: its number.

    A constraint is named in the message only, behind the value.
    """
    code = error_code(error)
    return str(code) if isinstance(code, int) else ""  # of another exception it may be a text


def prepare(engine: Engine) -> None:
    """Register the event listeners of this module."""
    ping_if_idle(engine)
    event.listen(engine, "handle_error", renew_connections)
    event.listen(engine, "handle_error", name_a_value_without_a_number)
    #% if cookiecutter.driver == "aiomysql"
    event.listen(engine, "handle_error", name_a_closed_connection)
    #% endif
    event.listen(engine, "begin", begin)


def renew_connections(context: ExceptionContext) -> None:
    """Let the pool open new connections where those that it has cannot serve any more."""
    if needs_new_connection(context.original_exception, context.connection):
        context.is_disconnect = True


def connect_in_utc(
    dialect: Dialect, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> DBAPIConnection:
    """Connect with the limits of the service; the `init_command` of the URL follows, and wins."""
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
    """Connect; whatever prevents it is one kind of error.

    For TLS aiomysql wants a context, not files, and goes on in plain text where it is not offered.
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
        raise dialect.loaded_dbapi.OperationalError(2026, "The server offers no TLS")
    return connection


def name_a_closed_connection(context: ExceptionContext) -> OperationalError | None:
    """Say that the server has closed a connection: aiomysql leaves that to the socket."""
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
    """Connect; whatever prevents it is one kind of error, that of a missing file too."""
    try:
        return connect_in_utc(dialect, args, kwargs)
    except dialect.loaded_dbapi.Error:
        raise
    except Exception as error:
        raise dialect.loaded_dbapi.OperationalError(str(error)) from error


#% endif
def begin(connection: Connection) -> None:
    """Let the transaction only read, where it is to; its COMMIT or ROLLBACK ends that."""
    if connection.get_execution_options().get("mysql_read_only"):
        connection.exec_driver_sql("SET TRANSACTION READ ONLY")
