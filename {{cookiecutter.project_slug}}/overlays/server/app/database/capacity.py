"""Warns if the processes of the service may open more connections than the server allows."""

import logging

from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from app.settings import Settings
from app.settings.pools import FEWEST

RESERVED = 1  # connection, for migrations

#% if cookiecutter.database == "postgresql"
# Without a limit, the columns of the role and the database are negative. LEAST ignores NULL.
LIMIT = """
    SELECT least(
        current_setting('max_connections')::int
            - current_setting('superuser_reserved_connections')::int
            - coalesce(current_setting('reserved_connections', true), '0')::int,
        CASE WHEN rolconnlimit >= 0 THEN rolconnlimit END,
        CASE WHEN datconnlimit >= 0 THEN datconnlimit END
    )
    FROM pg_roles, pg_database
    WHERE rolname = current_user AND datname = current_database()
"""
#% else
LIMIT = """
    SELECT least(
        @@max_connections, if(@@max_user_connections > 0, @@max_user_connections, @@max_connections)
    )
"""
#% endif

logger = logging.getLogger(__name__)


def check_capacity(engine: Engine, settings: Settings) -> None:
    """Log a warning at the first connection if all processes together may open too many.

    A pooler is not checked: it has connections of its own.
    """
    if settings.database_pooler is not None:
        return

    @event.listens_for(engine, "first_connect")
    def check(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute(LIMIT)
        (limit,) = cursor.fetchone() or (None,)
        cursor.close()
        connection.rollback()
        each = settings.database_pool_size + settings.database_max_overflow
        processes = settings.database_processes
        if limit is not None and processes * each > limit - RESERVED:
            logger.warning(
                "%d processes with %d connections each, and %d for migrations, are more than the"
                " %d that the server allows: requests would get 503 under load. %s",
                processes,
                each,
                RESERVED,
                limit,
                advice(limit - RESERVED, settings),
            )


def advice(limit: int, settings: Settings) -> str:
    """Say which settings fit."""
    each = limit // settings.database_processes
    if each < FEWEST:
        return f"Use fewer processes or a pooler: each process needs at least {FEWEST} connections"
    overflow = min(settings.database_max_overflow, max(3, each // 3))
    return f"Set DATABASE_POOL_SIZE={each - overflow} and DATABASE_MAX_OVERFLOW={overflow}"
