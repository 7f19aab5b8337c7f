"""Readers run in AUTOCOMMIT; the writes of a session take effect at its commit."""

import asyncio

import pytest
from sqlalchemy import Integer, Update, func, insert, literal_column, select, text, update
from sqlalchemy.exc import DBAPIError

from app.database import Database
from app.database.aborted import AbortedTransactionError
from tests.conftest import at_once
from tests.guarantees.products import Product

pytestmark = pytest.mark.commits

AUTOCOMMIT = select(literal_column("@@autocommit", Integer))
LAMP = {"name": "Lamp", "category": "light", "quantity": 1}


async def test_only_readers_use_autocommit(db: Database) -> None:
    for _ in range(2):  # on a new connection, and on a pooled one
        async with db.sessions.begin() as session:
            assert await session.scalar(AUTOCOMMIT) == 0
        async with db.readers() as reader:
            assert await reader.scalar(AUTOCOMMIT) == 1


async def test_a_reader_is_in_autocommit_after_a_failed_statement(db: Database) -> None:
    for _ in range(2):
        async with db.sessions() as session:
            with pytest.raises(DBAPIError):
                await session.execute(text("SELECT nothing FROM nowhere"))
        async with db.readers() as reader:
            assert await reader.scalar(AUTOCOMMIT) == 1


async def test_a_deadlock_cannot_be_ignored(db: Database) -> None:
    """The server has rolled back the transaction that lost, and would store what follows."""
    names = ["Door", "Lamp"]
    async with db.sessions.begin() as session:
        await session.execute(insert(Product), [LAMP | {"name": name} for name in names])
    orders = iter([names, names[::-1]])
    lost: list[bool] = []

    async def call() -> bool:
        first, second = next(orders)
        try:
            async with db.sessions.begin() as session:
                await session.execute(change(first))
                await asyncio.sleep(0.5)  # both have their first row
                try:
                    await session.execute(change(second))
                except DBAPIError:
                    lost.append(True)
                    await session.execute(insert(Product), [LAMP | {"name": "After"}])
        except AbortedTransactionError:
            return False
        return True

    assert sorted(await at_once(2, call)) == [False, True]
    assert lost == [True]
    async with db.readers() as reader:
        found = await reader.scalars(select(Product.quantity).order_by(Product.name))
        assert found.all() == [2, 2]


def change(name: str) -> Update:
    return update(Product).where(Product.name == name).values(quantity=Product.quantity + 1)


async def test_statements_after_an_implicit_commit_are_rolled_back(db: Database) -> None:
    for _ in range(2):
        async with db.sessions() as session:
            await session.execute(text("TRUNCATE TABLE test_products"))
            await session.execute(insert(Product), [LAMP])
        async with db.readers() as reader:
            assert await reader.scalar(select(func.count()).select_from(Product)) == 0
