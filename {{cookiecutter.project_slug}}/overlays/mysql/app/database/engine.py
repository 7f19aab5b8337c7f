"""How this service speaks to MySQL and MariaDB."""

import math
#% if cookiecutter.driver == "aiomysql"
import ssl
#% endif
from contextlib import closing
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Dialect, Engine, ExceptionContext, event
from sqlalchemy.engine.interfaces import DBAPIConnection
#% if cookiecutter.driver == "aiomysql"
from sqlalchemy.exc import DataError, DBAPIError, OperationalError
#% else
from sqlalchemy.exc import DataError, DBAPIError
#% endif
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from app.database.dialect import needs_new_connection
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
        "skip_autocommit_rollback": True,  # a reader has nothing to roll back
        "pool_size": settings.database_pool_size,
        "max_overflow": settings.database_max_overflow,
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
    """Make every connection of the engine keep the rules of this module.

    Pooled connections are in AUTOCOMMIT, where a SELECT takes one round trip. A transaction
    switches it off, and on again to commit. So what ends in any other way leaves it off, by
    which SQLAlchemy knows that it has to roll back.
    """
    ping_if_idle(engine)
    event.listen(engine, "handle_error", renew_connections)
    event.listen(engine, "handle_error", name_a_value_without_a_number)
    #% if cookiecutter.driver == "aiomysql"
    event.listen(engine, "handle_error", name_a_closed_connection)
    #% endif
    event.listen(engine, "begin", begin)
    dialect: Any = engine.dialect  # for these two there are no events to listen to
    dialect.do_begin = do_begin
    dialect.do_commit = do_commit


def renew_connections(context: ExceptionContext) -> None:
    """Let the pool open new connections where those that it has cannot serve any more."""
    if needs_new_connection(context.original_exception, context.connection):
        context.is_disconnect = True


def name_a_value_without_a_number(context: ExceptionContext) -> DBAPIError | None:
    """Say that NaN or infinity does not fit: neither the drivers nor the servers name them."""
    if context.is_disconnect or all_finite(context.parameters):
        return None
    return DataError(context.statement, None, context.original_exception)


def all_finite(values: Any) -> bool:
    """Tell whether there is neither NaN nor infinity among the parameters of a statement."""
    if isinstance(values, dict):
        values = list(values.values())
    if isinstance(values, list | tuple):
        return all(map(all_finite, values))
    if isinstance(values, Decimal):
        return values.is_finite()
    return not isinstance(values, float) or math.isfinite(values)


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
    """Note for `do_begin` what the transaction is to be."""
    options = connection.get_execution_options()
    autocommit = options.get("isolation_level") == "AUTOCOMMIT"
    connection.info["autocommit"] = options.get("mysql_autocommit", autocommit)
    connection.info["read_only"] = options.get("mysql_read_only", False)


def do_begin(connection: PoolProxiedConnection) -> None:
    """Switch AUTOCOMMIT on or off; where it is so already, the driver sends nothing.

    Not by `BEGIN`: after a deadlock, or a statement that commits by itself, what follows in
    the same session would be stored at once. Nor by a statement of ours: not every driver
    would notice before the next one succeeds.
    """
    connection.autocommit(connection.info["autocommit"])
    if connection.info["read_only"]:
        cursor = connection.cursor()
        cursor.execute("SET TRANSACTION READ ONLY")
        cursor.close()


def do_commit(connection: PoolProxiedConnection) -> None:
    """Switch AUTOCOMMIT on, which commits: one round trip for both.

    Only COMMIT itself, or ROLLBACK, ends what `SET TRANSACTION` began.
    """
    if connection.info["read_only"]:
        connection.commit()
    connection.autocommit(True)
