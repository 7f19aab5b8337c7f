"""Checks whether the database answers: concurrent callers share one attempt."""

import asyncio
import logging
import threading
import time
from concurrent.futures import Future, wait

from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from app.database.dialect import transaction_options

logger = logging.getLogger(__name__)

CLOSING = 3.0  # seconds that the end waits for an attempt
READ_ONLY = transaction_options(None, read_only=True)


class Probe:
    """Reads from the database in a thread of its own; concurrent callers share an attempt."""

    def __init__(self, engine: Engine, limit: float) -> None:
        """Read on the writers' engine; abandon an attempt after `limit` seconds."""
        self.engine = engine
        self.limit = limit
        self.attempt: Future[bool] | None = None
        self.begun = 0.0

    async def succeeds(self, seconds: float) -> bool:
        """Wait up to `seconds` for the running attempt, or for a new one.

        An attempt that takes longer continues. The next caller waits for it, or uses the
        connection that it opened. A second attempt at once would take a second connection.
        """
        late = time.monotonic() - self.begun > self.limit
        if self.attempt is None or self.attempt.done() or late:
            self.attempt, self.begun = Future(), time.monotonic()
            # A daemon: an attempt on a connection that never answers must not keep the process.
            threading.Thread(
                target=self.run, args=[self.attempt], name="probe", daemon=True
            ).start()
        done, _ = await asyncio.wait([asyncio.wrap_future(self.attempt)], timeout=seconds)
        return any(attempt.result() for attempt in done)

    def run(self, attempt: Future[bool]) -> None:
        """Make an attempt in this thread."""
        attempt.set_result(self.read())

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
        if self.attempt is not None:
            wait([self.attempt], timeout=CLOSING)
