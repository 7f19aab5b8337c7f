"""Limits how many units of work use a connection at once."""

import threading
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager

import anyio
import anyio.from_thread
import anyio.to_thread


class Slots:
    """Slots, given out in the order of arrival: units of work may wait although the queue is full."""

    def __init__(self, slots: int, max_waiting: int) -> None:
        """Create `slots` slots for threads, and as many threads for tasks of the event loop."""
        self.slots = slots
        self.max_waiting = max_waiting
        self.free = slots
        self.queue: deque[threading.Lock] = deque()  # a locked lock for each waiting thread
        self.lock = threading.Lock()
        self.threads = anyio.CapacityLimiter(slots)

    @property
    def waiting(self) -> int:
        """The number of waiting threads and tasks."""
        return len(self.queue) + self.threads.statistics().tasks_waiting

    @property
    def full(self) -> bool:
        """Whether all slots are taken and no more requests may be queued."""
        return self.free == 0 and len(self.queue) >= self.max_waiting

    def __enter__(self) -> None:
        """Wait for a slot in this thread."""
        turn = threading.Lock()
        turn.acquire()
        with self.lock:
            if self.free:
                self.free -= 1
                return
            self.queue.append(turn)
        with one_more_thread():
            turn.acquire()  # until another thread releases its slot

    def __exit__(self, *_: object) -> None:
        """Release the slot: the first in the queue gets it."""
        with self.lock:
            if self.queue:
                self.queue.popleft().release()
            else:
                self.free += 1


@contextmanager
def one_more_thread() -> Generator[None]:
    """Let the server use one more thread while this one waits.

    Otherwise all threads could wait here for units of work that wait for a lock, and the request
    that holds the lock would find no thread to finish in.
    """
    try:
        anyio.from_thread.run_sync(change_threads, 1)
    except anyio.NoEventLoopError:  # this thread is not of the server
        yield
        return
    try:
        yield
    finally:
        anyio.from_thread.run_sync(change_threads, -1)


def change_threads(number: int) -> None:
    """Change how many threads the server may use at once."""
    anyio.to_thread.current_default_thread_limiter().total_tokens += number
