"""Pings idle connections, so that no request fails after a restart of the server."""

import time

from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection


def ping_if_idle(engine: Engine, *, seconds: float = 1.0) -> None:
    """Ping a connection at checkout if it was idle in the pool for longer than `seconds`.

    `pool_pre_ping` costs every request one to three round trips. This costs them only after
    an idle period. If the ping fails, the pool opens new connections.
    """
    dialect = engine.dialect

    @event.listens_for(engine, "checkin")
    def note_checkin(_connection: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
        record.info["idle_since"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def ping(
        connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: PoolProxiedConnection
    ) -> None:
        since = record.info.get("idle_since")
        if since is None or time.monotonic() - since <= seconds:
            return
        try:
            alive = dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error as error:
            raise DisconnectionError("the connection went stale in the pool") from error
        if not alive:
            raise DisconnectionError("the connection went stale in the pool")
