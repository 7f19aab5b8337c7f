"""Limits how many requests use a connection at once; further requests are queued or rejected."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio


class Overloaded(Exception):  # noqa: N818  # a state of the service, not an error in it
    """All slots are taken, and the queue is full."""


class Queue:
    """Slots for requests of one kind, given out in the order of arrival."""

    def __init__(self, slots: int, max_waiting: int) -> None:
        """Allow `slots` requests at once, and queue up to `max_waiting` more."""
        self.slots = slots
        self.max_waiting = max_waiting
        self.semaphore = anyio.Semaphore(slots, max_value=slots, fast_acquire=True)

    @property
    def waiting(self) -> int:
        """The number of queued requests."""
        return self.semaphore.statistics().tasks_waiting

    @property
    def full(self) -> bool:
        """Whether all slots are taken and no more requests may be queued."""
        return self.semaphore.value == 0 and self.waiting >= self.max_waiting

    @property
    def free(self) -> int:
        """The number of free slots."""
        return self.semaphore.value

    @asynccontextmanager
    async def slot(self) -> AsyncGenerator[None]:
        """Hold a slot, or raise `Overloaded` immediately if the queue is full."""
        if self.full:
            raise Overloaded
        async with self.semaphore:
            yield
