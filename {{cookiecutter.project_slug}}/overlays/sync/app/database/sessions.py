"""The engine of the service, its session factories and units of work."""

import asyncio
import logging
import random
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self, TypeVar, TypeVarTuple

import anyio
import anyio.to_thread
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from app.database.admission import Queue
from app.database.dialect import READER_OPTIONS, TRANSIENT_CODES, Isolation, transaction_options
from app.database.engine import engine_options, error_code, prepare
from app.database.managed import ManagedSession, end
from app.database.probe import Probe
from app.database.read_only import ONLY_READS, refuse_writes
from app.database.values import name_unfit_values
from app.settings import Settings

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

logger = logging.getLogger(__name__)

# A response is written after the commit, and a closed session stays closed: nothing leaks behind it.
SESSION_OPTIONS: dict[str, Any] = {"expire_on_commit": False, "close_resets_only": False}


class WriteSession(Session):
    """A session that may write: a service that writes takes this type, which no reader has."""


class ManagedWriteSession(ManagedSession, WriteSession):
    """The session of a request or of a unit of work."""


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
    """One per process, made when the app starts, found at `request.state.db`.

    Readers have connections of their own, so no writer that waits for a lock keeps them waiting.
    """

    engine: Engine
    reader_engine: Engine  # in AUTOCOMMIT: a SELECT takes one round trip
    sessions: sessionmaker[WriteSession]
    managed: sessionmaker[ManagedWriteSession]  # of requests and of units of work
    readers: sessionmaker[Session]
    probe: Probe
    writer_queue: Queue  # requests that may write
    reader_queue: Queue  # requests that only read
    unit_places: Places  # units of work outside requests

    @classmethod
    def connect(cls, settings: Settings) -> Self:
        """Make the engines and their session factories; connections open when they are needed."""
        options = engine_options(settings)
        engine = create_engine(
            settings.database_url,
            pool_size=settings.writer_connections,
            max_overflow=settings.unit_connections + 1,  # and one for readiness
            **options,
        )
        reader_engine = create_engine(
            settings.database_url,
            pool_size=settings.reader_connections,
            max_overflow=1,
            **options | READER_OPTIONS,
        )
        for each in (engine, reader_engine):
            prepare(each)
            name_unfit_values(each)
            refuse_writes(each)
        return cls(
            engine,
            reader_engine,
            sessionmaker(engine, class_=WriteSession, **SESSION_OPTIONS),
            sessionmaker(engine, class_=ManagedWriteSession, **SESSION_OPTIONS),
            sessionmaker(reader_engine, execution_options=ONLY_READS, **SESSION_OPTIONS),
            Probe(engine),
            Queue(settings.writer_connections, settings.database_max_waiting),
            Queue(settings.reader_connections, settings.database_max_waiting),
            Places(settings.unit_connections),
        )

    def close(self) -> None:
        """Close every pooled connection."""
        self.probe.close()
        self.engine.dispose()
        self.reader_engine.dispose()

    def run(
        self,
        work: Callable[[WriteSession], T],
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
    def transaction(self) -> Generator[WriteSession]:
        """One transaction: committed at its end, rolled back on any exception."""
        session = self.managed()
        transaction = session.begin()  # which sends nothing
        try:
            yield session
        except BaseException as error:
            end(session, transaction, error)
            raise
        end(session, transaction, None)

    @contextmanager
    def begun(self, isolation: Isolation | None, *, read_only: bool) -> Generator[WriteSession]:
        """Begin a transaction with its options."""
        with self.transaction() as session:
            options = transaction_options(isolation, read_only=read_only)
            session.connection(execution_options=options)
            yield session

    @contextmanager
    def unit(
        self, *, isolation: Isolation | None = None, read_only: bool = False
    ) -> Generator[WriteSession]:
        """One transaction outside a request: in a script, a command, a thread of your own.

        It waits, first come first served and for as long as it takes, for one of the
        connections beside those of requests. It waits in its thread, so where that is one of
        the server's, as in a stream, await `run_in_background`. A unit inside a unit could
        wait for itself.
        """
        with self.unit_places, self.begun(isolation, read_only=read_only) as session:
            yield session

    async def run_in_background(
        self,
        work: Callable[[WriteSession, *Ts], T],
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
            with self.unit_places:
                return self.run(
                    lambda session: work(session, *args), isolation=isolation, read_only=read_only
                )

        try:
            return await anyio.to_thread.run_sync(run, limiter=self.unit_places.threads)
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
