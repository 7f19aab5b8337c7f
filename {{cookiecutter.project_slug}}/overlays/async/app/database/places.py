"""Connections of units of work outside requests."""

import anyio


class Places:
    """Given out first come, first served."""

    def __init__(self, count: int) -> None:
        """Have `count` of them."""
        self.semaphore = anyio.Semaphore(count, max_value=count, fast_acquire=True)

    async def __aenter__(self) -> None:
        """Wait for one."""
        await self.semaphore.acquire()

    async def __aexit__(self, *_: object) -> None:
        """Give it to the next one."""
        self.semaphore.release()
