"""More fixtures for the tests of the guarantees: their own tables and routes."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import (
    Column,
    Connection,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    Numeric,
    Table,
    event,
)
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, NullPool
from sqlalchemy.schema import CreateTable, DropTable

from app.database import Database
from app.settings import Settings
from tests.guarantees.products import OwnBase, Product, create_app

SLOW_REQUESTS = 100


async def return_to_pool(connection: AsyncConnection) -> None:
    """Return the DBAPI connection to the pool without ending its transaction."""
    await connection.run_sync(lambda it: it.connection.close())


def delay_connections(db: Database, seconds: float) -> None:
    """Make each new connection of the pool take this many seconds to open."""

    def wait(connection: Any, _record: ConnectionPoolEntry) -> None:
        connection.run_async(lambda _: asyncio.sleep(seconds))

    for engine in (db.engine.sync_engine, db.reader_engine.sync_engine):
        event.listen(engine, "connect", wait)


def delay_next_statement(db: Database, seconds: float) -> None:
    """Make the next statement on the writers' engine take this many seconds."""

    def wait(connection: Connection, *_: object) -> None:
        driver: Any = connection.connection.dbapi_connection
        driver.run_async(lambda _: asyncio.sleep(seconds))

    event.listen(db.engine.sync_engine, "before_cursor_execute", wait, once=True)


@contextmanager
def broken_connections(db: Database, error: Exception) -> Generator[None]:
    """Make each new connection of the pool raise this error while it opens."""

    def fail(_connection: Any, _record: ConnectionPoolEntry) -> None:
        raise error

    engines = (db.engine.sync_engine, db.reader_engine.sync_engine)
    for engine in engines:
        event.listen(engine, "connect", fail)
    try:
        yield
    finally:
        for engine in engines:
            event.remove(engine, "connect", fail)


@pytest.fixture(scope="session")
def own_tables(settings: Settings) -> None:
    """Create the tables that have no migration."""

    async def create() -> None:
        engine = create_async_engine(settings.database_url, poolclass=NullPool)
        async with engine.begin() as connection:
            await connection.run_sync(OwnBase.metadata.create_all)
        await engine.dispose()

    asyncio.run(create())


@pytest.fixture
async def db(
    own_tables: None, db: Database, request: pytest.FixtureRequest
) -> AsyncIterator[Database]:
    """The database with these tables; a test marked `commits` has its rows deleted afterwards."""
    yield db
    if request.node.get_closest_marker("commits"):
        async with db.sessions.begin() as session:
            for table in reversed(OwnBase.metadata.sorted_tables):
                await session.execute(table.delete())


@pytest.fixture
def app(own_tables: None, settings: Settings) -> FastAPI:
    """The app with the routes of these tests."""
    return create_app(settings)


@asynccontextmanager
async def created(db: Database, metadata: MetaData) -> AsyncGenerator[None]:
    """Create tables for one test marked `commits`, and drop them afterwards."""
    async with db.engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    yield
    async with db.engine.begin() as connection:
        await connection.run_sync(metadata.drop_all)


@pytest.fixture
async def notes(db: Database) -> AsyncIterator[Table]:
    """A second table, whose rows refer to products, for a test marked `commits`."""
    key = ForeignKey(Product.__table__.c.id)
    notes = Table("test_notes", MetaData(), Column("product_id", Integer, key))
    async with db.engine.begin() as connection:
        await connection.execute(CreateTable(notes))
    yield notes
    async with db.engine.begin() as connection:
        await connection.execute(DropTable(notes))


@pytest.fixture
async def measures(db: Database) -> AsyncIterator[Table]:
    """A table of numbers of several types, for a test marked `commits`."""
    numbers = (Column("amount", Integer), Column("ratio", Float), Column("price", Numeric(10, 2)))
    measures = Table("test_measures", MetaData(), *numbers)
    async with db.engine.begin() as connection:
        await connection.execute(CreateTable(measures))
    yield measures
    async with db.engine.begin() as connection:
        await connection.execute(DropTable(measures))
