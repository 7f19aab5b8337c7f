"""`db.run`: a unit of work is stored once, however often it is retried."""

import random

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.database.dialect import Isolation
from tests.conftest import at_once
from tests.guarantees.products import Product

pytestmark = pytest.mark.commits

ACCOUNTS = 4
TRANSFERS = 20


async def open_accounts(db: Database) -> list[int]:
    accounts = [
        {"name": f"Account {number}", "category": "money", "quantity": 100}
        for number in range(ACCOUNTS)
    ]
    async with db.sessions.begin() as session:
        await session.execute(insert(Product), accounts)
        keys = await session.scalars(select(Product.id).order_by(Product.id))
        return list(keys)


async def total(db: Database) -> int:
    async with db.readers() as reader:
        return await reader.scalar(select(func.sum(Product.quantity))) or 0


async def transfer(session: AsyncSession, keys: list[int], *, lock: bool) -> None:
    """Read two balances, compute in Python and write both: a race could lose money."""
    query = select(Product).where(Product.id.in_(keys)).order_by(Product.id)
    found = await session.scalars(query.with_for_update() if lock else query)
    giver, taker = found.all()
    giver.quantity -= 1
    taker.quantity += 1


async def move_money(db: Database, isolation: Isolation | None) -> None:
    """Let many workers move money between few accounts, with locked rows or by isolation level."""
    keys = await open_accounts(db)

    async def worker() -> None:
        pair = random.sample(keys, 2)

        async def work(session: AsyncSession) -> None:
            await transfer(session, pair, lock=isolation is None)

        await db.run(work, isolation=isolation, attempts=50)

    await at_once(TRANSFERS, worker)


async def test_money_is_conserved_by_serializable_transactions(db: Database) -> None:
    await move_money(db, "SERIALIZABLE")
    assert await total(db) == 100 * ACCOUNTS


async def test_money_is_conserved_by_locked_rows(db: Database) -> None:
    await move_money(db, None)
    assert await total(db) == 100 * ACCOUNTS
    async with db.readers() as reader:
        changed = await reader.scalars(select(Product.quantity).where(Product.quantity != 100))
        assert changed.all()


async def test_other_errors_are_not_retried(db: Database) -> None:
    tries: list[int] = []

    async def work(session: AsyncSession) -> None:
        tries.append(1)
        await session.execute(text("SELECT nothing FROM nowhere"))

    with pytest.raises(DBAPIError):
        await db.run(work)
    assert len(tries) == 1


async def test_a_read_only_unit_of_work_cannot_write(db: Database) -> None:
    async def work(session: AsyncSession) -> None:
        session.add(Product(name="Lamp", category="light", quantity=1))
        await session.flush()

    with pytest.raises(DBAPIError):
        await db.run(work, read_only=True)
    await db.run(work)  # the connection can write again
    assert await total(db) == 1


async def test_a_connection_can_write_after_a_read_only_unit(db: Database) -> None:
    async def read(session: AsyncSession) -> int:
        return await session.scalar(select(func.count()).select_from(Product)) or 0

    async def write(session: AsyncSession) -> None:
        session.add(Product(name="Lamp", category="light", quantity=1))

    assert await db.run(read, read_only=True) == 0
    await db.run(write)
    assert await db.run(read, read_only=True) == 1
    assert "Connections in pool: 1 " in db.engine.pool.status()
