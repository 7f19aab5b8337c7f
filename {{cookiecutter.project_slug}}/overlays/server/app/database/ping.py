"""A ping for idle connections, so that a restart of the server costs no request."""

import time

from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection


def ping_if_idle(engine: Engine, *, seconds: float = 1.0) -> None:
    """Ping a connection on its way out of the pool if it was idle for longer than `seconds`.

    `pool_pre_ping` pays one to three round trips for every request; this pays them only
    where the connection had time to go stale. A dead one makes the pool open new ones.
    """
    dialect = engine.dialect

    @event.listens_for(engine, "checkin")
    def rest(_connection: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
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
