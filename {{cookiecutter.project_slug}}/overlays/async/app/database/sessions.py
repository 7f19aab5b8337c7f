"""The engines of the service and its session factories."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

import anyio
#% if cookiecutter.database == "sqlite"
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine

#% else
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session

#% endif
from app.database.admission import Queue
from app.database.background import BackgroundUnits
#% if cookiecutter.database != "sqlite"
from app.database.capacity import check_capacity
#% endif
from app.database.dialect import READER_OPTIONS
from app.database.engine import engine_options, prepare
from app.database.managed import ManagedSession
#% if cookiecutter.database != "sqlite"
from app.database.ping import renew_together
#% endif
from app.database.probe import Probe
from app.database.read_only import ONLY_READS, refuse_writes
#% if cookiecutter.database != "sqlite"
from app.database.replica.readers import REPLICA, ReaderSession, Replica
from app.database.replica.writes import track_commits
#% endif
from app.database.slots import Slots
from app.database.units import WriteSession
from app.database.values import convert_value_errors
from app.settings import Settings

CLOSING = 3.0  # seconds to wait for open transactions at shutdown

# Objects stay readable after the commit, for the response. A closed session cannot be used again.
SESSION_OPTIONS: dict[str, Any] = {"expire_on_commit": False, "close_resets_only": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Database(BackgroundUnits):
    """One per process, created when the app starts, available as `request.state.db`.

    Readers have their own connections, so they do not wait for writers that wait for a lock.
    """

    engine: AsyncEngine
    reader_engine: AsyncEngine  # in AUTOCOMMIT: a SELECT takes one round trip
    sessions: async_sessionmaker[WriteSession]
    probe: Probe
    #% if cookiecutter.database != "sqlite"
    replica: Replica | None  # of `DATABASE_REPLICA_URL`; readers use it
    #% endif
    writer_queue: Queue  # requests that may write
    reader_queue: Queue  # requests that only read

    @classmethod
    def connect(cls, settings: Settings) -> Self:
        """Create the engines and the session factories; connections open on first use."""
        options = engine_options(settings)
        engine = create_async_engine(
            settings.database_url,
            pool_size=settings.writer_connections + settings.unit_connections,
            max_overflow=1,  # for readiness
            **options,
        )
        reader_engine = create_async_engine(
            settings.database_url,
            pool_size=settings.reader_connections + settings.reading_connections,
            max_overflow=0,
            **options | READER_OPTIONS,
        )
        engines = [engine.sync_engine, reader_engine.sync_engine]
        #% if cookiecutter.database == "sqlite"
        readers = async_sessionmaker(reader_engine, execution_options=ONLY_READS, **SESSION_OPTIONS)
        #% else
        replica, reader_class, info = None, Session, None
        if settings.database_replica_url is not None:
            replica = Replica.connect(settings, reader_engine.sync_engine)
            reader_class, info = ReaderSession, {REPLICA: replica}
            track_commits(engine.sync_engine)
            engines.append(replica.engine)
        readers = async_sessionmaker(
            reader_engine,
            sync_session_class=reader_class,
            info=info,
            execution_options=ONLY_READS,
            **SESSION_OPTIONS,
        )
        #% endif
        for each in engines:
            prepare(each)
            convert_value_errors(each)
            refuse_writes(each)
        #% if cookiecutter.database != "sqlite"
        renew_together(*engines[:2])  # those of the primary
        check_capacity(engine.sync_engine, settings)
        #% endif
        return cls(
            engine=engine,
            reader_engine=reader_engine,
            sessions=async_sessionmaker(engine, class_=WriteSession, **SESSION_OPTIONS),
            managed=async_sessionmaker(
                engine, class_=WriteSession, sync_session_class=ManagedSession, **SESSION_OPTIONS
            ),
            readers=readers,
            probe=Probe(engine, limit=3 * settings.database_pool_timeout),  # a host may not respond
            writer_queue=Queue(settings.writer_connections, settings.database_max_waiting),
            reader_queue=Queue(settings.reader_connections, settings.database_max_waiting),
            unit_slots=Slots(settings.unit_connections, settings.database_max_waiting),
            reading_slots=Slots(settings.reading_connections, settings.database_max_waiting),
            hold_limit=settings.database_pool_timeout,
            #% if cookiecutter.database != "sqlite"
            replica=replica,
            #% endif
        )

    async def aclose(self) -> None:
        """Wait until cancelled transactions are rolled back, then close every pooled connection."""
        await self.probe.aclose()
        with anyio.move_on_after(CLOSING):
            queues = (self.writer_queue, self.reader_queue, self.unit_slots, self.reading_slots)
            for queue in queues:
                for _ in range(queue.slots):
                    await queue.semaphore.acquire()
        #% if cookiecutter.database != "sqlite"
        if self.replica is not None:
            await self.replica.aclose()
        #% endif
        await self.engine.dispose()
        await self.reader_engine.dispose()


@asynccontextmanager
async def connected(settings: Settings) -> AsyncGenerator[Database]:
    """Open a database, and close it at the end of the block."""
    db = Database.connect(settings)
    try:
        #% if cookiecutter.database != "sqlite"
        if db.replica is not None:
            await db.replica.watch()
        #% endif
        yield db
    finally:
        await db.aclose()
