"""The engine of the service, its session factories and units of work."""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self, TypeVar, TypeVarTuple

import anyio
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from app.database.admission import Queue
from app.database.dialect import READER_OPTIONS, TRANSIENT_CODES, Isolation, transaction_options
from app.database.engine import engine_options, error_code, prepare
from app.database.managed import ManagedSession, end, finish
from app.database.probe import Probe
from app.database.read_only import ONLY_READS, refuse_writes
from app.database.values import name_unfit_values
from app.settings import Settings

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

logger = logging.getLogger(__name__)

# A response is written after the commit, and a closed session stays closed: nothing leaks behind it.
SESSION_OPTIONS: dict[str, Any] = {"expire_on_commit": False, "close_resets_only": False}

CLOSING = 3.0  # seconds that the end waits for transactions


class WriteSession(AsyncSession):
    """A session that may write: a service that writes takes this type, which no reader has."""


@dataclass(frozen=True, slots=True)
class Database:
    """One per process, made when the app starts, found at `request.state.db`.

    Readers have connections of their own, so no writer that waits for a lock keeps them waiting.
    """

    engine: AsyncEngine
    reader_engine: AsyncEngine  # in AUTOCOMMIT: a SELECT takes one round trip
    sessions: async_sessionmaker[WriteSession]
    managed: async_sessionmaker[WriteSession]  # of requests and of units of work
    readers: async_sessionmaker[AsyncSession]
    probe: Probe
    writer_queue: Queue  # requests that may write
    reader_queue: Queue  # requests that only read
    unit_places: anyio.Semaphore  # units of work outside requests

    @classmethod
    def connect(cls, settings: Settings) -> Self:
        """Make the engines and their session factories; connections open when they are needed."""
        options = engine_options(settings)
        engine = create_async_engine(
            settings.database_url,
            pool_size=settings.writer_connections,
            max_overflow=settings.unit_connections + 1,  # and one for readiness
            **options,
        )
        reader_engine = create_async_engine(
            settings.database_url,
            pool_size=settings.reader_connections,
            max_overflow=1,
            **options | READER_OPTIONS,
        )
        for each in (engine.sync_engine, reader_engine.sync_engine):
            prepare(each)
            name_unfit_values(each)
            refuse_writes(each)
        units = settings.unit_connections
        return cls(
            engine,
            reader_engine,
            async_sessionmaker(engine, class_=WriteSession, **SESSION_OPTIONS),
            async_sessionmaker(
                engine,
                class_=WriteSession,
                sync_session_class=ManagedSession,
                **SESSION_OPTIONS,
            ),
            async_sessionmaker(reader_engine, execution_options=ONLY_READS, **SESSION_OPTIONS),
            Probe(engine, limit=3 * settings.database_pool_timeout),  # hosts may be silent
            Queue(settings.writer_connections, settings.database_max_waiting),
            Queue(settings.reader_connections, settings.database_max_waiting),
            anyio.Semaphore(units, max_value=units, fast_acquire=True),
        )

    async def aclose(self) -> None:
        """Close every pooled connection, once what was cancelled has been rolled back."""
        await self.probe.aclose()
        with anyio.move_on_after(CLOSING):
            for semaphore in (
                self.writer_queue.semaphore,
                self.reader_queue.semaphore,
                self.unit_places,
            ):
                for _ in range(semaphore.max_value or 0):
                    await semaphore.acquire()
        await self.engine.dispose()
        await self.reader_engine.dispose()

    async def run(
        self,
        work: Callable[[WriteSession], Awaitable[T]],
        *,
        isolation: Isolation | None = None,
        read_only: bool = False,
        attempts: int = 5,
    ) -> T:
        """Run `work` as one transaction, again from its start when the database asks for that.

        After a serialization failure or a deadlock, `work` gets a new session, up to
        `attempts` times, after a pause with full jitter (up to 20 ms, doubled each time).
        So it must change nothing but the database. The last error is raised as it came.
        """
        attempt = 0
        while True:
            attempt += 1
            try:
                async with self.begun(isolation, read_only=read_only) as session:
                    return await work(session)
            except DBAPIError as error:
                if attempt >= attempts or error_code(error.orig) not in TRANSIENT_CODES:
                    raise
            await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[WriteSession]:
        """One transaction: committed at its end, rolled back on any exception."""
        session = self.managed()
        transaction = session.sync_session.begin()  # which sends nothing
        try:
            yield session
        except BaseException as error:
            await finish(session.run_sync(end, transaction, error))
            raise
        await finish(session.run_sync(end, transaction, None))

    @asynccontextmanager
    async def begun(
        self, isolation: Isolation | None, *, read_only: bool
    ) -> AsyncGenerator[WriteSession]:
        """Begin a transaction with its options."""
        async with self.transaction() as session:
            options = transaction_options(isolation, read_only=read_only)
            await session.connection(execution_options=options)
            yield session

    @asynccontextmanager
    async def unit(
        self, *, isolation: Isolation | None = None, read_only: bool = False
    ) -> AsyncGenerator[WriteSession]:
        """One transaction outside a request: in a stream, a loop, a websocket, a script.

        It waits, first come first served and for as long as it takes, for one of the
        connections beside those of requests. A unit inside a unit could wait for itself.
        """
        async with self.unit_places, self.begun(isolation, read_only=read_only) as session:
            yield session

    async def run_in_background(
        self,
        work: Callable[[WriteSession, *Ts], Awaitable[T]],
        *args: *Ts,
        isolation: Isolation | None = None,
        read_only: bool = False,
    ) -> T:
        """Run `work(session, *args)` like `run`, when there is a place like for `unit`.

        That it failed, or was cut off by a shutdown, is logged with its name.
        """
        name = getattr(work, "__qualname__", type(work).__qualname__)
        try:
            async with self.unit_places:
                return await self.run(
                    lambda session: work(session, *args), isolation=isolation, read_only=read_only
                )
        except asyncio.CancelledError:
            logger.warning("The unit of work %s was cut off", name)
            raise
        except Exception:
            logger.error("The unit of work %s failed", name)  # noqa: TRY400  # it is raised
            raise


@asynccontextmanager
async def connected(settings: Settings) -> AsyncGenerator[Database]:
    """Keep a database open for as long as the app, a script or a test needs it."""
    db = Database.connect(settings)
    try:
        yield db
    finally:
        await db.aclose()
