"""The pool is never oversubscribed; requests that it cannot serve get 503."""

import asyncio
import time
from itertools import count
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request
from httpx2 import AsyncClient
from pydantic import ValidationError
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.dependencies import ReaderDep, SessionDep
from app.settings import Settings
from tests.conftest import ClientOf, at_once
from tests.guarantees.products import Product, create_app

pytestmark = pytest.mark.commits


async def authenticate(session: SessionDep) -> int:
    """Run a query before the endpoint starts, as authentication in a real service does."""
    return await session.scalar(select(1)) or 0


def add_slow_endpoint(app: FastAPI) -> None:
    @app.get("/test-slow")
    async def slow(session: SessionDep, user: Annotated[int, Depends(authenticate)]) -> int:
        await session.scalar(select(1))
        await asyncio.sleep(0.01)
        return user


async def test_300_concurrent_requests_all_get_200(settings: Settings, client_of: ClientOf) -> None:
    app = create_app(settings.model_copy(update={"database_max_waiting": 300}))
    add_slow_endpoint(app)
    async with client_of(app) as client:
        responses = await at_once(300, lambda: client.get("/test-slow"))
    assert [response.status_code for response in responses] == [200] * 300


async def test_requests_get_503_when_the_queue_is_full(
    settings: Settings, client_of: ClientOf
) -> None:
    app = create_app(settings.model_copy(update={"database_max_waiting": 5}))
    add_slow_endpoint(app)
    async with client_of(app) as client:
        responses = await at_once(60, lambda: client.get("/test-slow"))
    assert {response.status_code for response in responses} == {200, 503}
    for response in responses:
        assert response.status_code == 200 or response.headers["Retry-After"]


async def test_every_slot_and_connection_is_released(
    app: FastAPI, client: AsyncClient, db: Database, settings: Settings
) -> None:
    add_slow_endpoint(app)
    await at_once(50, lambda: client.get("/test-slow"))
    await at_once(50, lambda: client.get("/test-products"))
    assert db.writer_queue.free == settings.writer_connections
    assert db.reader_queue.free == settings.reader_connections
    for engine in (db.engine, db.reader_engine):
        assert engine.pool.status().endswith("Current Checked out connections: 0")


async def by_reader(reader: ReaderDep) -> AsyncSession:
    await reader.scalar(select(1))
    return reader


async def by_session(session: SessionDep) -> AsyncSession:
    await session.scalar(select(1))
    return session


async def nested(found: Annotated[AsyncSession, Depends(by_session)]) -> AsyncSession:
    return found


router = APIRouter(prefix="/test-both")


@router.get("/authentication-by-session")
async def reader_second(
    session: Annotated[AsyncSession, Depends(by_session)], reader: ReaderDep
) -> bool:
    await reader.scalar(select(1))
    return session is reader


@router.get("/authentication-by-reader")
async def session_second(
    reader: Annotated[AsyncSession, Depends(by_reader)], session: SessionDep
) -> bool:
    await session.scalar(select(1))
    return session is reader


@router.get("/nested")
async def session_last(
    reader: ReaderDep, session: Annotated[AsyncSession, Depends(nested)]
) -> bool:
    await reader.scalar(select(1))
    return session is reader


@router.get("/of-the-router")
async def reader_alone(request: Request, reader: ReaderDep) -> bool:
    await reader.scalar(select(1))
    return bool(request.state.session is reader)


@pytest.mark.parametrize(
    "path",
    ["authentication-by-session", "authentication-by-reader", "nested", "of-the-router"],
)
async def test_a_request_that_reads_and_writes_uses_one_connection(
    path: str, settings: Settings, client_of: ClientOf
) -> None:
    """With two each, requests that hold one connection could deadlock waiting for a second."""
    app = create_app(settings.model_copy(update={"database_max_overflow": 0}))
    of_the_router = [Depends(by_reader), Depends(by_session)] if path == "of-the-router" else []
    app.include_router(router, dependencies=of_the_router)
    async with client_of(app) as client:
        responses = await at_once(60, lambda: client.get(f"/test-both/{path}"))
    assert [(it.status_code, it.json()) for it in responses] == [(200, True)] * 60


async def test_a_read_only_request_does_not_wait_for_writers(
    app: FastAPI, client: AsyncClient, db: Database
) -> None:
    @app.get("/probe")
    async def probe(
        user: Annotated[AsyncSession, Depends(by_reader)], reader: ReaderDep
    ) -> list[str]:
        names = await reader.scalars(select(Product.name))
        return list(names)

    async with db.sessions.begin() as writer:
        writer.add(Product(name="Lamp", category="light", quantity=1))
        await writer.flush()
        begun = time.monotonic()
        response = await client.get("/probe")
        assert (response.status_code, response.json()) == (200, [])
        assert time.monotonic() - begun < 5  # the timeout for a lock is much longer


