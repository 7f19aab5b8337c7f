"""Fixtures: a database of the tests' own, and the app on it.

A test runs in one transaction that is rolled back at its end; what the code under
test commits is a savepoint in there. A test marked `commits` has real transactions,
and its rows are deleted afterwards.
"""

import logging
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

import pytest
from alembic import command
from alembic.config import Config
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import (
    URL,
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
from starlette.types import Receive, Scope, Send

from app.database import Database, connected
from app.models import Base
from app.settings import Settings
from tests.database import database_of_run, describe_leftovers, scratch_database
from tests.products import OwnBase, Product, create_app
from tests.transaction import OneTransaction

logger = logging.getLogger(__name__)

T = TypeVar("T")
ClientOf = Callable[[FastAPI], AbstractContextManager[TestClient]]


def at_once(count: int, call: Callable[[], T]) -> list[T]:
    """Call many times at the same time, as so many clients would."""
    with ThreadPoolExecutor(count) as pool:
        calls = [pool.submit(call) for _ in range(count)]
    return [made.result() for made in calls]


def forget(connection: Connection) -> None:
    """Give a connection back to the pool behind its back, so that its transaction has no end."""
    connection.connection.close()


def delay_connections(db: Database, seconds: float) -> None:
    """Make each connection of the pool take so long to open."""

    def wait(_connection: Any, _record: ConnectionPoolEntry) -> None:
        time.sleep(seconds)

    event.listen(db.engine, "connect", wait)


@contextmanager
def broken_connections(db: Database, error: Exception) -> Generator[None]:
    """Make each connection of the pool raise an error while it opens."""

    def fail(_connection: Any, _record: ConnectionPoolEntry) -> None:
        raise error

    event.listen(db.engine, "connect", fail)
    try:
        yield
    finally:
        event.remove(db.engine, "connect", fail)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in describe_leftovers():
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def settings() -> Iterator[Settings]:
    """The settings of the service, but for the database: that is made and migrated here."""
    with database_of_run(Settings().database_url) as url:
        settings = migrated(url)
        create_own_tables(url)
        yield settings


@pytest.fixture
def own_settings(settings: Settings) -> Iterator[Settings]:
    """Settings with a database for one test alone, which changes the schema."""
    with scratch_database(settings.database_url) as url:
        yield migrated(url)


def migrated(url: URL) -> Settings:
    """Bring a database to its newest revision, and give settings with it."""
    settings = Settings(database_url=url)
    command.upgrade(alembic_config(settings), "head")
    return settings


def create_own_tables(url: URL) -> None:
    """Create the tables that no migration knows."""
    engine = create_engine(url, poolclass=NullPool)
    OwnBase.metadata.create_all(engine)
    engine.dispose()


def alembic_config(settings: Settings) -> Config:
    return Config(toml_file="pyproject.toml", attributes={"settings": settings})


def run_alembic(command: Callable[..., object], config: Config, *arguments: str) -> None:
    """Run a command of Alembic."""
    command(config, *arguments)


@pytest.fixture
def db(settings: Settings, request: pytest.FixtureRequest) -> Iterator[Database]:
    """The database as the app has it, rolled back after the test unless that `commits`."""
    with connected(settings) as db:
        if request.node.get_closest_marker("commits"):
            yield db
            with db.sessions.begin() as session:
                for table in reversed(
                    [*Base.metadata.sorted_tables, *OwnBase.metadata.sorted_tables]
                ):
                    session.execute(table.delete())
            return
        with db.engine.connect() as connection:
            transaction = connection.begin()
            confined = OneTransaction(connection)
            yield db
            confined.leave(connection)
            transaction.rollback()


@contextmanager
def created(db: Database, metadata: MetaData) -> Generator[None]:
    """Keep tables of a test's own, for a test that `commits`."""
    metadata.create_all(db.engine)
    yield
    metadata.drop_all(db.engine)


@pytest.fixture
def notes(db: Database) -> Iterator[Table]:
    """A second table, whose rows refer to products, for a test that `commits`."""
    key = ForeignKey(Product.__table__.c.id)
    notes = Table("test_notes", MetaData(), Column("product_id", Integer, key))
    with db.engine.begin() as connection:
        connection.execute(CreateTable(notes))
    yield notes
    with db.engine.begin() as connection:
        connection.execute(DropTable(notes))


@pytest.fixture
def measures(db: Database) -> Iterator[Table]:
    """A table of numbers of several types, for a test that `commits`."""
    numbers = (Column("amount", Integer), Column("ratio", Float), Column("price", Numeric(10, 2)))
    measures = Table("test_measures", MetaData(), *numbers)
    with db.engine.begin() as connection:
        connection.execute(CreateTable(measures))
    yield measures
    with db.engine.begin() as connection:
        connection.execute(DropTable(measures))


@pytest.fixture
def app(settings: Settings) -> FastAPI:
    return create_app(settings)


@pytest.fixture
def client(app: FastAPI, db: Database) -> Iterator[TestClient]:
    """A client of the app; `db` takes the place of the one that its lifespan made."""
    with serving(app) as client:
        client.app_state["db"] = db
        yield client


@pytest.fixture
def client_of() -> ClientOf:
    """A way to a client of another app, with a database that its own lifespan makes."""
    return serving


def serving(app: FastAPI) -> TestClient:
    """Make a client of the app.

    An exception that nothing handles is answered 500, and logged as the server would.
    """

    async def logged(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except Exception:
            logger.exception("%s raised an exception", scope.get("path", "The lifespan"))
            raise

    return TestClient(logged, raise_server_exceptions=False)
