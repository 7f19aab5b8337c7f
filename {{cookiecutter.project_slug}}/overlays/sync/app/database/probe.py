"""Checks whether the database answers: concurrent callers share one attempt."""

import asyncio
import logging
from concurrent.futures import Future, ThreadPoolExecutor

from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from app.database.dialect import transaction_options

logger = logging.getLogger(__name__)

READ_ONLY = transaction_options(None, read_only=True)


class Probe:
    """Reads from the database in its own thread; concurrent callers share an attempt."""

    def __init__(self, engine: Engine) -> None:
        """Read on the writers' engine."""
        self.engine = engine
        self.thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="probe")
        self.attempt: Future[bool] | None = None

    async def succeeds(self, seconds: float) -> bool:
        """Wait up to `seconds` for the running attempt, or for a new one.

        An attempt that takes longer continues. The next caller waits for it, or uses the
        connection that it opened. A second attempt at once would take a second connection.
        """
        if self.attempt is None or self.attempt.done():
            self.attempt = self.thread.submit(self.read)
        done, _ = await asyncio.wait([asyncio.wrap_future(self.attempt)], timeout=seconds)
        return any(attempt.result() for attempt in done)

    def read(self) -> bool:
        """Read once; log the error if that fails."""
        try:
            with self.engine.connect() as connection:
                connection.execution_options(**READ_ONLY)
                connection.execute(select(1))
        except (SQLAlchemyError, OSError) as error:
            logger.warning("The database does not answer: %r", getattr(error, "orig", error))
            return False
        except Exception:
            logger.exception("The database does not answer")
            return False
        return True

    def close(self) -> None:
        """Wait for the running attempt, so that its connection returns to the pool."""
        self.thread.shutdown()
