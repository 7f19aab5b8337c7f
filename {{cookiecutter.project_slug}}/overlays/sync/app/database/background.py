"""Units of work that run as background tasks."""

import asyncio
import logging
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

import anyio.to_thread

from app.database.dialect import Isolation
from app.database.units import UnitsOfWork, WriteSession

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

logger = logging.getLogger(__name__)


class BackgroundUnits(UnitsOfWork):
    """Units of work that run as background tasks; `Database` inherits from it."""

    __slots__ = ()

    async def run_in_background(
        self,
        work: Callable[[WriteSession, *Ts], T],
        *args: *Ts,
        isolation: Isolation | None = None,
        read_only: bool = False,
    ) -> T:
        """Run `work(session, *args)` like `run`, as a background task.

        It waits on the event loop, and runs in a thread that requests do not use. A failure,
        or a cancellation by a shutdown, is logged with the name of `work`.
        """
        name = getattr(work, "__qualname__", type(work).__qualname__)
        begun = False

        def run() -> T:
            nonlocal begun
            begun = True
            return self.run(
                lambda session: work(session, *args), isolation=isolation, read_only=read_only
            )

        try:
            return await anyio.to_thread.run_sync(run, limiter=self.unit_slots.threads)
        except asyncio.CancelledError:
            state = "still runs in its thread until the process exits" if begun else "was cancelled"
            logger.warning("The unit of work %s %s", name, state)
            raise
        except Exception:
            logger.error("The unit of work %s failed", name)  # noqa: TRY400  # it is raised
            raise
