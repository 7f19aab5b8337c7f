"""Read-only sessions: on the replica, or on the primary while the replica is away or behind."""

#% if cookiecutter.session == "async"
import asyncio
import time
from typing import Any, Self

from sqlalchemy import Connection, Engine, exc
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.util import await_only

#% else
import time
from typing import Any, Self

from sqlalchemy import Connection, Engine, create_engine, exc
from sqlalchemy.orm import Session

#% endif
from app.database.dialect import READER_OPTIONS
from app.database.engine import engine_options
from app.database.replica.positions import REACHED
from app.database.replica.watch import WatchedReplica
from app.database.replica.writes import UNKNOWN, current
from app.settings import Settings

FIRST_PAUSE, LONGEST_PAUSE = 0.002, 0.05  # seconds between two looks at the replica's position
REPLICA, BIND = "replica", "bind"  # in the `info` of a session


class Replica(WatchedReplica):
    """Decides where each read-only session reads."""

    primary: Engine
    patience: float  # seconds that a reader waits for a position

    @classmethod
    def connect(cls, settings: Settings, primary: Engine) -> Self:
        """Create the engine of the replica, with as many connections as readers have."""
        own = settings.model_copy(update={"database_url": settings.database_replica_url})
        #% if cookiecutter.database == "postgresql"
        options = engine_options(own)
        options |= READER_OPTIONS | {"pool_events": options.get("pool_events", [])}
        #% else
        options = engine_options(own) | READER_OPTIONS
        #% endif
        options["pool_size"] = settings.reader_connections + settings.reading_connections
        options["max_overflow"] = 1  # for the check
        #% if cookiecutter.session == "async"
        replica = cls(create_async_engine(own.database_url, **options))
        #% else
        replica = cls(create_engine(own.database_url, **options))
        #% endif
        replica.primary = primary
        replica.patience = settings.database_replica_patience / 1000
        return replica

    def choose(self) -> Engine | Connection:
        """Return where to read what the client has written, and perhaps later writes.

        A connection of the replica stays open: one address may lead to several replicas.
        """
        positions = current.get()
        wanted = None if positions is None else positions.wanted
        if not self.available or wanted == UNKNOWN:
            return self.primary
        try:
            connection = self.engine.connect()
        except (exc.DBAPIError, exc.TimeoutError):  # a connection that fails is noted
            return self.primary
        reached = False
        try:
            reached = wanted is None or self.reaches(connection, wanted)
        except exc.DBAPIError:
            pass
        finally:
            if not reached:
                connection.close()
        return connection if reached else self.primary

    def reaches(self, connection: Connection, position: str) -> bool:
        """Wait until the replica has a position; not at all if it is known to be too late."""
        late = self.late or (self.lag or 0) > self.patience
        deadline = time.monotonic() + (0 if late else self.patience)
        pause = FIRST_PAUSE
        while not connection.scalar(REACHED, {"position": position}):
            left = deadline - time.monotonic()
            if left <= 0:
                if not late:  # only a wait of the whole patience says this
                    self.late = True
                return False
            #% if cookiecutter.session == "async"
            await_only(asyncio.sleep(min(pause, left)))
            #% else
            time.sleep(min(pause, left))
            #% endif
            pause = min(2 * pause, LONGEST_PAUSE)
        connection.rollback()  # in AUTOCOMMIT this sends nothing
        return True


class ReaderSession(Session):
    """A read-only session that decides at its first statement where it reads."""

    def get_bind(self, *_args: Any, **_options: Any) -> Engine | Connection:
        """Return the engine, or the connection, of this session."""
        if BIND not in self.info:
            self.info[BIND] = self.info[REPLICA].choose()
        bind: Engine | Connection = self.info[BIND]
        return bind

    def close(self) -> None:
        """Close the session, and return its connection."""
        try:
            super().close()
        finally:
            bind = self.info.pop(BIND, None)
            if isinstance(bind, Connection):
                bind.close()
