"""Units of work: transactions that commit or roll back at the end of a block."""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar, TypeVarTuple

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.database.dialect import TRANSIENT_CODES, Isolation, transaction_options
from app.database.engine import error_code
from app.database.managed import end, finish
from app.database.slots import Slots

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

logger = logging.getLogger(__name__)


class WriteSession(AsyncSession):
    """A session that may write: services that write take this type, and readers do not have it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitsOfWork:
    """Begins and ends transactions; `Database` inherits from it."""

    managed: async_sessionmaker[WriteSession]  # sessions of requests and of units of work
    unit_slots: Slots  # connections of units of work outside requests

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
        async with self.unit_slots:
            while True:
                attempt += 1
                try:
                    async with self.begin(isolation, read_only=read_only) as session:
                        return await work(session)
                except DBAPIError as error:
                    if attempt >= attempts or error_code(error.orig) not in TRANSIENT_CODES:
                        raise
                await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))

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
        """One transaction outside a request: in a stream, a loop, a websocket, a script.

        It waits without a time limit, in the order of arrival, for a connection that is
        reserved for work outside requests. A unit inside a unit can deadlock.
        """
        async with self.unit_slots, self.begin(isolation, read_only=read_only) as session:
            yield session

    async def run_in_background(
        self,
        work: Callable[[WriteSession, *Ts], Awaitable[T]],
        *args: *Ts,
        isolation: Isolation | None = None,
        read_only: bool = False,
    ) -> T:
        """Run `work(session, *args)` like `run`, as a background task.

        A failure, or a cancellation by a shutdown, is logged with the name of `work`.
        """
        name = getattr(work, "__qualname__", type(work).__qualname__)
        try:
            return await self.run(
                lambda session: work(session, *args), isolation=isolation, read_only=read_only
            )
        except asyncio.CancelledError:
            logger.warning("The unit of work %s was cancelled", name)
            raise
        except Exception:
            logger.error("The unit of work %s failed", name)  # noqa: TRY400  # it is raised
            raise
