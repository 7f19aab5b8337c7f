"""Checks whether the database answers: concurrent callers share one attempt."""

import asyncio
import logging

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.database.dialect import transaction_options

logger = logging.getLogger(__name__)

READ_ONLY = transaction_options(None, read_only=True)


class Probe:
    """Reads from the database; concurrent callers share an attempt."""

    def __init__(self, engine: AsyncEngine, limit: float) -> None:
        """Read on the writers' engine; an attempt is cancelled after `limit` seconds."""
        self.engine = engine
        self.limit = limit
        self.attempt: asyncio.Task[bool] | None = None

    async def succeeds(self, seconds: float) -> bool:
        """Wait up to `seconds` for the running attempt, or for a new one.

        An attempt that takes longer continues. The next caller waits for it, or uses the
        connection that it opened. If it were cancelled here, a slow connection would never open.
        """
        if self.attempt is None or self.attempt.done():
            self.attempt = asyncio.create_task(self.read())
        done, _ = await asyncio.wait([self.attempt], timeout=seconds)
        return any(attempt.result() for attempt in done)

    async def read(self) -> bool:
        """Read once; log the error if that fails."""
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
        """Cancel the running attempt, so that its connection is closed."""
        if self.attempt is not None:
            self.attempt.cancel()
            await asyncio.wait([self.attempt])
