"""Fixtures: a database of the tests' own, and the app on it.

A test runs in one transaction that is rolled back at its end; what the code under
test commits is a savepoint in there. A test marked `commits` has real transactions,
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
    """Call many times at the same time, as so many clients would."""
    return list(await asyncio.gather(*(call() for _ in range(count))))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in describe_leftovers():
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
async def loop(anyio_backend: str) -> AsyncIterator[None]:
    """Keep one event loop for all tests, so that nothing of a driver outlives its own."""
    yield  # noqa: PT022  # a fixture that returned would let go of the loop


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


async def run_alembic(command: Callable[..., object], config: Config, *arguments: str) -> None:
    """Run a command of Alembic in a thread: it has an event loop of its own."""
    await asyncio.to_thread(command, config, *arguments)


@pytest.fixture
async def db(
    loop: None, settings: Settings, request: pytest.FixtureRequest
) -> AsyncIterator[Database]:
    """The database as the app has it, rolled back after the test unless that `commits`."""
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
    """A client of the app; `db` takes the place of the one that its lifespan would make."""
    async with serving(app, {"db": db}) as client:
        yield client


@pytest.fixture
def client_of(loop: None) -> ClientOf:
    """A way to a client of another app, with a database that its own lifespan makes."""

    @asynccontextmanager
    async def client_of(app: FastAPI) -> AsyncGenerator[AsyncClient]:
        async with app.router.lifespan_context(app) as state, serving(app, state) as client:
            yield client

    return client_of


def serving(app: FastAPI, state: Any) -> AsyncClient:
    """Make a client of the app as its lifespan leaves it.

    An exception that nothing handles is answered 500, and logged as the server would.
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
