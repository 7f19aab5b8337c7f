"""Limits how many units of work use a connection at once."""

import asyncio
import threading
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager, suppress

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
        """Wait for a slot in this thread; raises `RuntimeError` on the event loop."""
        if on_event_loop():
            raise RuntimeError(
                "db.unit(), db.reading() and db.run() would block the event loop:"
                " call them in a `def` function, or use `await db.run_in_background`"
            )
        turn = threading.Lock()
        turn.acquire()
        with self.lock:
            if self.free:
                self.free -= 1
                return
            self.queue.append(turn)
        try:
            with one_more_thread():
                turn.acquire()  # until another thread releases its slot
        except BaseException:
            with self.lock:
                waiting = turn in self.queue
                if waiting:
                    self.queue.remove(turn)
            if not waiting:
                self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        """Release the slot: the first in the queue gets it."""
        with self.lock:
            if self.queue:
                self.queue.popleft().release()
            else:
                self.free += 1


def on_event_loop() -> bool:
    """Return whether the caller runs on an event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


@contextmanager
def one_more_thread() -> Generator[None]:
    """Let the server use one more thread while this one waits.

    Otherwise all threads could wait here for units of work that wait for a lock, and the request
    that holds the lock would find no thread to finish in.
    """
    try:
        loop, limiter = anyio.from_thread.run_sync(allow_one_more)
    except anyio.NoEventLoopError:  # this thread is not of the server
        yield
        return
    try:
        yield
    finally:
        with suppress(RuntimeError):  # the event loop has ended
            loop.call_soon_threadsafe(take_back, limiter)


def allow_one_more() -> tuple[asyncio.AbstractEventLoop, anyio.CapacityLimiter]:
    """Let the server use one more thread."""
    limiter = anyio.to_thread.current_default_thread_limiter()
    limiter.total_tokens += 1
    return asyncio.get_running_loop(), limiter


def take_back(limiter: anyio.CapacityLimiter) -> None:
    """Let the server use one thread less again."""
    limiter.total_tokens -= 1
