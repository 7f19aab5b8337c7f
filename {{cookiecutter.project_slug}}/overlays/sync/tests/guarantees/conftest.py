"""More fixtures for the tests of the guarantees: their own tables and routes."""

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
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
    create_engine,
    event,
)
from sqlalchemy.pool import ConnectionPoolEntry, NullPool
from sqlalchemy.schema import CreateTable, DropTable

from app.database import Database
from app.settings import Settings
from tests.guarantees.products import OwnBase, Product, create_app

SLOW_REQUESTS = 15  # each of them needs one of 40 threads


def return_to_pool(connection: Connection) -> None:
    """Return the DBAPI connection to the pool without ending its transaction."""
    connection.connection.close()


def delay_connections(db: Database, seconds: float) -> None:
    """Make each new connection of the pool take this many seconds to open."""

    def wait(_connection: Any, _record: ConnectionPoolEntry) -> None:
        time.sleep(seconds)

    for engine in (db.engine, db.reader_engine):
        event.listen(engine, "connect", wait)


def delay_next_statement(db: Database, seconds: float) -> None:
    """Make the next statement on the writers' engine take this many seconds."""

    def wait(*_: object) -> None:
        time.sleep(seconds)

    event.listen(db.engine, "before_cursor_execute", wait, once=True)


@contextmanager
def broken_connections(db: Database, error: Exception) -> Generator[None]:
    """Make each new connection of the pool raise this error while it opens."""

    def fail(_connection: Any, _record: ConnectionPoolEntry) -> None:
        raise error

    engines = (db.engine, db.reader_engine)
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
    engine = create_engine(settings.database_url, poolclass=NullPool)
    OwnBase.metadata.create_all(engine)
    engine.dispose()


@pytest.fixture
def db(own_tables: None, db: Database, request: pytest.FixtureRequest) -> Iterator[Database]:
    """The database with these tables; a test marked `commits` has its rows deleted afterwards."""
    yield db
    if request.node.get_closest_marker("commits"):
        with db.sessions.begin() as session:
            for table in reversed(OwnBase.metadata.sorted_tables):
                session.execute(table.delete())


@pytest.fixture
def app(own_tables: None, settings: Settings) -> FastAPI:
    """The app with the routes of these tests."""
    return create_app(settings)


@contextmanager
def created(db: Database, metadata: MetaData) -> Generator[None]:
    """Create tables for one test marked `commits`, and drop them afterwards."""
    metadata.create_all(db.engine)
    yield
    metadata.drop_all(db.engine)


@pytest.fixture
def notes(db: Database) -> Iterator[Table]:
    """A second table, whose rows refer to products, for a test marked `commits`."""
    key = ForeignKey(Product.__table__.c.id)
    notes = Table("test_notes", MetaData(), Column("product_id", Integer, key))
    with db.engine.begin() as connection:
        connection.execute(CreateTable(notes))
    yield notes
    with db.engine.begin() as connection:
        connection.execute(DropTable(notes))


@pytest.fixture
def measures(db: Database) -> Iterator[Table]:
    """A table of numbers of several types, for a test marked `commits`."""
    numbers = (Column("amount", Integer), Column("ratio", Float), Column("price", Numeric(10, 2)))
    measures = Table("test_measures", MetaData(), *numbers)
    with db.engine.begin() as connection:
        connection.execute(CreateTable(measures))
    yield measures
    with db.engine.begin() as connection:
        connection.execute(DropTable(measures))
