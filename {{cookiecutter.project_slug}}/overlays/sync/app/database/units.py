"""Units of work: transactions that commit or roll back at the end of a block."""

import random
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from app.database.dialect import TRANSIENT_CODES, Isolation, transaction_options
from app.database.engine import error_code
from app.database.managed import ManagedSession, end
from app.database.slots import Slots

T = TypeVar("T")


class WriteSession(Session):
    """A session that may write: services that write take this type, and readers do not have it."""


class ManagedWriteSession(ManagedSession, WriteSession):
    """The session of a request or of a unit of work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitsOfWork:
    """Begins and ends transactions; `Database` inherits from it."""

    managed: sessionmaker[ManagedWriteSession]  # sessions of requests and of units of work
    readers: sessionmaker[Session]
    unit_slots: Slots
    reading_slots: Slots
    hold_limit: float  # seconds; a request that holds a connection for longer is logged

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
        with self.slot(self.unit_slots):
            while True:
                attempt += 1
                try:
                    with self.begin(isolation, read_only=read_only) as session:
                        return work(session)
                except DBAPIError as error:
                    if attempt >= attempts or error_code(error.orig) not in TRANSIENT_CODES:
                        raise
                time.sleep(random.uniform(0, 0.01 * 2**attempt))

    def slot(self, slots: Slots) -> AbstractContextManager[None]:
        """Wait for a slot without a time limit, in the order of arrival."""
        return slots

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
        """One transaction. It ends with its block, and holds a connection only until then.

        It waits, in the order of arrival, for one of the connections that are reserved for
        units of work. It blocks its thread while it waits: on the event loop, use
        `await db.run_in_background` instead. A unit inside a unit can deadlock.
        """
        with (
            self.slot(self.unit_slots),
            self.begin(isolation, read_only=read_only) as session,
        ):
            yield session

    @contextmanager
    def reading(self) -> Generator[Session]:
        """A read-only session in AUTOCOMMIT, for one or a few reads; it waits like `unit`."""
        with self.slot(self.reading_slots), self.readers() as reader:
            yield reader
