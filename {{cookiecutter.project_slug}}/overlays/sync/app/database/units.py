"""Units of work: transactions that commit or roll back at the end of a block."""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar, TypeVarTuple

import anyio.to_thread
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from app.database.dialect import TRANSIENT_CODES, Isolation, transaction_options
from app.database.engine import error_code
from app.database.managed import ManagedSession, end
from app.database.slots import Slots

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

logger = logging.getLogger(__name__)


class WriteSession(Session):
    """A session that may write: services that write take this type, and readers do not have it."""


class ManagedWriteSession(ManagedSession, WriteSession):
    """The session of a request or of a unit of work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitsOfWork:
    """Begins and ends transactions; `Database` inherits from it."""

    managed: sessionmaker[ManagedWriteSession]  # sessions of requests and of units of work
    unit_slots: Slots  # connections of units of work outside requests

    def run(
        self,
        work: Callable[[WriteSession], T],
        *,
        isolation: Isolation | None = None,
        read_only: bool = False,
        attempts: int = 5,
    ) -> T:
        """Run `work` in one transaction, and retry it after a transient error.

        It waits for a connection like `unit`. After a serialization failure or a deadlock, `work`
        runs again with a new session, up to `attempts` times in total, after a pause with full
        jitter (up to 20 ms, doubled each time). So `work` must change nothing but the database.
        The last error is raised unchanged.
        """
        attempt = 0
        with self.unit_slots:
            while True:
                attempt += 1
                try:
                    with self.begin(isolation, read_only=read_only) as session:
                        return work(session)
                except DBAPIError as error:
                    if attempt >= attempts or error_code(error.orig) not in TRANSIENT_CODES:
                        raise
                time.sleep(random.uniform(0, 0.01 * 2**attempt))

    @contextmanager
    def transaction(self) -> Generator[WriteSession]:
        """One transaction: committed at its end, rolled back on any exception."""
        session = self.managed()
        transaction = session.begin()  # sends nothing yet
        try:
            yield session
        except BaseException as error:
            end(session, transaction, error)
            raise
        end(session, transaction, None)

    @contextmanager
    def begin(self, isolation: Isolation | None, *, read_only: bool) -> Generator[WriteSession]:
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

        It waits without a time limit, in the order of arrival, for a connection that is
        reserved for work outside requests. It blocks its thread while it waits. So in a
        thread of the server, as in a stream, use `await db.run_in_background` instead. A unit
        inside a unit can deadlock.
        """
        with self.unit_slots, self.begin(isolation, read_only=read_only) as session:
            yield session

    async def run_in_background(
        self,
        work: Callable[[WriteSession, *Ts], T],
        *args: *Ts,
        isolation: Isolation | None = None,
        read_only: bool = False,
    ) -> T:
        """Run `work(session, *args)` like `run`, as a background task.

        It waits on the event loop, and runs in a thread that requests do not use. A failure,
        or a cancellation by a shutdown, is logged with the name of `work`.
        """
        name = getattr(work, "__qualname__", type(work).__qualname__)
        begun = False

        def run() -> T:
            nonlocal begun
            begun = True
            return self.run(
                lambda session: work(session, *args), isolation=isolation, read_only=read_only
            )

        try:
            return await anyio.to_thread.run_sync(run, limiter=self.unit_slots.threads)
        except asyncio.CancelledError:
            state = "still runs in its thread until the process exits" if begun else "was cancelled"
            logger.warning("The unit of work %s %s", name, state)
            raise
        except Exception:
            logger.error("The unit of work %s failed", name)  # noqa: TRY400  # it is raised
            raise
