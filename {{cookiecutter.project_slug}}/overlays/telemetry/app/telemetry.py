"""OpenTelemetry: adds a span for each statement and metrics of the connection pools.

FastAPI itself traces and measures requests, and exports over OTLP to
`OTEL_EXPORTER_OTLP_ENDPOINT` if that is set. Names follow OpenTelemetry's conventions.
"""

import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Mapping
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any, cast

from fastapi import FastAPI
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
#% if cookiecutter.database != "sqlite"
from opentelemetry.instrumentation.utils import suppress_instrumentation
#% endif
from opentelemetry.metrics import CallbackOptions, Histogram, Observation, get_meter
from sqlalchemy import ExceptionContext, QueuePool, event
from sqlalchemy.pool import ConnectionPoolEntry

from app.database import Database
from app.database.admission import Queue
from app.database.engine import error_summary
from app.database.slots import Slots

POOL = "db.client.connection.pool.name"
STATE = "db.client.connection.state"
BEGUN = "checked_out_at"

Count = Callable[[QueuePool, tuple[Queue | Slots, ...]], int]


def observe_database(app: FastAPI) -> None:
    """Trace and measure the database while the application keeps it open."""
    lifespan = app.router.lifespan_context

    @asynccontextmanager
    async def observed(app: FastAPI) -> AsyncGenerator[Mapping[str, Any]]:
        async with lifespan(app) as given:
            state = dict(given or {})
            db: Database = state["db"]
            with traced(db):
                measure(db)
                yield state

    app.router.lifespan_context = observed


@contextmanager
def traced(db: Database) -> Generator[None]:
    """Create a span for every statement, inside the span of its request."""
    #% if cookiecutter.session == "async"
    engines = [db.engine.sync_engine, db.reader_engine.sync_engine]
    #% else
    engines = [db.engine, db.reader_engine]
    #% endif
    #% if cookiecutter.database != "sqlite"
    if db.replica is not None:
        engines.append(db.replica.engine)
        db.replica.unobserved = suppress_instrumentation  # it is checked once a second
    #% endif
    for engine in engines:
        event.listen(engine, "handle_error", hide_values)
    instrumentor = SQLAlchemyInstrumentor()
    # Its dependency check does not allow SQLAlchemy 2.1 yet; the tests show that it works.
    instrumentor.instrument(engines=engines, skip_dep_check=True)
    try:
        yield
    finally:
        instrumentor.uninstrument()


def hide_values(context: ExceptionContext) -> None:
    """Replace the error before the listener of the instrumentation runs.

    That listener writes the driver's message into the span, and the message quotes values of rows.
    """
    context.original_exception = Exception(error_summary(context.original_exception))


def measure(db: Database) -> None:
    """Report for each pool its size, its connections by state, and what waits for one.

    A histogram has the seconds for which each connection is held.
    """
    pools: dict[str, tuple[QueuePool, tuple[Queue | Slots, ...]]] = {
        "writers": (cast("QueuePool", db.engine.pool), (db.writer_queue, db.unit_slots)),
        "readers": (cast("QueuePool", db.reader_engine.pool), (db.reader_queue, db.reading_slots)),
    }
    meter = get_meter("app")
    #% if cookiecutter.database != "sqlite"
    if (replica := db.replica) is not None:
        pools["replica"] = (cast("QueuePool", replica.engine.pool), ())

        def observe_lag(_options: CallbackOptions) -> Iterable[Observation]:
            return [Observation(replica.lag)] if replica.lag is not None else []

        meter.create_observable_gauge("app.database.replica.lag", [observe_lag], "s")
    #% endif
    use_time = meter.create_histogram("db.client.connection.use_time", "s")
    for kind, (pool, _) in pools.items():
        event.listen(pool, "checkout", note_checkout)
        event.listen(pool, "checkin", partial(record_use, use_time, {POOL: kind}))

    def report(name: str, *counts: tuple[dict[str, str], Count]) -> None:
        def observe(_options: CallbackOptions) -> Iterable[Observation]:
            return [
                Observation(count(pool, queues), {POOL: kind} | attributes)
                for kind, (pool, queues) in pools.items()
                for attributes, count in counts
            ]

        meter.create_observable_up_down_counter(f"db.client.connection.{name}", [observe])

    report("idle.max", ({}, lambda pool, _: pool.size()))
    report("overflow", ({}, lambda pool, _: max(0, pool.overflow())))  # beyond its size
    report("pending_requests", ({}, lambda _, queues: sum(it.waiting for it in queues)))
    report(
        "count",
        ({STATE: "used"}, lambda pool, _: pool.checkedout()),
        ({STATE: "idle"}, lambda pool, _: pool.checkedin()),
    )


def note_checkout(_connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
    """Note when a connection was taken from its pool."""
    record.info[BEGUN] = time.monotonic()


def record_use(
    use_time: Histogram, attributes: dict[str, str], _connection: Any, record: ConnectionPoolEntry
) -> None:
    """Record for how long a connection was held."""
    begun = record.info.pop(BEGUN, None)
    if begun is not None:  # else the connection was lost
        use_time.record(time.monotonic() - begun, attributes)
