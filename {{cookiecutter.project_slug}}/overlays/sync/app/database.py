"""The database of the service: its engine, its sessions, and who may use them when."""

import random
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Annotated, Self, TypeVar

import anyio
import anyio.to_thread
from fastapi import Depends, FastAPI, HTTPException, Request, status
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

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

    engine: Engine
    sessions: sessionmaker[Session]
    readers: sessionmaker[Session]
    probe: Probe
    slots: anyio.Semaphore
    max_waiting: int

    @classmethod
    def connect(cls, settings: Settings) -> Self:
        """Make the engine and its session factories; connections open when they are needed."""
        engine = create_engine(settings.database_url, **engine_options(settings))
        prepare(engine)
        sessions = sessionmaker(
            engine,
            expire_on_commit=False,  # an answer is written after the commit
            close_resets_only=False,  # a closed session stays closed: nothing leaks behind it
        )
        reading = engine.execution_options(**READER_OPTIONS)
        refuse_writes(reading)
        readers = sessionmaker(reading, expire_on_commit=False, close_resets_only=False)
        slots = anyio.Semaphore(settings.database_pool_size, fast_acquire=True)
        probe = Probe(readers)
        return cls(engine, sessions, readers, probe, slots, settings.database_max_waiting)

    def close(self) -> None:
        """Close every connection that rests in the pool."""
        self.probe.close()
        self.engine.dispose()

    def run(
        self,
        work: Callable[[Session], T],
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
                with self.sessions.begin() as session:
                    options = transaction_options(isolation, read_only=read_only)
                    session.connection(execution_options=options)
                    return work(session)
            except DBAPIError as error:
                if attempt >= attempts or error_code(error.orig) not in TRANSIENT:
                    raise
            time.sleep(random.uniform(0, 0.01 * 2**attempt))


@contextmanager
def connected(settings: Settings) -> Generator[Database]:
    """Keep a database open for as long as the app, a script or a test needs it."""
    db = Database.connect(settings)
    try:
        yield db
    finally:
        db.close()


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[dict[str, Database]]:
    """Open the database when the app starts, close it when the app stops."""
    with connected(app.state.settings) as db:
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
        pass_deadline(request)
        request.state.admitted = True
        yield db


@asynccontextmanager
async def ended_in_thread(context: AbstractContextManager[Session]) -> AsyncGenerator[Session]:
    """Begin a session here, which sends nothing yet; end it in a thread, which may wait.

    That thread is none of those that endpoints share: they may all be waiting for a lock
    that this very commit gives back.
    """
    session = context.__enter__()
    try:
        yield session
    finally:
        one_more = anyio.CapacityLimiter(1)
        await anyio.to_thread.run_sync(context.__exit__, *sys.exc_info(), limiter=one_more)


# Both are `async`: a request that waits for its turn must not hold a thread, or those with a
# connection find none to go on.
async def get_session(request: Request) -> AsyncIterator[Session]:
    """One transaction: committed before the response is sent, rolled back on any exception."""
    async with admitted(request) as db, ended_in_thread(db.sessions.begin()) as session:
        yield session
        pass_deadline(request)


async def get_reader(request: Request) -> AsyncIterator[Session]:
    """Reads, as cheaply as the database lets it (see `app/dialect.py`); refuses writes."""
    async with admitted(request) as db, ended_in_thread(db.readers()) as session:
        yield session


SessionDep = Annotated[Session, Depends(get_session, scope="function")]
ReaderDep = Annotated[Session, Depends(get_reader, scope="function")]
