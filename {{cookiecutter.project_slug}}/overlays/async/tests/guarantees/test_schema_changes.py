"""A migration runs while the service has connections that cached the old schema."""

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from sqlalchemy import Table, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database, connected
from app.dependencies import ReaderDep, SessionDep
from app.settings import Settings
from tests.conftest import at_once
from tests.dialect import CHANGE_TYPE, TYPES

pytestmark = pytest.mark.commits


async def change_type(settings: Settings, name: str) -> None:
    """Change the type of a column on a separate connection, as a migration would."""
    async with connected(settings) as other, other.engine.begin() as connection:
        await connection.execute(text(CHANGE_TYPE.format(name)))


@pytest.mark.parametrize("path", ["/test-reader", "/test-session"])
async def test_a_type_change_fails_at_most_one_request_per_connection(
    path: str, app: FastAPI, client: AsyncClient, settings: Settings, measures: Table
) -> None:
    @app.get("/test-reader")
    async def read(reader: ReaderDep) -> int:
        found = await reader.execute(select(measures))
        return len(found.all())

    @app.get("/test-session")
    async def read_in_a_transaction(session: SessionDep) -> int:
        found = await session.execute(select(measures))
        return len(found.all())

    async def status() -> int:
        response = await client.get(path)
        return response.status_code

    for _ in range(10):  # a driver prepares a statement after some executions
        assert set(await at_once(5, status)) == {200}
    await change_type(settings, TYPES[0])
    answers = [await status() for _ in range(30)]
    assert set(answers) <= {200, 503}
    assert answers.count(503) <= 5
    assert answers[-20:] == [200] * 20


async def test_a_unit_of_work_is_retried_after_a_type_change(
    db: Database, settings: Settings, measures: Table
) -> None:
    async def work(session: AsyncSession) -> int:
        await session.execute(insert(measures).values(amount=1))
        found = await session.execute(select(measures.c.amount))
        return len(found.all())

    for count in range(1, 11):
        assert await db.run(work) == count
    for count, name in enumerate(TYPES, 11):
        await change_type(settings, name)
        assert await db.run(work) == count