async def test_an_endpoint_of_two_routes_is_admitted_by_the_route_of_the_request(
    app: FastAPI, client: AsyncClient
) -> None:
    async def kind(reader: ReaderDep) -> str:
        return type(reader).__name__

    app.add_api_route("/probe/reads", kind)
    app.add_api_route("/probe/writes", kind, dependencies=[Depends(by_session)])
    reads, writes = await client.get("/probe/reads"), await client.get("/probe/writes")
    assert "Write" not in reads.json()
    assert "Write" in writes.json()


async def test_a_mounted_router_has_one_session_too(
    settings: Settings, client_of: ClientOf
) -> None:
    app = create_app(settings.model_copy(update={"database_max_overflow": 0}))
    app.mount("/mounted", router)
    async with client_of(app) as client:
        path = "/mounted/test-both/authentication-by-reader"
        responses = await at_once(40, lambda: client.get(path))
    assert [(it.status_code, it.json()) for it in responses] == [(200, True)] * 40


def add_lamps(app: FastAPI) -> None:
    """Add two endpoints that authenticate and write."""
    more = update(Product).values(quantity=Product.quantity + 1)

    @app.post("/probe/reader-first")
    async def reader_first(
        user: Annotated[AsyncSession, Depends(by_reader)], session: SessionDep
    ) -> None:
        await session.execute(more)

    @app.post("/probe/session-first")
    async def session_first(
        session: SessionDep, user: Annotated[AsyncSession, Depends(by_reader)]
    ) -> None:
        await session.execute(more)


@pytest.mark.parametrize("path", ["/probe/reader-first", "/probe/session-first"])
async def test_read_only_requests_finish_while_all_writers_wait(
    path: str, app: FastAPI, client: AsyncClient, db: Database, settings: Settings
) -> None:
    """A transaction locks a row, and more requests than there are connections write to it."""
    add_lamps(app)
    writers = settings.database_pool_size + settings.database_max_overflow + 5
    async with db.sessions.begin() as session:
        session.add(Product(name="Lamp", category="light", quantity=0))
    blocker = db.sessions()
    await blocker.execute(update(Product).values(quantity=100))
    numbers = count()
    answered: list[float] = []

    async def call() -> int:
        if next(numbers) < writers:
            response = await client.post(path)
            return response.status_code
        await asyncio.sleep(0.3)  # all writers wait by then
        begun = time.monotonic()
        response = await client.get("/test-products")
        answered.append(time.monotonic() - begun)
        if len(answered) == 10:
            await blocker.commit()
            await blocker.close()
        return response.status_code

    assert await at_once(writers + 10, call) == [200] * (writers + 10)
    assert max(answered) < 4
    async with db.readers() as reader:
        assert await reader.scalar(select(Product.quantity)) == 100 + writers


@pytest.mark.parametrize(("size", "overflow"), [(1, 0), (1, 1), (1, 3), (2, 2), (4, 0)])
def test_a_pool_that_is_too_small_is_refused(
    size: int, overflow: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_POOL_SIZE", str(size))
    monkeypatch.setenv("DATABASE_MAX_OVERFLOW", str(overflow))
    with pytest.raises(ValidationError, match=f"DATABASE_POOL_SIZE={size} and .* too few"):
        Settings()


@pytest.mark.parametrize("number", ["10", "11"])
def test_readers_must_leave_connections_for_writers(
    number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_READER_CONNECTIONS", number)
    with pytest.raises(ValidationError, match=f"DATABASE_READER_CONNECTIONS={number} leaves no"):
        Settings()


@pytest.mark.parametrize(
    ("size", "overflow", "divided"),
    [
        (10, 5, (5, 5, 2, 2)),
        (5, 10, (2, 3, 4, 5)),
        (10, 0, (3, 4, 1, 1)),
        (1, 4, (1, 1, 1, 1)),
        (5, 0, (1, 1, 1, 1)),
    ],
)
def test_connections_are_divided_between_sessions_readings_and_units(
    size: int, overflow: int, divided: tuple[int, ...]
) -> None:
    """One more connection is for readiness."""
    settings = Settings(database_pool_size=size, database_max_overflow=overflow)
    assert divided == (
        settings.reader_connections,
        settings.writer_connections,
        settings.reading_connections,
        settings.unit_connections,
    )
    assert sum(divided) + 1 == size + overflow


@pytest.mark.parametrize("name", ["pool_size", "max_overflow", "max_waiting", "pool_timeout"])
def test_a_negative_setting_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"DATABASE_{name.upper()}", "-1")
    with pytest.raises(ValidationError, match=f"database_{name}\n.*should be greater than"):
        Settings()
