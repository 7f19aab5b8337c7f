"""A cancelled request or unit of work ends after its COMMIT, not in the middle of it."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import Depends, FastAPI
from httpx2 import AsyncClient
from sqlalchemy import Connection, event, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.dependencies import SessionDep
from app.settings import Settings
from tests.conftest import ClientOf
from tests.dialect import BLOCK_COMMITS, SLOW_COMMIT
from tests.guarantees.products import Product, create_app

pytestmark = pytest.mark.commits

SECONDS = 0.5  # duration of a COMMIT


@asynccontextmanager
async def cancelled_in_commit(db: Database, tasks: list[asyncio.Task[Any]]) -> AsyncGenerator[None]:
    """Cancel the last task in the middle of its COMMIT."""

    def cancel(connection: Connection) -> None:
        asyncio.get_running_loop().call_later(SECONDS / 2, tasks[-1].cancel)
        if not SLOW_COMMIT and not BLOCK_COMMITS:
            driver: Any = connection.connection.dbapi_connection
            driver.run_async(lambda _: asyncio.sleep(SECONDS))

    event.listen(db.engine.sync_engine, "commit", cancel)
    yield
    event.remove(db.engine.sync_engine, "commit", cancel)


async def store_slowly(db: Database, session: AsyncSession) -> None:
    """Store a product, and make the next COMMIT slow."""
    session.add(Product(name="Lamp", category="light", quantity=1))
    await session.flush()
    for statement in SLOW_COMMIT:
        await session.execute(text(statement))
    if BLOCK_COMMITS:
        block, unblock = BLOCK_COMMITS
        other = await db.engine.connect()
        await other.exec_driver_sql(block)

        async def unblock_commits() -> None:
            await asyncio.sleep(SECONDS)
            await other.exec_driver_sql(unblock)
            await other.close()

        BACKGROUND.append(asyncio.create_task(unblock_commits()))


BACKGROUND: list[asyncio.Task[None]] = []


async def count_products(db: Database) -> int:
    async with db.readers() as reader:
        return await reader.scalar(select(func.count()).select_from(Product)) or 0


async def test_a_cancelled_request_ends_after_its_commit(
    app: FastAPI, client: AsyncClient, db: Database
) -> None:
    tasks: list[asyncio.Task[Any]] = []

    async def note_task() -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)

    @app.post("/probe", dependencies=[Depends(note_task)])
    async def probe(session: SessionDep) -> None:
        await store_slowly(db, session)

    async with cancelled_in_commit(db, tasks):
        request = asyncio.create_task(client.post("/probe"))
        with pytest.raises(asyncio.CancelledError):
            await request
    assert await count_products(db) == 1
    assert db.writer_queue.free == db.writer_queue.slots
    await asyncio.gather(*BACKGROUND)


async def test_a_deadline_that_passes_before_the_commit_rolls_back(
    settings: Settings, client_of: ClientOf, db: Database
) -> None:
    """The event loop is blocked when it passes, so the cancellation comes late."""
    app = create_app(settings.model_copy(update={"request_timeout": 0.3}))

    @app.post("/probe")
    async def probe(session: SessionDep) -> None:
        session.add(Product(name="Lamp", category="light", quantity=1))
        await session.flush()
        asyncio.get_running_loop().call_later(0.15, time.sleep, 0.4)
        await asyncio.sleep(0.2)

    async with client_of(app) as client:
        response = await client.post("/probe")
    assert await count_products(db) == (1 if response.status_code == 200 else 0)


async def test_a_cancelled_unit_of_work_ends_after_its_commit(db: Database) -> None:
    tasks: list[asyncio.Task[Any]] = []
    async with cancelled_in_commit(db, tasks):
        tasks.append(
            asyncio.create_task(db.run_in_background(lambda session: store_slowly(db, session)))
        )
        with pytest.raises(asyncio.CancelledError):
            await tasks[-1]
    assert await count_products(db) == 1
    await asyncio.gather(*BACKGROUND)
