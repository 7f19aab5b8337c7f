"""What works both in ordinary tests and in tests marked `commits`."""

import asyncio

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from tests.guarantees.products import Product

BOTH_WAYS = pytest.mark.parametrize(
    "times", [1, pytest.param(2, marks=pytest.mark.commits)], ids=["ordinary", "commits"]
)


async def test_an_async_test_needs_no_fixture() -> None:
    await asyncio.sleep(0)


async def names(reader: AsyncSession) -> list[str]:
    """Read with a server-side cursor, where the driver has one."""
    query = select(Product.name).order_by(Product.id).execution_options(yield_per=2)
    found = await reader.stream_scalars(query)
    return [name async for name in found]


async def autocommits(db: Database) -> bool:
    """Tell whether the only pooled connection of readers is in AUTOCOMMIT."""
    async with db.reader_engine.connect() as connection:
        raw = await connection.get_raw_connection()
        assert raw.dbapi_connection is not None
        return connection.dialect.detect_autocommit_setting(raw.dbapi_connection)


@pytest.mark.commits
async def test_a_stream_leaves_its_connection_in_autocommit(db: Database) -> None:
    assert await autocommits(db)
    async with db.readers() as reader:
        await names(reader)
    assert await autocommits(db)
    assert "Connections in pool: 1 " in db.reader_engine.pool.status()


@BOTH_WAYS
async def test_a_reader_can_stream(db: Database, times: int) -> None:
    lamps = [{"name": f"Lamp {number}", "category": "x", "quantity": 1} for number in range(5)]
    async with db.sessions.begin() as session:
        await session.execute(insert(Product), lamps)
    for _ in range(times):  # the connection of a stream can be used again
        async with db.readers() as reader:
            assert await names(reader) == await names(reader) == [lamp["name"] for lamp in lamps]
            assert await reader.scalar(select(func.count()).select_from(Product)) == 5
        async with db.readers() as reader:
            assert await reader.scalar(select(func.count()).select_from(Product)) == 5
        async with db.sessions.begin() as session:
            session.add(Product(name="Door", category="x", quantity=1))
            await session.flush()
            await session.rollback()
