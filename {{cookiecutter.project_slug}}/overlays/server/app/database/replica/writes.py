"""Notes the position of each commit of a request, so that its client can read what it wrote."""

from contextvars import ContextVar
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from app.database.replica.positions import FORMAT, read_position

UNKNOWN = "-"  # the position of a write whose position could not be read: only the primary has it
COMMITTED = "committed"  # in the `info` of a connection


@dataclass(slots=True)
class Positions:
    """What the readers of a request wait for, and what its own commits have reached."""

    wanted: str | None
    written: str | None = None


current: ContextVar[Positions | None] = ContextVar("positions", default=None)


def known(position: str) -> str | None:
    """Return the position if it has the right form: a client may send anything."""
    return position if position == UNKNOWN or FORMAT.fullmatch(position) else None


def track_commits(engine: Engine) -> None:
    """Note the position after each commit of a request; this takes one round trip more."""

    @event.listens_for(engine, "commit")
    def note(connection: Connection) -> None:
        if current.get() is not None:
            connection.info[COMMITTED] = True

    @event.listens_for(engine, "checkin")
    def read(connection: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
        positions = current.get()
        if not record.info.pop(COMMITTED, False) or positions is None or connection is None:
            return
        try:
            position = read_position(connection)
        except BaseException as error:  # noqa: BLE001  # also a cancellation: the commit is done
            position = UNKNOWN
            record.invalidate(error)
        if position is not None:
            positions.wanted = positions.written = position
