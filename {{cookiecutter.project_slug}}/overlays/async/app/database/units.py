"""Units of work: transactions that commit or roll back at the end of a block."""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.database.dialect import TRANSIENT_CODES, Isolation, transaction_options
from app.database.engine import error_code
from app.database.managed import end, finish
from app.database.slots import Slots

T = TypeVar("T")


class WriteSession(AsyncSession):
    """A session that may write: services that write take this type, and readers do not have it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitsOfWork:
    """Begins and ends transactions; `Database` inherits from it."""

    managed: async_sessionmaker[WriteSession]  # sessions of requests and of units of work
    readers: async_sessionmaker[AsyncSession]
    unit_slots: Slots
    reading_slots: Slots
    hold_limit: float  # seconds; a request that holds a connection for longer is logged

    async def run(
        self,
        work: Callable[[WriteSession], Awaitable[T]],
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
        async with self.slot(self.unit_slots):
            while True:
                attempt += 1
                try:
                    async with self.begin(isolation, read_only=read_only) as session:
                        return await work(session)
                except DBAPIError as error:
                    if attempt >= attempts or error_code(error.orig) not in TRANSIENT_CODES:
                        raise
                await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))

    def slot(self, slots: Slots) -> AbstractAsyncContextManager[None]:
        """Wait for a slot without a time limit, in the order of arrival."""
        return slots

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[WriteSession]:
        """One transaction: committed at its end, rolled back on any exception."""
        session = self.managed()
        transaction = session.sync_session.begin()  # sends nothing yet
        try:
            yield session
        except BaseException as error:
            await finish(session.run_sync(end, transaction, error))
            raise
        await finish(session.run_sync(end, transaction, None))

    @asynccontextmanager
    async def begin(
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
        """One transaction. It ends with its block, and holds a connection only until then.

        It waits, in the order of arrival, for one of the connections that are reserved for
        units of work. A unit inside a unit can deadlock.
        """
        async with (
            self.slot(self.unit_slots),
            self.begin(isolation, read_only=read_only) as session,
        ):
            yield session

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[AsyncSession]:
        """A read-only session in AUTOCOMMIT, for one or a few reads; it waits like `unit`."""
        async with self.slot(self.reading_slots), self.readers() as reader:
            yield reader
