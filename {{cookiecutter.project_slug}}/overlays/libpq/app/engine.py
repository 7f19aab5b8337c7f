"""How this service speaks to PostgreSQL through libpq."""

from typing import Any

#% if cookiecutter.driver == "psycopg2"
from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

#% else
from sqlalchemy import Engine

#% endif
from app.ping import ping_when_rested
from app.settings import Settings


def engine_options(settings: Settings) -> dict[str, Any]:
    """Arguments for the engine; the server itself ends what runs or idles too long."""
    limit = settings.database_statement_timeout * 1000  # milliseconds
    return {
        "echo": settings.database_echo,
        "pool_size": settings.database_pool_size,
        "max_overflow": settings.database_max_overflow,
        "pool_timeout": settings.database_pool_timeout,
        "pool_recycle": settings.database_pool_recycle,
        "connect_args": {
            "connect_timeout": settings.database_pool_timeout,
            "options": (
                f"-c statement_timeout={limit} -c idle_in_transaction_session_timeout={limit}"
            ),
        },
    }


def error_code(error: BaseException | None) -> str | None:
    """Give the SQLSTATE of an error."""
    return getattr(error, "{{ {'psycopg2': 'pgcode'}.get(cookiecutter.driver, 'sqlstate') }}", None)


def prepare(engine: Engine) -> None:
    """Make every connection of the engine keep the rules of this module."""
    ping_when_rested(engine)
    #% if cookiecutter.driver == "psycopg2"
    event.listen(engine, "checkin", leave_isolation_to_the_server)


def leave_isolation_to_the_server(
    connection: DBAPIConnection | None, _record: ConnectionPoolEntry
) -> None:
    """Name no level, so that a reader leaves AUTOCOMMIT without another turn to the server.

    SQLAlchemy names the server's own level then, and psycopg2 unsets by a SET what was named.
    """
    if connection is not None:
        connection.isolation_level = None
#% endif
