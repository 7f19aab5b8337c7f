"""Units of work that run as background tasks."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar, TypeVarTuple

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
        work: Callable[[WriteSession, *Ts], Awaitable[T]],
        *args: *Ts,
        isolation: Isolation | None = None,
        read_only: bool = False,
    ) -> T:
        """Run `work(session, *args)` like `run`, as a background task.

        A failure, or a cancellation by a shutdown, is logged with the name of `work`.
        """
        name = getattr(work, "__qualname__", type(work).__qualname__)
        try:
            return await self.run(
                lambda session: work(session, *args), isolation=isolation, read_only=read_only
            )
        except asyncio.CancelledError:
            logger.warning("The unit of work %s was cancelled", name)
            raise
        except Exception:
            logger.error("The unit of work %s failed", name)  # noqa: TRY400  # it is raised
            raise
