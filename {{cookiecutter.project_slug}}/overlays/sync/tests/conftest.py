"""Fixtures: a database of the tests' own, and the app on it.

A test runs in one transaction that is rolled back at its end; what the code under
test commits is a savepoint in there. A test marked `commits` has real transactions,
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
    """Call many times at the same time, as so many clients would."""
    with ThreadPoolExecutor(count) as pool:
        calls = [pool.submit(call) for _ in range(count)]
    return [made.result() for made in calls]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in describe_leftovers():
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def settings() -> Iterator[Settings]:
    """The settings of the service, but for the database: that is made and migrated here."""
    with database_of_run(Settings().database_url) as url:
        yield migrated(url)


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
