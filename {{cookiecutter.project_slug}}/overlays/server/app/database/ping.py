"""Replaces pooled connections that broke: no request fails after a restart of the server."""

import time

from sqlalchemy import Engine, ExceptionContext, event
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


def renew_together(*engines: Engine) -> None:
    """After a connection of one engine was lost, replace those of the others too, at checkout.

    If only writes show that the server is no longer the primary, its readers would else stay there.
    A connection that could not be opened does not count: those that are open may still work.
    """
    lost = 0.0

    def note_loss(context: ExceptionContext) -> None:
        nonlocal lost
        if context.is_disconnect and context.connection is not None:
            lost = time.monotonic()

    def note_birth(_connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        record.info["connected_at"] = time.monotonic()

    def replace(
        _connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: PoolProxiedConnection
    ) -> None:
        if record.info["connected_at"] < lost:
            raise DisconnectionError("a connection to the same server was lost")

    for engine in engines:
        event.listen(engine, "handle_error", note_loss)
        event.listen(engine, "connect", note_birth)
        event.listen(engine, "checkout", replace)
