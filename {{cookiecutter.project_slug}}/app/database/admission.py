"""How many may have a connection at once; the others are queued, or rejected."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio


class Overloaded(Exception):  # noqa: N818  # a state of the service, and no fault
    """All places are taken, and the queue is full."""


class Queue:
    """Places for requests of one kind, given out first come, first served."""

    def __init__(self, places: int, max_waiting: int) -> None:
        """Have `places`, and let up to `max_waiting` requests wait for one."""
        self.places = places
        self.max_waiting = max_waiting
        self.semaphore = anyio.Semaphore(places, max_value=places, fast_acquire=True)

    @property
    def waiting(self) -> int:
        """Tell how many are queued."""
        return self.semaphore.statistics().tasks_waiting

    @property
    def free(self) -> int:
        """Tell how many places are free."""
        return self.semaphore.value

    @asynccontextmanager
    async def place(self) -> AsyncGenerator[None]:
        """Hold a place, or raise `Overloaded` at once where the queue is full."""
        if self.semaphore.value == 0 and self.waiting >= self.max_waiting:
            raise Overloaded
        async with self.semaphore:
            yield
