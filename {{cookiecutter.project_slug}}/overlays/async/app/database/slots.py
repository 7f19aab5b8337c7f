"""Limits how many units of work use a connection at once."""

from app.database.admission import Queue


class Slots(Queue):
    """Slots, given out in the order of arrival: units of work may wait although the queue is full."""

    async def __aenter__(self) -> None:
        """Wait for a slot."""
        await self.semaphore.acquire()

    async def __aexit__(self, *_: object) -> None:
        """Release the slot: the first in the queue gets it."""
        self.semaphore.release()
