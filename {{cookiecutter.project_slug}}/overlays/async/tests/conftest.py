"""Fixtures: a database for the tests, and the app that uses it.

A test runs in one transaction that is rolled back at its end. A commit of the code
under test only releases a savepoint. A test marked `commits` has real transactions,
and its rows are deleted afterwards.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

import pytest
from alembic import command
from alembic.config import Config
from fastapi import FastAPI
from httpx2 import AsyncClient
from httpx2.websockets import ASGIWebSocketTransport
from sqlalchemy import URL
from starlette.types import Receive, Scope, Send

from app.database import Base, Database, connected
from app.main import create_app
from app.settings import Settings
from tests.database import database_of_run, describe_leftovers, scratch_database
from tests.transaction import OneTransaction

logger = logging.getLogger(__name__)

T = TypeVar("T")
ClientOf = Callable[[FastAPI], AbstractAsyncContextManager[AsyncClient]]


async def at_once(count: int, call: Callable[[], Awaitable[T]]) -> list[T]:
    """Call a function `count` times concurrently, as that many clients would."""
    return list(await asyncio.gather(*(call() for _ in range(count))))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in describe_leftovers():
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
async def loop(anyio_backend: str) -> AsyncIterator[None]:
    """Keep one event loop for all tests: a driver's objects must not outlive their loop."""
    yield  # noqa: PT022  # the loop must stay open until the end of the session


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


async def run_alembic(command: Callable[..., object], config: Config, *arguments: str) -> None:
    """Run an Alembic command in a thread, because it starts its own event loop."""
    await asyncio.to_thread(command, config, *arguments)


@pytest.fixture
async def db(
    loop: None, settings: Settings, request: pytest.FixtureRequest
) -> AsyncIterator[Database]:
    """The app's `Database`, rolled back after the test unless the test is marked `commits`."""
    async with connected(settings) as db:
        if request.node.get_closest_marker("commits"):
            yield db
            async with db.sessions.begin() as session:
                for table in reversed(Base.metadata.sorted_tables):
                    await session.execute(table.delete())
            return
        async with db.engine.connect() as connection:
            transaction = await connection.begin()
            confined = await connection.run_sync(OneTransaction)
            db.readers.configure(bind=db.engine)
            yield db
            await connection.run_sync(confined.leave)
            await transaction.rollback()


@pytest.fixture
def app(settings: Settings) -> FastAPI:
    return create_app(settings)


@pytest.fixture
async def client(app: FastAPI, db: Database) -> AsyncIterator[AsyncClient]:
    """A client of the app; `db` replaces the database that its lifespan would create."""
    async with serving(app, {"db": db}) as client:
        yield client


@pytest.fixture
def client_of(loop: None) -> ClientOf:
    """A function that returns a client of another app, whose lifespan creates its database."""

    @asynccontextmanager
    async def client_of(app: FastAPI) -> AsyncGenerator[AsyncClient]:
        async with app.router.lifespan_context(app) as state, serving(app, state) as client:
            yield client

    return client_of


def serving(app: FastAPI, state: Any) -> AsyncClient:
    """Make a client of the app, with the state of its lifespan.

    An unhandled exception gets 500 and is logged, as uvicorn would do.
    """

    async def with_state(scope: Scope, receive: Receive, send: Send) -> None:
        extensions: dict[str, Any] = {"websocket.http.response": {}}  # as uvicorn has
        try:
            await app({**scope, "state": dict(state), "extensions": extensions}, receive, send)
        except Exception:
            logger.exception("%s raised an exception", scope["path"])
            raise

    transport = ASGIWebSocketTransport(with_state, raise_app_exceptions=False)
    return AsyncClient(transport=transport, base_url="http://test")
