"""The pool is never oversubscribed; requests that it cannot serve get 503."""

import time
from itertools import count
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.testclient import TestClient
from pydantic import ValidationError
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.database import Database
from app.dependencies import ReaderDep, SessionDep
from app.settings import Settings
from tests.conftest import ClientOf, at_once
from tests.guarantees.products import Product, create_app

pytestmark = pytest.mark.commits


def authenticate(session: SessionDep) -> int:
    """Run a query before the endpoint starts, as authentication in a real service does."""
    return session.scalar(select(1)) or 0


def add_slow_endpoint(app: FastAPI) -> None:
    @app.get("/test-slow")
    def slow(session: SessionDep, user: Annotated[int, Depends(authenticate)]) -> int:
        session.scalar(select(1))
        time.sleep(0.01)
        return user


def test_300_concurrent_requests_all_get_200(settings: Settings, client_of: ClientOf) -> None:
    app = create_app(settings.model_copy(update={"database_max_waiting": 300}))
    add_slow_endpoint(app)
    with client_of(app) as client:
        responses = at_once(300, lambda: client.get("/test-slow"))
    assert [response.status_code for response in responses] == [200] * 300


def test_requests_get_503_when_the_queue_is_full(settings: Settings, client_of: ClientOf) -> None:
    app = create_app(settings.model_copy(update={"database_max_waiting": 5}))
    add_slow_endpoint(app)
    with client_of(app) as client:
        responses = at_once(60, lambda: client.get("/test-slow"))
    assert {response.status_code for response in responses} == {200, 503}
    for response in responses:
        assert response.status_code == 200 or response.headers["Retry-After"]


def test_every_slot_and_connection_is_released(
    app: FastAPI, client: TestClient, db: Database, settings: Settings
) -> None:
    add_slow_endpoint(app)
    at_once(50, lambda: client.get("/test-slow"))
    at_once(50, lambda: client.get("/test-products"))
    assert db.writer_queue.free == settings.writer_connections
    assert db.reader_queue.free == settings.reader_connections
    for engine in (db.engine, db.reader_engine):
        assert engine.pool.status().endswith("Current Checked out connections: 0")


def by_reader(reader: ReaderDep) -> Session:
    reader.scalar(select(1))
    return reader


def by_session(session: SessionDep) -> Session:
    session.scalar(select(1))
    return session


def nested(found: Annotated[Session, Depends(by_session)]) -> Session:
    return found


router = APIRouter(prefix="/test-both")


@router.get("/authentication-by-session")
def reader_second(session: Annotated[Session, Depends(by_session)], reader: ReaderDep) -> bool:
    reader.scalar(select(1))
    return session is reader


@router.get("/authentication-by-reader")
def session_second(reader: Annotated[Session, Depends(by_reader)], session: SessionDep) -> bool:
    session.scalar(select(1))
    return session is reader


@router.get("/nested")
def session_last(reader: ReaderDep, session: Annotated[Session, Depends(nested)]) -> bool:
    reader.scalar(select(1))
    return session is reader


@router.get("/of-the-router")
def reader_alone(request: Request, reader: ReaderDep) -> bool:
    reader.scalar(select(1))
    return bool(request.state.session is reader)


@pytest.mark.parametrize(
    "path",
    ["authentication-by-session", "authentication-by-reader", "nested", "of-the-router"],
)
def test_a_request_that_reads_and_writes_uses_one_connection(
    path: str, settings: Settings, client_of: ClientOf
) -> None:
    """With two each, requests that hold one connection could deadlock waiting for a second."""
    app = create_app(settings.model_copy(update={"database_max_overflow": 0}))
    of_the_router = [Depends(by_reader), Depends(by_session)] if path == "of-the-router" else []
    app.include_router(router, dependencies=of_the_router)
    with client_of(app) as client:
        responses = at_once(60, lambda: client.get(f"/test-both/{path}"))
    assert [(it.status_code, it.json()) for it in responses] == [(200, True)] * 60


def test_a_read_only_request_does_not_wait_for_writers(
    app: FastAPI, client: TestClient, db: Database
) -> None:
    @app.get("/probe")
    def probe(user: Annotated[Session, Depends(by_reader)], reader: ReaderDep) -> list[str]:
        names = reader.scalars(select(Product.name))
        return list(names)

    with db.sessions.begin() as writer:
        writer.add(Product(name="Lamp", category="light", quantity=1))
        writer.flush()
        begun = time.monotonic()
        response = client.get("/probe")
        assert (response.status_code, response.json()) == (200, [])
        assert time.monotonic() - begun < 5  # the timeout for a lock is much longer


def test_an_endpoint_of_two_routes_is_admitted_by_the_route_of_the_request(
    app: FastAPI, client: TestClient
) -> None:
    def kind(reader: ReaderDep) -> str:
        return type(reader).__name__

    app.add_api_route("/probe/reads", kind)
    app.add_api_route("/probe/writes", kind, dependencies=[Depends(by_session)])
    reads, writes = client.get("/probe/reads"), client.get("/probe/writes")
    assert "Write" not in reads.json()
    assert "Write" in writes.json()


def test_a_mounted_router_has_one_session_too(settings: Settings, client_of: ClientOf) -> None:
    app = create_app(settings.model_copy(update={"database_max_overflow": 0}))
    app.mount("/mounted", router)
    with client_of(app) as client:
        path = "/mounted/test-both/authentication-by-reader"
        responses = at_once(40, lambda: client.get(path))
    assert [(it.status_code, it.json()) for it in responses] == [(200, True)] * 40


def add_lamps(app: FastAPI) -> None:
    """Add two endpoints that authenticate and write."""
    more = update(Product).values(quantity=Product.quantity + 1)

    @app.post("/probe/reader-first")
    def reader_first(user: Annotated[Session, Depends(by_reader)], session: SessionDep) -> None:
        session.execute(more)

    @app.post("/probe/session-first")
    def session_first(session: SessionDep, user: Annotated[Session, Depends(by_reader)]) -> None:
        session.execute(more)


@pytest.mark.parametrize("path", ["/probe/reader-first", "/probe/session-first"])
def test_read_only_requests_finish_while_all_writers_wait(
    path: str, app: FastAPI, client: TestClient, db: Database, settings: Settings
) -> None:
    """A transaction locks a row, and more requests than there are connections write to it."""
    add_lamps(app)
    writers = settings.database_pool_size + settings.database_max_overflow + 5
    with db.sessions.begin() as session:
        session.add(Product(name="Lamp", category="light", quantity=0))
    blocker = db.sessions()
    blocker.execute(update(Product).values(quantity=100))
    numbers = count()
    answered: list[float] = []

    def call() -> int:
        if next(numbers) < writers:
            response = client.post(path)
            return response.status_code
        time.sleep(0.3)  # all writers wait by then
        begun = time.monotonic()
        response = client.get("/test-products")
        answered.append(time.monotonic() - begun)
        if len(answered) == 10:
            blocker.commit()
            blocker.close()
        return response.status_code

    assert at_once(writers + 10, call) == [200] * (writers + 10)
    assert max(answered) < 4
    with db.readers() as reader:
        assert reader.scalar(select(Product.quantity)) == 100 + writers


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
