"""Connections of units of work outside requests."""

import threading

import anyio


class Places:
    """Given out first come, first served."""

    def __init__(self, count: int) -> None:
        """Have `count` of them for threads, and as many threads for tasks of the event loop."""
        self.free = threading.Semaphore(count)
        self.queue = threading.Lock()
        self.threads = anyio.CapacityLimiter(count)

    def __enter__(self) -> None:
        """Wait in this thread."""
        with self.queue:  # one thread at a time: none that comes later takes what becomes free
            self.free.acquire()

    def __exit__(self, *_: object) -> None:
        """Give the connection to the next one."""
        self.free.release()
