"""Fixtures: a database for the tests, and the app that uses it.

A test runs in one transaction that is rolled back at its end. A commit of the code
under test only releases a savepoint. A test marked `commits` has real transactions,
and its rows are deleted afterwards.
"""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import TypeVar

import pytest
from alembic import command
from alembic.config import Config
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import URL
from starlette.types import Receive, Scope, Send

from app.database import Base, Database, connected
from app.main import create_app
from app.settings import Settings
from tests.database import database_of_run, describe_leftovers, scratch_database
from tests.transaction import OneTransaction

logger = logging.getLogger(__name__)

T = TypeVar("T")
ClientOf = Callable[[FastAPI], AbstractContextManager[TestClient]]


def at_once(count: int, call: Callable[[], T]) -> list[T]:
    """Call a function `count` times concurrently, as that many clients would."""
    with ThreadPoolExecutor(count) as pool:
        calls = [pool.submit(call) for _ in range(count)]
    return [made.result() for made in calls]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in describe_leftovers():
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def settings() -> Iterator[Settings]:
    """The settings of the service, with a database that is created and migrated here."""
    with database_of_run(Settings().database_url) as url:
        yield migrated(url)


@pytest.fixture
def own_settings(settings: Settings) -> Iterator[Settings]:
    """Settings with a database for a single test, which changes the schema."""
    with scratch_database(settings.database_url) as url:
        yield migrated(url)


def migrated(url: URL) -> Settings:
    """Upgrade a database to its newest revision, and return settings for it."""
    settings = Settings(database_url=url)
    command.upgrade(alembic_config(settings), "head")
    return settings


def alembic_config(settings: Settings) -> Config:
    return Config(toml_file="pyproject.toml", attributes={"settings": settings})


def run_alembic(command: Callable[..., object], config: Config, *arguments: str) -> None:
    """Run an Alembic command."""
    command(config, *arguments)


@pytest.fixture
def db(settings: Settings, request: pytest.FixtureRequest) -> Iterator[Database]:
    """The app's `Database`, rolled back after the test unless the test is marked `commits`."""
    with connected(settings) as db:
        if request.node.get_closest_marker("commits"):
            yield db
            with db.sessions.begin() as session:
                for table in reversed(Base.metadata.sorted_tables):
                    session.execute(table.delete())
            return
        with db.engine.connect() as connection:
            transaction = connection.begin()
            confined = OneTransaction(connection)
            db.readers.configure(bind=db.engine)
            yield db
            confined.leave(connection)
            transaction.rollback()


@pytest.fixture
def app(settings: Settings) -> FastAPI:
    return create_app(settings)


@pytest.fixture
def client(app: FastAPI, db: Database) -> Iterator[TestClient]:
    """A client of the app; `db` replaces the database that its lifespan created."""
    with serving(app) as client:
        client.app_state["db"] = db
        yield client


@pytest.fixture
def client_of() -> ClientOf:
    """A function that returns a client of another app, whose lifespan creates its database."""
    return serving


def serving(app: FastAPI) -> TestClient:
    """Make a client of the app.

    An unhandled exception gets 500 and is logged, as uvicorn would do.
    """

    async def logged(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except Exception:
            logger.exception("%s raised an exception", scope.get("path", "The lifespan"))
            raise

    return TestClient(logged, raise_server_exceptions=False)
