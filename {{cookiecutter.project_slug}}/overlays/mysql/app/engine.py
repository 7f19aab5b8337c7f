"""How this service speaks to MySQL and MariaDB."""

#% if cookiecutter.driver == "aiomysql"
import ssl
from typing import Any

from sqlalchemy import Connection, Dialect, Engine, ExceptionContext, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

#% else
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.pool import PoolProxiedConnection

#% endif
from app.ping import ping_when_rested
from app.settings import Settings


def engine_options(settings: Settings) -> dict[str, Any]:
    """Arguments for the engine; the server itself ends what runs or idles too long.

    READ COMMITTED takes fewer locks than the server's default and sees what others
    have committed. Where a value that was read decides what is written, lock its row
    (`with_for_update`) or ask for SERIALIZABLE (`db.run`).
    """
    seconds = settings.database_statement_timeout
    # Each server reads its own comment: MariaDB limits every statement and idle
    # transactions, in seconds; MySQL limits SELECT, in milliseconds.
    limits = (
        f"/*M! max_statement_time = {seconds}, idle_transaction_timeout = {seconds} */"
        f"/*!80000 max_execution_time = {seconds * 1000} */"
    )
    return {
        "echo": settings.database_echo,
        "isolation_level": "READ COMMITTED",
        "skip_autocommit_rollback": True,  # a reader has nothing to roll back
        "pool_size": settings.database_pool_size,
        "max_overflow": settings.database_max_overflow,
        "pool_timeout": settings.database_pool_timeout,
        "pool_recycle": settings.database_pool_recycle,
        "connect_args": {
            "connect_timeout": settings.database_pool_timeout,
            "init_command": f"SET SESSION {limits}",
        },
    }


def error_code(error: BaseException | None) -> int | None:
    """Give the number of an error of the driver, such as 1062."""
    return error.args[0] if error is not None and error.args else None


def prepare(engine: Engine) -> None:
    """Make every connection of the engine keep the rules of this module.

    Connections rest in AUTOCOMMIT, where a SELECT takes one turn to the server. A transaction
    switches it off, and on again to commit. So what ends in any other way leaves it off, by
    which SQLAlchemy knows that it has to roll back.
    """
    ping_when_rested(engine)
    #% if cookiecutter.driver == "aiomysql"
    event.listen(engine, "handle_error", name_a_closed_connection)
    #% endif
    event.listen(engine, "begin", begin)
    dialect: Any = engine.dialect  # for these two there are no events to listen to
    dialect.do_begin = do_begin
    dialect.do_commit = do_commit


#% if cookiecutter.driver == "aiomysql"
@event.listens_for(Engine, "do_connect")  # the engine of migrations connects like this too
def connect(
    dialect: Dialect, _record: ConnectionPoolEntry, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> DBAPIConnection | None:
    """Connect by TLS where the URL names the authority that signed the server's certificate.

    aiomysql wants a context, not a file, and goes on in plain text where TLS is not offered.
    """
    if "ssl" not in kwargs:
        return None
    kwargs["ssl"] = ssl.create_default_context(cafile=kwargs["ssl"].get("ca"))
    connection = dialect.connect(*args, **kwargs)
    capabilities = dialect.get_driver_connection(connection).server_capabilities
    if not capabilities & 1 << 11:  # CLIENT_SSL
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
    """Switch AUTOCOMMIT on, which commits: one turn for both."""
    connection.autocommit(True)  # noqa: FBT003  # each driver has its own name for it
