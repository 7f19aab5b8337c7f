"""Slow work between short units of work holds neither a connection nor a slot."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing
from itertools import count
from typing import Annotated

import pytest
from fastapi import BackgroundTasks, Depends, FastAPI
from fastapi.responses import StreamingResponse
from fastapi.sse import EventSourceResponse
from httpx2 import AsyncClient, Response
from sqlalchemy import func, select
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.database.admission import Overloaded, Queue
from app.database.slots import Slots
from app.dependencies import DatabaseDep, ReaderDep, SessionDep
from app.settings import Settings
from tests.conftest import ClientOf, at_once
from tests.guarantees.conftest import SLOW_REQUESTS
from tests.guarantees.products import Product, create_app

pytestmark = pytest.mark.commits


async def store(session: AsyncSession, name: str = "Lamp") -> None:
    session.add(Product(name=name, category="slow", quantity=1))
    await session.flush()


async def count_products(session: AsyncSession) -> int:
    return await session.scalar(select(func.count()).select_from(Product)) or 0


async def stored(db: Database) -> int:
    async with db.reading() as reader:
        return await count_products(reader)


def held(db: Database) -> list[str]:
    """Name the pools that have given out a connection, and the queues that have given a slot."""
    pools = {"writers": db.engine.pool, "readers": db.reader_engine.pool}
    queues: dict[str, Queue | Slots] = {
        "sessions": db.writer_queue,
        "reader sessions": db.reader_queue,
        "units": db.unit_slots,
        "readings": db.reading_slots,
    }
    out = [name for name, pool in pools.items() if " out connections: 0" not in pool.status()]
    return out + [name for name, queue in queues.items() if queue.free < queue.slots]


async def wait_until(condition: Callable[[], object]) -> None:
    """Wait until a condition is true, or for 20 seconds."""
    for _ in range(400):
        if condition():
            break
        await asyncio.sleep(0.05)


async def authenticate(db: DatabaseDep) -> int:
    async with db.reading() as reader:
        return await count_products(reader)


async def test_slow_requests_and_streams_hold_nothing(
    app: FastAPI, client: AsyncClient, db: Database
) -> None:
    db.unit_slots.max_waiting = db.reading_slots.max_waiting = 2 * SLOW_REQUESTS
    names = count()
    waiting: list[str] = []
    released: list[bool] = []

    @app.post("/probe/request")
    async def slow(db: DatabaseDep, user: Annotated[int, Depends(authenticate)]) -> None:
        async with db.unit() as session:
            await store(session, f"Lamp {next(names)}")
        waiting.append("request")
        await wait_until(lambda: released)
        async with db.unit() as session:
            await store(session, f"Lamp {next(names)}")

    @app.post("/probe/stream")
    async def stream(db: DatabaseDep) -> StreamingResponse:
        async def lines() -> AsyncIterator[str]:
            for _ in range(2):
                async with db.unit() as session:
                    await store(session, f"Lamp {next(names)}")
                yield "stored;"
                waiting.append("stream")
                await wait_until(lambda: released)

        return StreamingResponse(lines())

    callers = count()

    async def call() -> list[Response]:
        number = next(callers)
        if number < 2 * SLOW_REQUESTS:
            return [await client.post(f"/probe/{('request', 'stream')[number % 2]}")]
        try:
            await wait_until(lambda: len(waiting) == 2 * SLOW_REQUESTS and not held(db))
            assert held(db) == []
            return [
                await client.get("/test-products"),
                await client.post("/test-products", json={"name": "Chair", "category": "seat"}),
            ]
        finally:
            released.append(True)

    *slow_ones, quick = await at_once(2 * SLOW_REQUESTS + 1, call)
    assert [it.status_code for it in quick] == [200, 201]
    assert {it.status_code for found in slow_ones for it in found} == {200}
    assert {found[0].text for found in slow_ones} == {"null", "stored;stored;"}
    assert await stored(db) == 4 * SLOW_REQUESTS + 1


async def test_units_and_sessions_do_not_wait_for_each_other(
    settings: Settings, client_of: ClientOf
) -> None:
    """With shared slots, requests that hold one could wait for threads of those that need one."""
    app = create_app(settings.model_copy(update={"database_max_waiting": 200}))

    @app.get("/probe/units")
    async def units(db: DatabaseDep, user: Annotated[int, Depends(authenticate)]) -> int:
        async with db.unit() as session:
            return await count_products(session)

    @app.get("/probe/session")
    async def by_session(user: Annotated[int, Depends(authenticate)], session: SessionDep) -> int:
        return await count_products(session)

    @app.get("/probe/reader")
    async def by_reader(user: Annotated[int, Depends(authenticate)], reader: ReaderDep) -> int:
        return await count_products(reader)

    paths = ("units", "session", "units", "reader")
    callers = count()
    async with client_of(app) as client:
        responses = await at_once(160, lambda: client.get(f"/probe/{paths[next(callers) % 4]}"))
    assert [it.status_code for it in responses] == [200] * 160


def add_units(app: FastAPI) -> None:
    """Add endpoints that open their units before and after they have done something."""

    @app.post("/probe/first")
    async def first(db: DatabaseDep) -> None:
        async with db.unit() as session:
            await store(session, "first")

    @app.post("/probe/second")
    async def second(db: DatabaseDep) -> None:
        async with db.unit() as session:
            await store(session, "second")
        await asyncio.sleep(1)
        async with db.unit() as session:
            await store(session, "third")

    @app.post("/probe/stream")
    async def stream(db: DatabaseDep) -> StreamingResponse:
        async def lines() -> AsyncIterator[str]:
            yield "begun;"
            await asyncio.sleep(1)
            async with db.unit() as session:
                yield f"{await count_products(session) > 0};"

        return StreamingResponse(lines())

    @app.post("/probe/events", response_class=EventSourceResponse)
    async def events(db: DatabaseDep) -> AsyncIterator[bool]:
        async with db.unit() as session:
            yield await count_products(session) > 0

    asked: list[bool] = []

    async def end_after_asking() -> AsyncIterator[None]:
        yield
        for _ in range(30):  # FastAPI begins the events meanwhile, before the response
            if not asked:
                await asyncio.sleep(0.1)
        await asyncio.sleep(0.2)  # the error arrives

    @app.post("/probe/early", response_class=EventSourceResponse)
    async def early(
        db: DatabaseDep, late: Annotated[None, Depends(end_after_asking, scope="function")]
    ) -> AsyncIterator[bool]:
        try:
            async with db.unit() as session:
                yield await count_products(session) > 0
        finally:
            asked.append(True)


async def test_only_a_request_that_has_done_nothing_is_rejected(
    app: FastAPI, client: AsyncClient, db: Database, settings: Settings
) -> None:
    """All connections of units are taken, and no unit may be queued."""
    add_units(app)
    db.unit_slots.max_waiting = 0
    callers = count()

    async def call() -> Response | None:
        number = next(callers)
        if number < 4:
            await asyncio.sleep((0, 0, 0.8, 0.8)[number])
            return await client.post(f"/probe/{('second', 'stream', 'events', 'early')[number]}")
        await asyncio.sleep(0.5)
        async with AsyncExitStack() as stack:
            for _ in range(settings.unit_connections):
                await stack.enter_async_context(db.unit_slots)
            rejected = await client.post("/probe/first")
            await asyncio.sleep(1.5)  # the others wait now
            assert await stored(db) == 1
        assert rejected.headers["Retry-After"]
        return rejected

    found = await at_once(5, call)
    assert [it and it.status_code for it in found] == [200, 200, 200, 503, 503]
    assert found[3]
    assert found[3].headers["Retry-After"]
    assert [it and it.text for it in found[1:3]] == ["begun;True;", "data: true\n\n"]
    assert await stored(db) == 2


async def test_an_exception_rolls_back_only_its_unit(
    app: FastAPI, client: AsyncClient, db: Database
) -> None:
    @app.post("/probe")
    async def probe(db: DatabaseDep) -> None:
        async with db.unit() as session:
            await store(session)
        async with db.unit() as session:
            await store(session, "Chair")
            await store(session)

    response = await client.post("/probe")
    assert (response.status_code, await stored(db)) == (409, 1)


async def test_nothing_is_to_be_tried_again_after_a_commit(
    app: FastAPI, client: AsyncClient, db: Database
) -> None:
    @app.post("/probe/{number}")
    async def probe(db: DatabaseDep, number: int) -> None:
        if number:
            async with db.unit() as session:
                await store(session)
        async with db.unit(read_only=True):
            raise PoolTimeoutError

    @app.post("/probe/queue/full")
    async def queue_full(db: DatabaseDep) -> None:
        async with db.unit() as session:
            await store(session, "Chair")
        raise Overloaded  # as a session would

    before, after = await client.post("/probe/0"), await client.post("/probe/1")
    rejected = await client.post("/probe/queue/full")
    assert (rejected.status_code, rejected.json()) == (500, after.json())
    assert (before.status_code, "Retry-After" in before.headers) == (503, True)
    assert (after.status_code, "Retry-After" in after.headers) == (500, False)
    assert after.json()["detail"] == "The request failed after a part of it was stored."
    assert await stored(db) == 2


async def test_the_first_commit_ends_the_deadline(
    settings: Settings, client_of: ClientOf, db: Database
) -> None:
    app = create_app(settings.model_copy(update={"request_timeout": 0.5}))

    @app.post("/probe/{number}")
    async def probe(db: DatabaseDep, number: int) -> None:
        if number:
            await db.run(store)
        await asyncio.sleep(0.8)
        async with db.unit() as session:
            await store(session, "Chair")

    async with client_of(app) as client:
        late, stored_first = await client.post("/probe/0"), await client.post("/probe/1")
    assert (late.status_code, stored_first.status_code) == (503, 200)
    assert await stored(db) == 2


async def test_a_session_beside_authentication_has_a_deadline(
    settings: Settings, client_of: ClientOf, db: Database
) -> None:
    app = create_app(settings.model_copy(update={"request_timeout": 0.5}))

    @app.post("/probe")
    async def probe(session: SessionDep, user: Annotated[int, Depends(authenticate)]) -> None:
        await store(session)
        await asyncio.sleep(0.8)

    async with client_of(app) as client:
        response = await client.post("/probe")
    assert (response.status_code, await stored(db)) == (503, 0)


@pytest.mark.parametrize("path", ["before", "after"])
async def test_reading_uses_the_open_session_of_the_request(
    path: str, app: FastAPI, client: AsyncClient
) -> None:
    async def reads(db: DatabaseDep, session: SessionDep) -> bool:
        async with db.reading() as reader:
            return reader is session

    @app.get("/probe/before")
    async def before(user: Annotated[int, Depends(authenticate)], session: SessionDep) -> bool:
        return await count_products(session) == user

    @app.get("/probe/after")
    async def after(session: SessionDep, same: Annotated[bool, Depends(reads)]) -> bool:
        return same

    responses = await at_once(60, lambda: client.get(f"/probe/{path}"))
    assert [(it.status_code, it.json()) for it in responses] == [(200, True)] * 60


async def test_a_unit_beside_an_open_session_is_refused(
    app: FastAPI, client: AsyncClient, db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    @app.post("/probe/unit")
    async def unit(session: SessionDep, db: DatabaseDep) -> None:
        async with db.unit() as second:
            await store(second)

    @app.post("/probe/run")
    async def run(reader: ReaderDep, db: DatabaseDep) -> None:
        await db.run(store)

    for path in ("unit", "run"):
        response = await client.post(f"/probe/{path}")
        assert response.status_code == 500
        assert "take DatabaseDep only" in caplog.text
        caplog.clear()
    assert await stored(db) == 0


async def test_what_follows_a_unit_runs_after_its_commit(
    app: FastAPI, client: AsyncClient, db: Database
) -> None:
    seen: list[int] = []

    async def note() -> None:
        seen.append(await stored(db))

    @app.post("/probe")
    async def probe(db: DatabaseDep, tasks: BackgroundTasks) -> None:
        async with db.unit() as session:
            await store(session)
        await note()
        await db.run(lambda session: store(session, "Chair"))
        await note()
        tasks.add_task(note)

    response = await client.post("/probe")
    assert (response.status_code, seen) == (200, [1, 2, 2])


async def test_a_request_that_has_ended_may_begin_units(
    app: FastAPI, client: AsyncClient, db: Database
) -> None:
    async def later(own: DatabaseDep) -> None:
        async with own.unit() as session:
            await store(session)

    async def handle(own: DatabaseDep) -> DatabaseDep:
        return own

    @app.post("/probe")
    async def probe(
        session: SessionDep,
        own: Annotated[DatabaseDep, Depends(handle)],
        tasks: BackgroundTasks,
    ) -> None:
        tasks.add_task(later, own)

    response = await client.post("/probe")
    assert (response.status_code, await stored(db)) == (200, 1)


async def test_a_unit_that_is_open_at_a_yield_holds_its_connection(db: Database) -> None:
    """A slow client would hold it: read what a part needs, end the unit, then yield."""

    async def lines() -> AsyncGenerator[str]:
        async with db.unit() as session:
            await store(session)
            yield "stored?"

    async with aclosing(lines()) as stream:  # as when the client leaves
        await anext(stream)
        assert held(db) == ["writers", "units"]
    assert held(db) == []
    assert await stored(db) == 0
