"""Units of work: transactions that are ended where they were begun."""

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
from app.database.places import Places

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

logger = logging.getLogger(__name__)


class WriteSession(Session):
    """A session that may write: a service that writes takes this type, which no reader has."""


class ManagedWriteSession(ManagedSession, WriteSession):
    """The session of a request or of a unit of work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitsOfWork:
    """What begins and ends transactions; `Database` is one."""

    managed: sessionmaker[ManagedWriteSession]  # sessions of requests and of units of work
    unit_places: Places  # connections of units of work outside requests

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
