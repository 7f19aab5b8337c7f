"""Connections are configured, and tests use only their own database."""

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app.database import Database, connected
from app.settings import Settings
from tests.dialect import ANSWERS, CURRENT_DATABASE, LIMITS, SAID, ZONE
from tests.guarantees.conftest import return_to_pool
from tests.guarantees.products import Product


async def test_the_development_database_is_never_touched(db: Database) -> None:
    async with db.sessions() as session:
        current = await session.scalar(text(CURRENT_DATABASE))
    development = Settings().database_url.database
    assert current != development
    assert "_test" in str(current)


@pytest.mark.parametrize(("question", "answer"), [*LIMITS.items(), *ZONE.items()])
async def test_every_connection_is_configured(question: str, answer: object, db: Database) -> None:
    async with db.sessions() as session:
        assert await session.scalar(text(question)) == answer


@pytest.mark.parametrize(("question", "answer"), ZONE.items())
async def test_migrations_use_utc_too(question: str, answer: object, db: Database) -> None:
    engine = create_async_engine(db.engine.url, poolclass=NullPool)
    async with engine.connect() as connection:
        assert await connection.scalar(text(question)) == answer
    await engine.dispose()


@pytest.mark.commits
@pytest.mark.parametrize(("question", "answer"), ANSWERS.items())
async def test_options_in_the_url_take_effect(
    question: str, answer: object, db: Database, settings: Settings
) -> None:
    url = settings.database_url.update_query_dict(SAID)
    told = settings.model_copy(update={"database_url": url})
    async with connected(told) as second, second.sessions() as session:
        assert await session.scalar(text(question)) == answer


@pytest.mark.commits
async def test_all_connections_are_closed_at_shutdown(settings: Settings, db: Database) -> None:
    async with connected(settings) as second:
        pools = (second.engine.pool, second.reader_engine.pool)
        async with second.readers() as reader:
            await reader.execute(select(1))
        async with second.sessions() as session:
            await session.execute(select(1))
        assert all("Connections in pool: 1" in pool.status() for pool in pools)
    pools = (second.engine.pool, second.reader_engine.pool)
    assert all("Connections in pool: 0" in pool.status() for pool in pools)


@pytest.mark.parametrize("_round", [1, 2])
async def test_rows_committed_by_a_test_are_gone_in_the_next(db: Database, _round: int) -> None:
    async with db.sessions.begin() as session:
        session.add(Product(name="Lamp", category="light", quantity=1))
    async with db.readers() as reader:
        assert await reader.scalar(select(func.count()).select_from(Product)) == 1


@pytest.mark.commits
async def test_an_open_transaction_is_rolled_back_on_return_to_the_pool(db: Database) -> None:
    async def count_products() -> int | None:
        async with db.readers() as reader:
            return await reader.scalar(select(func.count()).select_from(Product))

    assert await count_products() == 0
    connection = await db.engine.connect()  # the only connection of the pool
    await connection.execute(
        insert(Product), [{"name": "Lamp", "category": "light", "quantity": 1}]
    )
    await return_to_pool(connection)
    assert await count_products() == 0
    async with db.sessions.begin() as session:
        await session.execute(select(1))
    assert await count_products() == 0
    assert "Connections in pool: 1 " in db.engine.pool.status()
