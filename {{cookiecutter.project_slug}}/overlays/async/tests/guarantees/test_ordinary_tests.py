"""An ordinary test is rolled back, and raises an error for what it cannot test."""

import asyncio

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.database.dialect import transaction_options
from app.dependencies import ReaderDep, SessionDep
from tests.conftest import at_once
from tests.dialect import SELF_COMMITTING
from tests.guarantees.products import Product
from tests.transaction import OneTransactionError


def lamp() -> Product:
    return Product(name="Lamp", category="light", quantity=1)


async def count_products(session: AsyncSession) -> int:
    return await session.scalar(select(func.count()).select_from(Product)) or 0


async def test_a_write_through_a_reader_is_refused(
    app: FastAPI, client: AsyncClient, db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    @app.post("/probe", status_code=201)
    async def probe(reader: ReaderDep) -> None:
        reader.add(lamp())
        await reader.commit()

    response = await client.post("/probe")
    assert response.status_code == 500
    assert "take SessionDep" in caplog.text
    async with db.readers() as reader:
        assert await count_products(reader) == 0


@pytest.mark.parametrize("_round", [1, 2])
async def test_committed_rows_are_visible_only_in_the_same_test(db: Database, _round: int) -> None:
    async with db.sessions.begin() as session:
        session.add(lamp())
    async with db.sessions() as session:
        await session.execute(select(Product))
        await session.rollback()
        session.add(Product(name="Door", category="x", quantity=1))
        await session.flush()
    async with db.engine.connect() as connection:
        await connection.execute(select(Product))
    async with db.readers() as reader:
        assert await count_products(reader) == 1


async def test_a_second_session_is_refused_while_the_first_has_a_connection(db: Database) -> None:
    async with db.sessions.begin() as first:
        first.add(lamp())
        await first.flush()
        with pytest.raises(OneTransactionError, match=r"with @pytest\.mark\.commits"):
            await db.run(count_products)
        assert await count_products(first) == 1
    async with db.readers() as reader:
        assert await count_products(reader) == 1


async def test_a_concurrent_request_is_refused(
    app: FastAPI, client: AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    @app.post("/probe")
    async def probe(session: SessionDep) -> None:
        await session.execute(select(1))
        await asyncio.sleep(0.2)

    responses = await at_once(2, lambda: client.post("/probe"))
    assert sorted(response.status_code for response in responses) == [200, 500]
    assert "pytest.mark.commits" in caplog.text


async def test_an_isolation_level_that_differs_from_the_test_is_refused(db: Database) -> None:
    assert await db.run(count_products) == 0
    if transaction_options("SERIALIZABLE", read_only=False):
        with pytest.raises(OneTransactionError, match="SERIALIZABLE"):
            await db.run(count_products, isolation="SERIALIZABLE")
    else:
        assert await db.run(count_products, isolation="SERIALIZABLE") == 0


async def test_a_read_only_unit_of_work_cannot_write(db: Database) -> None:
    async def work(session: AsyncSession) -> None:
        session.add(lamp())
        await session.flush()

    with pytest.raises(DBAPIError):
        await db.run(work, read_only=True)
    await db.run(work)
    assert await db.run(count_products, read_only=True) == 1


async def test_a_reader_can_continue_after_an_error(db: Database) -> None:
    async with db.readers() as reader:
        with pytest.raises(DBAPIError):
            await reader.scalar(select(text("nothing")).select_from(text("nowhere")))
        assert await count_products(reader) == 0


@pytest.mark.parametrize("statement", ["COMMIT", *SELF_COMMITTING])
async def test_a_statement_that_ends_the_transaction_is_refused(
    statement: str, db: Database
) -> None:
    async with db.sessions() as session:
        assert await count_products(session) == 0
        with pytest.raises(OneTransactionError, match="ends a transaction"):
            await session.execute(text(statement))


async def test_a_lost_connection_is_not_replaced(db: Database) -> None:
    async with db.sessions() as session:
        connection = await session.connection()
        await connection.invalidate()
    with pytest.raises(OneTransactionError, match="was lost"):
        await db.run(count_products)


async def test_an_unhandled_exception_is_logged_with_its_traceback(
    app: FastAPI, client: AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    @app.get("/probe")
    async def probe() -> None:
        raise ValueError("a bug")

    response = await client.get("/probe")
    assert response.status_code == 500
    assert "Traceback" in caplog.text
    assert "ValueError: a bug" in caplog.text


async def test_two_units_at_once_are_refused(db: Database) -> None:
    async with db.unit():
        second = db.unit()
        with pytest.raises(OneTransactionError, match="commits"):
            await second.__aenter__()
