"""How this service speaks to PostgreSQL through asyncpg."""

from typing import Any
from urllib.parse import urlencode

import asyncpg
from sqlalchemy import Dialect, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from app.ping import ping_when_rested
from app.settings import Settings

TLS = {"sslmode", "sslrootcert", "sslcert", "sslkey"}


def engine_options(settings: Settings) -> dict[str, Any]:
    """Arguments for the engine; the server itself ends what runs or idles too long."""
    limit = str(settings.database_statement_timeout * 1000)  # milliseconds
    return {
        "echo": settings.database_echo,
        "pool_size": settings.database_pool_size,
        "max_overflow": settings.database_max_overflow,
        "pool_timeout": settings.database_pool_timeout,
        "pool_recycle": settings.database_pool_recycle,
        "connect_args": {
            "timeout": settings.database_pool_timeout,
            "server_settings": {
                "statement_timeout": limit,
                "idle_in_transaction_session_timeout": limit,
            },
        },
    }


def error_code(error: BaseException | None) -> str | None:
    """Give the SQLSTATE of an error; what asyncpg refuses by itself has it in the cause."""
    cause = getattr(error, "__cause__", None)
    return getattr(error, "sqlstate", None) or getattr(cause, "sqlstate", None)


def prepare(engine: Engine) -> None:
    """Make every connection of the engine keep the rules of this module."""
    ping_when_rested(engine)


@event.listens_for(Engine, "do_connect")  # the engine of migrations connects like this too
def connect(
    dialect: Dialect, _record: ConnectionPoolEntry, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> DBAPIConnection:
    """Connect; that there is no server is an error of the database like any other.

    asyncpg raises what the socket or the server said, which SQLAlchemy lets through. What the
    URL says of TLS it takes as part of a DSN only.
    """
    if tls := {name: kwargs.pop(name) for name in TLS & kwargs.keys()}:
        kwargs["dsn"] = f"postgresql://?{urlencode(tls)}"
    try:
        return dialect.connect(*args, **kwargs)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise dialect.loaded_dbapi.OperationalError(str(error)) from error
