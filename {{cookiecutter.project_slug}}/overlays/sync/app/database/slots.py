"""Limits how many units of work outside requests use a connection at once."""

import threading

import anyio


class Slots:
    """Slots, given out in the order of arrival."""

    def __init__(self, count: int) -> None:
        """Create `count` slots for threads, and as many threads for tasks of the event loop."""
        self.free = threading.Semaphore(count)
        self.queue = threading.Lock()
        self.threads = anyio.CapacityLimiter(count)

    def __enter__(self) -> None:
        """Wait for a slot in this thread."""
        with self.queue:  # only the first thread waits for the semaphore, so none can overtake it
            self.free.acquire()

    def __exit__(self, *_: object) -> None:
        """Release the slot: the first in the queue gets it."""
        self.free.release()
