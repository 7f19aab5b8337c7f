"""The database of the service: its engine, its sessions, and who may use them when."""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Self, TypeVar

import anyio
from fastapi import Depends, FastAPI, HTTPException, Request, status
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from app.deadline import pass_deadline
from app.dialect import READER_OPTIONS, TRANSIENT, Isolation, transaction_options
from app.engine import engine_options, error_code, prepare
from app.probe import Probe
from app.reading import refuse_writes
from app.settings import Settings

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Database:
    """One per process, made when the app starts, found at `request.state.db`."""

    engine: AsyncEngine
    sessions: async_sessionmaker[AsyncSession]
    readers: async_sessionmaker[AsyncSession]
    probe: Probe
    slots: anyio.Semaphore
    max_waiting: int

    @classmethod
    def connect(cls, settings: Settings) -> Self:
        """Make the engine and its session factories; connections open when they are needed."""
        engine = create_async_engine(settings.database_url, **engine_options(settings))
        prepare(engine.sync_engine)
        sessions = async_sessionmaker(
            engine,
            expire_on_commit=False,  # an answer is written after the commit
            close_resets_only=False,  # a closed session stays closed: nothing leaks behind it
        )
        reading = engine.execution_options(**READER_OPTIONS)
        refuse_writes(reading.sync_engine)
        readers = async_sessionmaker(reading, expire_on_commit=False, close_resets_only=False)
        slots = anyio.Semaphore(settings.database_pool_size, fast_acquire=True)
        probe = Probe(readers, limit=3 * settings.database_pool_timeout)  # hosts may be silent
        return cls(engine, sessions, readers, probe, slots, settings.database_max_waiting)

    async def aclose(self) -> None:
        """Close every connection that rests in the pool."""
        await self.probe.aclose()
        await self.engine.dispose()

    async def run(
        self,
        work: Callable[[AsyncSession], Awaitable[T]],
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
                async with self.sessions.begin() as session:
                    options = transaction_options(isolation, read_only=read_only)
                    await session.connection(execution_options=options)
                    return await work(session)
            except DBAPIError as error:
                if attempt >= attempts or error_code(error.orig) not in TRANSIENT:
                    raise
            await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))


@asynccontextmanager
async def connected(settings: Settings) -> AsyncGenerator[Database]:
    """Keep a database open for as long as the app, a script or a test needs it."""
    db = Database.connect(settings)
    try:
        yield db
    finally:
        await db.aclose()


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[dict[str, Database]]:
    """Open the database when the app starts, close it when the app stops."""
    async with connected(app.state.settings) as db:
        yield {"db": db}


@asynccontextmanager
async def admitted(request: Request) -> AsyncGenerator[Database]:
    """Let in as many requests as the pool has connections.

    A bounded number waits, first come first served; the rest hear 503 at once.
    `max_overflow` is left to work beside requests.
    """
    db: Database = request.state.db
    if hasattr(request.state, "admitted"):  # with another session: two slots could lock each other
        yield db
        return
    if db.slots.value == 0 and db.slots.statistics().tasks_waiting >= db.max_waiting:
        raise HTTPException(
            status.HTTP_503_SERVICE_UNAVAILABLE,
            "The service is busy: try again in a moment.",
            headers={"Retry-After": "1"},
        )
    async with db.slots:
        request.state.admitted = True
        yield db


async def get_session(request: Request) -> AsyncIterator[AsyncSession]:
    """One transaction: committed before the response is sent, rolled back on any exception."""
    async with admitted(request) as db, db.sessions.begin() as session:
        yield session
        pass_deadline(request)


async def get_reader(request: Request) -> AsyncIterator[AsyncSession]:
    """Reads, as cheaply as the database lets it (see `app/dialect.py`); refuses writes."""
    async with admitted(request) as db, db.readers() as session:
        yield session


SessionDep = Annotated[AsyncSession, Depends(get_session, scope="function")]
ReaderDep = Annotated[AsyncSession, Depends(get_reader, scope="function")]
