"""Whether the database answers: one attempt at a time, however many ask."""

import asyncio
import logging
from concurrent.futures import Future, ThreadPoolExecutor

from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from app.database.dialect import transaction_options

logger = logging.getLogger(__name__)

READ_ONLY = transaction_options(None, read_only=True)


class Probe:
    """Attempts to read from the database, which callers share, in a thread of their own."""

    def __init__(self, engine: Engine) -> None:
        """Read on the engine of the writers."""
        self.engine = engine
        self.thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="probe")
        self.attempt: Future[bool] | None = None

    async def succeeds(self, seconds: float) -> bool:
        """Wait up to `seconds` for the running attempt, or for a new one.

        One that takes longer goes on, and the next caller finds it or the connection that it
        opened: a second attempt beside it would take a second connection.
        """
        if self.attempt is None or self.attempt.done():
            self.attempt = self.thread.submit(self.read)
        done, _ = await asyncio.wait([asyncio.wrap_future(self.attempt)], timeout=seconds)
        return any(attempt.result() for attempt in done)

    def read(self) -> bool:
        """Read once, and log why that failed."""
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
        """Wait for the running attempt, so that its connection is back in the pool."""
        self.thread.shutdown()
