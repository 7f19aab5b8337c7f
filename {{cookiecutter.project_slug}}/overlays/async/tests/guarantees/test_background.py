"""Work outside requests has its own connections and takes none from requests."""

import asyncio
from collections.abc import AsyncIterator
from itertools import count

import pytest
from fastapi import BackgroundTasks, FastAPI, Request
from fastapi.responses import StreamingResponse
from httpx2 import AsyncClient
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.settings import Settings
from tests.conftest import at_once
from tests.guarantees.products import Product

pytestmark = pytest.mark.commits


async def store(session: AsyncSession, name: str) -> None:
    session.add(Product(name=name, category="later", quantity=1))
    await session.flush()
    await asyncio.sleep(0.05)


async def count_products(session: AsyncSession) -> int:
    return await session.scalar(select(func.count()).select_from(Product)) or 0


async def test_background_tasks_wait_and_requests_do_not(
    app: FastAPI, client: AsyncClient, db: Database, settings: Settings
) -> None:
    numbers = count()
    running = peak = 0

    async def count_and_store(session: AsyncSession, name: str) -> None:
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        await store(session, name)
        running -= 1

    @app.post("/probe")
    async def probe(tasks: BackgroundTasks) -> None:
        tasks.add_task(db.run_in_background, count_and_store, f"Lamp {next(numbers)}")

    posted, read = await asyncio.gather(
        at_once(30, lambda: client.post("/probe")),
        at_once(30, lambda: client.get("/test-products")),
    )
    assert {response.status_code for response in [*posted, *read]} == {200}
    async with db.unit() as session:
        assert await count_products(session) == 30
    # With one writer at a time the peak is 1: the others wait for its lock with a connection.
    assert 1 <= peak <= settings.unit_connections


async def test_waiting_units_of_work_start_in_order(db: Database, settings: Settings) -> None:
    entered: list[int] = []

    async def enter(number: int) -> None:
        async with db.unit(read_only=True) as session:
            entered.append(number)
            await count_products(session)

    for _ in range(settings.unit_connections):
        await db.unit_slots.semaphore.acquire()
    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(enter(number))
        await asyncio.sleep(0.2)
        assert entered == []
        db.unit_slots.semaphore.release()
    assert entered == list(range(20))
    for _ in range(settings.unit_connections - 1):
        db.unit_slots.semaphore.release()


async def test_retryable_transactions_wait_for_a_connection(
    db: Database, settings: Settings
) -> None:
    running = peak = 0

    async def work(session: AsyncSession) -> None:
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        await count_products(session)
        await asyncio.sleep(0.02)
        running -= 1

    await at_once(30, lambda: db.run(work, read_only=True))
    assert peak == settings.unit_connections


async def test_a_unit_that_fails_is_rolled_back(db: Database) -> None:
    async def store_and_fail() -> None:
        async with db.unit() as session:
            await store(session, "Lamp")
            raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        await store_and_fail()
    async with db.unit() as session:
        assert await count_products(session) == 0


async def test_a_read_only_unit_cannot_write(db: Database) -> None:
    with pytest.raises(DBAPIError):
        async with db.unit(read_only=True) as session:
            await store(session, "Lamp")
    with pytest.raises(DBAPIError):
        await db.run_in_background(store, "Lamp", read_only=True)


async def test_a_failed_background_task_is_named_in_the_log(
    app: FastAPI, client: AsyncClient, db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    async def close_order(_session: AsyncSession) -> None:
        raise ValueError("a bug")

    @app.post("/probe")
    async def probe(tasks: BackgroundTasks) -> None:
        tasks.add_task(db.run_in_background, close_order)

    await client.post("/probe")
    assert any("close_order failed" in line.getMessage() for line in caplog.records)


async def test_a_cancelled_background_task_is_named_in_the_log(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    async def close_order(session: AsyncSession) -> None:
        await store(session, "Lamp")
        await asyncio.sleep(60)

    task = asyncio.create_task(db.run_in_background(close_order))
    await asyncio.sleep(0.5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert any("close_order was cancelled" in line.getMessage() for line in caplog.records)
    async with db.unit() as session:
        assert await count_products(session) == 0


async def test_a_stream_reads_in_its_own_units_of_work(
    app: FastAPI, client: AsyncClient, db: Database
) -> None:
    @app.get("/probe")
    async def probe(request: Request) -> StreamingResponse:
        async def lines() -> AsyncIterator[str]:
            for _ in range(3):
                async with request.state.db.unit(read_only=True) as session:
                    found = await count_products(session)
                yield f"{found};"

        return StreamingResponse(lines())

    async with db.unit() as session:
        await store(session, "Lamp")
    responses = await at_once(30, lambda: client.get("/probe"))
    assert {response.text for response in responses} == {"1;1;1;"}
