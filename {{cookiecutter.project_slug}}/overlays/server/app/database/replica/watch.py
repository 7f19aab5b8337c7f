"""Checks once a second whether a replica can be read, and how far behind it is."""

#% if cookiecutter.session == "async"
import asyncio
import logging
import math
#% if cookiecutter.telemetry
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

#% else
import time

#% endif
from sqlalchemy import ExceptionContext, event
from sqlalchemy.ext.asyncio import AsyncEngine

#% else
import logging
import math
import threading
#% if cookiecutter.telemetry
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

#% else
import time

#% endif
from sqlalchemy import Engine, ExceptionContext, event

#% endif
#% if cookiecutter.database == "postgresql"
from app.database.dialect import READ_ONLY
from app.database.engine import error_code
#% else
from app.database.dialect import is_read_only
#% endif
from app.database.replica.positions import Lag
from app.database.replica.writes import Positions, current

INTERVAL = 1.0  # seconds between two checks
LIMIT = 3.0  # seconds that a check may take; without a result for longer, the replica is away
FAR_BEHIND = 30.0  # seconds; a replica that is further behind has no readers

logger = logging.getLogger(__name__)


class WatchedReplica:
    """A replica, and whether it can be read."""

    #% if cookiecutter.session == "async"
    def __init__(self, engine: AsyncEngine) -> None:
        """Watch the server of this engine."""
        self.async_engine, self.engine = engine, engine.sync_engine
        self.task: asyncio.Task[None] | None = None
    #% else
    def __init__(self, engine: Engine) -> None:
        """Watch the server of this engine."""
        self.engine = engine
        self.lock = threading.Lock()
        self.first, self.closing = threading.Event(), threading.Event()
        self.thread: threading.Thread | None = None
    #% endif
        self.measured = Lag()
        #% if cookiecutter.telemetry
        self.unobserved: Callable[[], AbstractContextManager[None]] = nullcontext  # for telemetry
        #% endif
        self.lag: float | None = None  # seconds
        self.late = False  # since the last check, a reader has waited in vain
        self.lost = False  # since the last check began, a connection was lost
        self.problem: str | None = None
        self.checked = -math.inf
        event.listen(self.engine, "handle_error", self.note_disconnect)

    @property
    def available(self) -> bool:
        """Whether readers use the replica."""
        return self.problem is None and time.monotonic() - self.checked < INTERVAL + LIMIT

    def update(self, *, lag: float | None = None, problem: str | None = None) -> None:
        """Note the result of a check, and log when readers change the server.

        A check that began before a connection was lost does not bring the readers back.
        """
        if lag is not None and lag > FAR_BEHIND:
            problem = f"it is {lag:.0f} seconds behind"
        #% if cookiecutter.session == "async"
        if self.lost and not problem:
            return
        before, self.problem = self.problem, problem
        #% else
        with self.lock:  # several threads may lose their connections at once
            if self.lost and not problem:
                return
            before, self.problem = self.problem, problem
        #% endif
        if problem and not before:
            logger.warning("Readers use the primary, because of the replica: %s", problem)
        elif before and not problem:
            logger.info("Readers use the replica")
        self.lag, self.checked = lag, time.monotonic()
        self.late = False  # the next reader waits again

    def note_disconnect(self, context: ExceptionContext) -> None:
        """Stop using the replica until the next check if a connection was lost.

        That it is read-only is no reason.
        """
        #% if cookiecutter.database == "postgresql"
        read_only = error_code(context.original_exception) == READ_ONLY
        #% else
        read_only = context.connection is not None and is_read_only(context.original_exception)
        #% endif
        if read_only:
            context.is_disconnect = False
        elif context.is_disconnect:
            self.lost = True
            self.update(problem="a connection to it was lost")

    #% if cookiecutter.session == "async"
    async def watch(self) -> None:
        """Check the replica now and from now on; `aclose` ends it."""
        if current.get() is None:  # a command reads its own writes too
            current.set(Positions(wanted=None))
        await self.check()  # the first readers use it too
        self.task = asyncio.create_task(self.check_forever())

    async def check_forever(self) -> None:
        """Check the replica again and again, until the task is cancelled."""
        while True:
            await asyncio.sleep(INTERVAL)
            await self.check()

    async def check(self) -> None:
        """Check whether the replica answers, and how far behind it is."""
        self.lost = False
        try:
            #% if cookiecutter.telemetry
            with self.unobserved():
                async with asyncio.timeout(LIMIT), self.async_engine.connect() as connection:
                    self.update(lag=await connection.run_sync(self.measured.read))
            #% else
            async with asyncio.timeout(LIMIT), self.async_engine.connect() as connection:
                self.update(lag=await connection.run_sync(self.measured.read))
            #% endif
        except Exception as error:  # noqa: BLE001  # the primary serves, whatever it is
            self.update(problem=f"{error!r}")

    async def aclose(self) -> None:
        """End the checks, and close the connections."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait([self.task])
        await self.async_engine.dispose()
    #% else
    def watch(self) -> None:
        """Check the replica now and from now on; `close` ends it."""
        if current.get() is None:  # a command reads its own writes too
            current.set(Positions(wanted=None))
        # A daemon: a check that gets no response must not keep the process.
        self.thread = threading.Thread(target=self.check_forever, name="replica", daemon=True)
        self.thread.start()
        self.first.wait(LIMIT)  # the first readers use it too

    def check_forever(self) -> None:
        """Check the replica, each time in a thread of its own: it may not respond."""
        while not self.closing.is_set():
            attempt = threading.Thread(target=self.check, name="replica", daemon=True)
            attempt.start()
            attempt.join(LIMIT)
            if attempt.is_alive():
                self.update(problem="it does not respond")
                attempt.join()
            self.first.set()
            self.closing.wait(INTERVAL)

    def check(self) -> None:
        """Check whether the replica answers, and how far behind it is."""
        self.lost = False
        try:
            #% if cookiecutter.telemetry
            with self.unobserved(), self.engine.connect() as connection:
                self.update(lag=self.measured.read(connection))
            #% else
            with self.engine.connect() as connection:
                self.update(lag=self.measured.read(connection))
            #% endif
        except Exception as error:  # noqa: BLE001  # the primary serves, whatever it is
            self.update(problem=f"{error!r}")

    def close(self) -> None:
        """End the checks, and close the connections."""
        self.closing.set()
        if self.thread is not None:
            self.thread.join(LIMIT)
        self.engine.dispose()
    #% endif
