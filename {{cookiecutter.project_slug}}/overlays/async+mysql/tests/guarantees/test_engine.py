"""Readers run in AUTOCOMMIT; the writes of a session take effect at its commit."""

import pytest
from sqlalchemy import Integer, func, insert, literal_column, select, text
from sqlalchemy.exc import DBAPIError

from app.database import Database
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


async def test_statements_after_an_implicit_commit_are_rolled_back(db: Database) -> None:
    for _ in range(2):
        async with db.sessions() as session:
            await session.execute(text("TRUNCATE TABLE test_products"))
            await session.execute(insert(Product), [LAMP])
        async with db.readers() as reader:
            assert await reader.scalar(select(func.count()).select_from(Product)) == 0
