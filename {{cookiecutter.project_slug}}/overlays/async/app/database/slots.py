"""Limits how many units of work outside requests use a connection at once."""

import anyio


class Slots:
    """Slots, given out in the order of arrival."""

    def __init__(self, count: int) -> None:
        """Create `count` slots."""
        self.semaphore = anyio.Semaphore(count, max_value=count, fast_acquire=True)

    async def __aenter__(self) -> None:
        """Wait for a slot."""
        await self.semaphore.acquire()

    async def __aexit__(self, *_: object) -> None:
        """Release the slot: the first in the queue gets it."""
        self.semaphore.release()
