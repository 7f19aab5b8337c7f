"""How this service speaks to MySQL and MariaDB."""

from typing import Any

from sqlalchemy import Connection, Engine, event

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
    """Make every connection of the engine keep the rules of this module."""
    ping_when_rested(engine)
    event.listen(engine, "begin", begin)


def begin(connection: Connection) -> None:
    """Open a transaction that the server keeps from writing, where one was asked for."""
    if connection.get_execution_options().get("mysql_read_only"):
        connection.exec_driver_sql("SET TRANSACTION READ ONLY")
