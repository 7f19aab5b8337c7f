"""The database of the service: its engine, its sessions, and who may use them when."""

import asyncio
import logging
import random
import sys
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, Self, TypeVar, TypeVarTuple

import anyio
import anyio.to_thread
from fastapi import Depends, FastAPI, HTTPException, status
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker
from starlette.requests import HTTPConnection

from app.deadline import check_deadline
from app.dialect import READER_OPTIONS, TRANSIENT_CODES, Isolation, transaction_options
from app.engine import engine_options, error_code, prepare
from app.probe import Probe
from app.reading import refuse_writes
from app.settings import Settings
from app.values import name_unfit_values

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

logger = logging.getLogger(__name__)


class Places:
    """Connections of units of work outside requests, given out first come, first served."""

    def __init__(self, count: int) -> None:
        """Have `count` of them for threads, and as many threads for tasks of the event loop."""
        self.free = threading.Semaphore(count)
        self.queue = threading.Lock()
        self.threads = anyio.CapacityLimiter(count)

    def __enter__(self) -> None:
        """Wait in this thread."""
        with self.queue:  # one thread at a time: none that comes later takes what becomes free
            self.free.acquire()

    def __exit__(self, *_: object) -> None:
        """Give the connection to the next one."""
        self.free.release()


@dataclass(frozen=True, slots=True)
class Database:
    """One per process, made when the app starts, found at `request.state.db`."""

    engine: Engine
    sessions: sessionmaker[Session]
    readers: sessionmaker[Session]
    probe: Probe
    slots: anyio.Semaphore  # connections of requests
    max_waiting: int
    places: Places
    writing: dict[Callable[..., Any], bool] = field(default_factory=dict)  # see `asks_to_write`

    @classmethod
    def connect(cls, settings: Settings) -> Self:
        """Make the engine and its session factories; connections open when they are needed."""
        engine = create_engine(settings.database_url, **engine_options(settings))
        prepare(engine)
        name_unfit_values(engine)
        sessions = sessionmaker(
            engine,
            expire_on_commit=False,  # an answer is written after the commit
            close_resets_only=False,  # a closed session stays closed: nothing leaks behind it
        )
        reading = engine.execution_options(**READER_OPTIONS)
        refuse_writes(reading)
        readers = sessionmaker(reading, expire_on_commit=False, close_resets_only=False)
        slots = anyio.Semaphore(settings.request_connections, fast_acquire=True)
        places = Places(settings.unit_connections)
        return cls(
            engine, sessions, readers, Probe(readers), slots, settings.database_max_waiting, places
        )

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
                with self.begun(isolation, read_only=read_only) as session:
                    return work(session)
            except DBAPIError as error:
                if attempt >= attempts or error_code(error.orig) not in TRANSIENT_CODES:
                    raise
            time.sleep(random.uniform(0, 0.01 * 2**attempt))

    @contextmanager
    def begun(self, isolation: Isolation | None, *, read_only: bool) -> Generator[Session]:
        """Begin a transaction with its options."""
        with self.sessions.begin() as session:
            options = transaction_options(isolation, read_only=read_only)
            session.connection(execution_options=options)
            yield session

    @contextmanager
    def unit(
        self, *, isolation: Isolation | None = None, read_only: bool = False
    ) -> Generator[Session]:
        """One transaction outside a request: in a script, a command, a thread of your own.

        It waits, first come first served and for as long as it takes, for one of the
        connections beside those of requests. It waits in its thread, so where that is one of
        the server's, as in a stream, await `run_in_background`. A unit inside a unit could
        wait for itself.
        """
        with self.places, self.begun(isolation, read_only=read_only) as session:
            yield session

    async def run_in_background(
        self,
        work: Callable[[Session, *Ts], T],
        *args: *Ts,
        isolation: Isolation | None = None,
        read_only: bool = False,
    ) -> T:
        """Run `work(session, *args)` like `run`, when there is a place like for `unit`.

        It waits on the event loop, and runs in a thread beside those of requests. That it
        failed, or was cut off by a shutdown, is logged with its name.
        """
        name = getattr(work, "__qualname__", type(work).__qualname__)
        begun = False

        def run() -> T:
            nonlocal begun
            begun = True
            with self.places:
                return self.run(
                    lambda session: work(session, *args), isolation=isolation, read_only=read_only
                )

        try:
            return await anyio.to_thread.run_sync(run, limiter=self.places.threads)
        except asyncio.CancelledError:
            fate = "goes on in its thread until the process is killed" if begun else "was cut off"
            logger.warning("The unit of work %s %s", name, fate)
            raise
        except Exception:
            logger.error("The unit of work %s failed", name)  # noqa: TRY400  # it is raised
            raise


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
async def admitted(request: HTTPConnection) -> AsyncGenerator[Database]:
    """Admit as many requests as have a connection each.

    A bounded number waits, first come first served; the others get 503 at once.
    """
    db: Database = request.state.db
    if hasattr(
        request.state, "admitted"
    ):  # with another session: taking a second slot could deadlock
        yield db
        return
    if db.slots.value == 0 and db.slots.statistics().tasks_waiting >= db.max_waiting:
        raise HTTPException(
            status.HTTP_503_SERVICE_UNAVAILABLE,
            "The service is busy: try again in a moment.",
            headers={"Retry-After": "1"},
        )
    async with db.slots:
        check_deadline(request)
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


def asks_to_write(request: HTTPConnection) -> bool:
    """Tell whether anything that this request depends on takes `SessionDep`."""
    db: Database = request.state.db
    endpoint = request.scope["endpoint"]
    if endpoint not in db.writing:
        db.writing[endpoint] = any(
            depends_on(get_session, route.dependant)
            for route in iter_route_contexts(request.app.routes)
            if route.endpoint is endpoint
        )
    return db.writing[endpoint]


def depends_on(call: Callable[..., Any], dependant: Dependant) -> bool:
    """Search the dependencies of a route."""
    return dependant.call is call or any(depends_on(call, it) for it in dependant.dependencies)


# Both are `async`: a request that waits for a slot must not hold a thread, or those with a
# connection find none to go on.
async def get_session(request: HTTPConnection) -> AsyncGenerator[Session]:
    """One transaction: committed before the response is sent, rolled back on any exception."""
    if hasattr(request.state, "transaction"):  # opened by `get_reader`, and ended there
        yield request.state.transaction
        return
    async with admitted(request) as db, ended_in_thread(db.sessions.begin()) as session:
        request.state.transaction = session
        yield session
        check_deadline(request)


async def get_reader(request: HTTPConnection) -> AsyncGenerator[Session]:
    """Reads, as cheaply as the database lets it (see `app/dialect.py`); refuses writes.

    In a request that takes `SessionDep` too, it is that session: two would be two connections.
    """
    if asks_to_write(request):
        async with asynccontextmanager(get_session)(request) as session:
            yield session
    else:
        async with admitted(request) as db, ended_in_thread(db.readers()) as reader:
            yield reader


SessionDep = Annotated[Session, Depends(get_session, scope="function")]
ReaderDep = Annotated[Session, Depends(get_reader, scope="function")]
