"""A reader refuses every kind of write."""

from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import Integer, column, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.database.read_only import ReadOnlyError
from tests.guarantees.products import Product

pytestmark = pytest.mark.commits

LAMP = {"name": "Lamp", "category": "light", "quantity": 1}


async def add(session: AsyncSession) -> None:
    session.add(Product(**LAMP))
    await session.flush()


async def execute_insert(session: AsyncSession) -> None:
    await session.execute(insert(Product), [LAMP])


async def execute_text(session: AsyncSession) -> None:
    await session.execute(text("INSERT INTO test_products VALUES (1, 'Lamp', 'light', 1)"))


async def select_from_insert(session: AsyncSession) -> None:
    await session.execute(select(insert(Product).values(LAMP).returning(Product.id).cte()))


async def select_from_text(session: AsyncSession) -> None:
    insert_text = "INSERT INTO test_products VALUES (1, 'Lamp', 'light', 1) RETURNING id"
    cte = text(insert_text).columns(column("id", Integer)).cte("lamps")
    await session.execute(select(cte.c.id))


async def insert_by_connection(session: AsyncSession) -> None:
    connection = await session.connection()
    await connection.execute(insert(Product).values(LAMP))


async def lock_rows(reader: AsyncSession) -> None:
    await reader.scalars(select(Product).with_for_update())


@pytest.mark.parametrize(
    "write",
    [
        add,
        execute_insert,
        execute_text,
        select_from_insert,
        select_from_text,
        insert_by_connection,
        lock_rows,
    ],
)
async def test_a_reader_refuses_to_write(
    write: Callable[[AsyncSession], Awaitable[None]], db: Database
) -> None:
    async with db.readers() as reader:
        with pytest.raises(ReadOnlyError, match="only"):
            await write(reader)
    async with db.readers() as reader:
        assert await reader.scalar(select(func.count()).select_from(Product)) == 0
