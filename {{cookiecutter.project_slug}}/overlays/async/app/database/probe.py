"""Whether the database answers: one attempt at a time, however many ask."""

import asyncio
import logging

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.database.dialect import transaction_options

logger = logging.getLogger(__name__)

READ_ONLY = transaction_options(None, read_only=True)


class Probe:
    """Attempts to read from the database, which callers share."""

    def __init__(self, engine: AsyncEngine, limit: float) -> None:
        """Read on the engine of the writers; an attempt is given up after `limit` seconds."""
        self.engine = engine
        self.limit = limit
        self.attempt: asyncio.Task[bool] | None = None

    async def succeeds(self, seconds: float) -> bool:
        """Wait up to `seconds` for the running attempt, or for a new one.

        One that takes longer goes on, and the next caller finds it or the connection that it
        opened: if it were cancelled here, a slow connection would never be made.
        """
        if self.attempt is None or self.attempt.done():
            self.attempt = asyncio.create_task(self.read())
        done, _ = await asyncio.wait([self.attempt], timeout=seconds)
        return any(attempt.result() for attempt in done)

    async def read(self) -> bool:
        """Read once, and log why that failed."""
        try:
            async with asyncio.timeout(self.limit), self.engine.connect() as connection:
                await connection.execution_options(**READ_ONLY)
                await connection.execute(select(1))
        except (SQLAlchemyError, OSError) as error:  # a TimeoutError is an OSError
            logger.warning("The database does not answer: %r", getattr(error, "orig", error))
            return False
        except Exception:
            logger.exception("The database does not answer")
            return False
        return True

    async def aclose(self) -> None:
        """End the running attempt, so that its connection is closed."""
        if self.attempt is not None:
            self.attempt.cancel()
            await asyncio.wait([self.attempt])
