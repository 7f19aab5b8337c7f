"""The engines of the service and its session factories."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

import anyio
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine

from app.database.admission import Queue
from app.database.background import BackgroundUnits
from app.database.dialect import READER_OPTIONS
from app.database.engine import engine_options, prepare
from app.database.managed import ManagedSession
from app.database.probe import Probe
from app.database.read_only import ONLY_READS, refuse_writes
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
        for each in (engine.sync_engine, reader_engine.sync_engine):
            prepare(each)
            convert_value_errors(each)
            refuse_writes(each)
        return cls(
            engine=engine,
            reader_engine=reader_engine,
            sessions=async_sessionmaker(engine, class_=WriteSession, **SESSION_OPTIONS),
            managed=async_sessionmaker(
                engine, class_=WriteSession, sync_session_class=ManagedSession, **SESSION_OPTIONS
            ),
            readers=async_sessionmaker(
                reader_engine, execution_options=ONLY_READS, **SESSION_OPTIONS
            ),
            probe=Probe(engine, limit=3 * settings.database_pool_timeout),  # a host may not respond
            writer_queue=Queue(settings.writer_connections, settings.database_max_waiting),
            reader_queue=Queue(settings.reader_connections, settings.database_max_waiting),
            unit_slots=Slots(settings.unit_connections, settings.database_max_waiting),
            reading_slots=Slots(settings.reading_connections, settings.database_max_waiting),
            hold_limit=settings.database_pool_timeout,
        )

    async def aclose(self) -> None:
        """Wait until cancelled transactions are rolled back, then close every pooled connection."""
        await self.probe.aclose()
        with anyio.move_on_after(CLOSING):
            queues = (self.writer_queue, self.reader_queue, self.unit_slots, self.reading_slots)
            for queue in queues:
                for _ in range(queue.slots):
                    await queue.semaphore.acquire()
        await self.engine.dispose()
        await self.reader_engine.dispose()


@asynccontextmanager
async def connected(settings: Settings) -> AsyncGenerator[Database]:
    """Open a database, and close it at the end of the block."""
    db = Database.connect(settings)
    try:
        yield db
    finally:
        await db.aclose()
