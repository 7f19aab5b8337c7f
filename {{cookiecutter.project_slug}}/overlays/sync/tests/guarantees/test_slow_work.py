"""Slow work between short units of work holds neither a connection nor a slot."""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing
from itertools import count
from typing import Annotated

import pytest
from fastapi import BackgroundTasks, Depends, FastAPI
from fastapi.responses import StreamingResponse
from fastapi.sse import EventSourceResponse
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import func, select
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from app.database import Database
from app.database.admission import Overloaded, Queue
from app.database.slots import Slots
from app.dependencies import DatabaseDep, ReaderDep, SessionDep
from app.settings import Settings
from tests.conftest import ClientOf, at_once
from tests.guarantees.conftest import SLOW_REQUESTS
from tests.guarantees.products import Product, create_app

pytestmark = pytest.mark.commits


def store(session: Session, name: str = "Lamp") -> None:
    session.add(Product(name=name, category="slow", quantity=1))
    session.flush()


def count_products(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(Product)) or 0


def stored(db: Database) -> int:
    with db.reading() as reader:
        return count_products(reader)


def held(db: Database) -> list[str]:
    """Name the pools that have given out a connection, and the queues that have given a slot."""
    pools = {"writers": db.engine.pool, "readers": db.reader_engine.pool}
    queues: dict[str, Queue | Slots] = {
        "sessions": db.writer_queue,
        "reader sessions": db.reader_queue,
        "units": db.unit_slots,
        "readings": db.reading_slots,
    }
    out = [name for name, pool in pools.items() if " out connections: 0" not in pool.status()]
    return out + [name for name, queue in queues.items() if queue.free < queue.slots]


def wait_until(condition: Callable[[], object]) -> None:
    """Wait until a condition is true, or for 20 seconds."""
    for _ in range(400):
        if condition():
            break
        time.sleep(0.05)


def authenticate(db: DatabaseDep) -> int:
    with db.reading() as reader:
        return count_products(reader)


def test_slow_requests_and_streams_hold_nothing(
    app: FastAPI, client: TestClient, db: Database
) -> None:
    db.unit_slots.max_waiting = db.reading_slots.max_waiting = 2 * SLOW_REQUESTS
    names = count()
    waiting: list[str] = []
    released: list[bool] = []

    @app.post("/probe/request")
    def slow(db: DatabaseDep, user: Annotated[int, Depends(authenticate)]) -> None:
        with db.unit() as session:
            store(session, f"Lamp {next(names)}")
        waiting.append("request")
        wait_until(lambda: released)
        with db.unit() as session:
            store(session, f"Lamp {next(names)}")

    @app.post("/probe/stream")
    def stream(db: DatabaseDep) -> StreamingResponse:
        def lines() -> Iterator[str]:
            for _ in range(2):
                with db.unit() as session:
                    store(session, f"Lamp {next(names)}")
                yield "stored;"
                waiting.append("stream")
                wait_until(lambda: released)

        return StreamingResponse(lines())

    callers = count()

    def call() -> list[Response]:
        number = next(callers)
        if number < 2 * SLOW_REQUESTS:
            return [client.post(f"/probe/{('request', 'stream')[number % 2]}")]
        try:
            wait_until(lambda: len(waiting) == 2 * SLOW_REQUESTS and not held(db))
            assert held(db) == []
            return [
                client.get("/test-products"),
                client.post("/test-products", json={"name": "Chair", "category": "seat"}),
            ]
        finally:
            released.append(True)

    *slow_ones, quick = at_once(2 * SLOW_REQUESTS + 1, call)
    assert [it.status_code for it in quick] == [200, 201]
    assert {it.status_code for found in slow_ones for it in found} == {200}
    assert {found[0].text for found in slow_ones} == {"null", "stored;stored;"}
    assert stored(db) == 4 * SLOW_REQUESTS + 1


def test_units_and_sessions_do_not_wait_for_each_other(
    settings: Settings, client_of: ClientOf
) -> None:
    """With shared slots, requests that hold one could wait for threads of those that need one."""
    app = create_app(settings.model_copy(update={"database_max_waiting": 200}))

    @app.get("/probe/units")
    def units(db: DatabaseDep, user: Annotated[int, Depends(authenticate)]) -> int:
        with db.unit() as session:
            return count_products(session)

    @app.get("/probe/session")
    def by_session(user: Annotated[int, Depends(authenticate)], session: SessionDep) -> int:
        return count_products(session)

    @app.get("/probe/reader")
    def by_reader(user: Annotated[int, Depends(authenticate)], reader: ReaderDep) -> int:
        return count_products(reader)

    paths = ("units", "session", "units", "reader")
    callers = count()
    with client_of(app) as client:
        responses = at_once(160, lambda: client.get(f"/probe/{paths[next(callers) % 4]}"))
    assert [it.status_code for it in responses] == [200] * 160


def add_units(app: FastAPI) -> None:
    """Add endpoints that open their units before and after they have done something."""

    @app.post("/probe/first")
    def first(db: DatabaseDep) -> None:
        with db.unit() as session:
            store(session, "first")

    @app.post("/probe/second")
    def second(db: DatabaseDep) -> None:
        with db.unit() as session:
            store(session, "second")
        time.sleep(1)
        with db.unit() as session:
            store(session, "third")

    @app.post("/probe/stream")
    def stream(db: DatabaseDep) -> StreamingResponse:
        def lines() -> Iterator[str]:
            yield "begun;"
            time.sleep(1)
            with db.unit() as session:
                yield f"{count_products(session) > 0};"

        return StreamingResponse(lines())

    @app.post("/probe/events", response_class=EventSourceResponse)
    def events(db: DatabaseDep) -> Iterator[bool]:
        with db.unit() as session:
            yield count_products(session) > 0

    asked: list[bool] = []

    def end_after_asking() -> Iterator[None]:
        yield
        for _ in range(30):  # FastAPI begins the events meanwhile, before the response
            if not asked:
                time.sleep(0.1)
        time.sleep(0.2)  # the error arrives

    @app.post("/probe/early", response_class=EventSourceResponse)
    def early(
        db: DatabaseDep, late: Annotated[None, Depends(end_after_asking, scope="function")]
    ) -> Iterator[bool]:
        try:
            with db.unit() as session:
                yield count_products(session) > 0
        finally:
            asked.append(True)


def test_only_a_request_that_has_done_nothing_is_rejected(
    app: FastAPI, client: TestClient, db: Database, settings: Settings
) -> None:
    """All connections of units are taken, and no unit may be queued."""
    add_units(app)
    db.unit_slots.max_waiting = 0
    callers = count()

    def call() -> Response | None:
        number = next(callers)
        if number < 4:
            time.sleep((0, 0, 0.8, 0.8)[number])
            return client.post(f"/probe/{('second', 'stream', 'events', 'early')[number]}")
        time.sleep(0.5)
        with ExitStack() as stack:
            for _ in range(settings.unit_connections):
                stack.enter_context(db.unit_slots)
            rejected = client.post("/probe/first")
            time.sleep(1.5)  # the others wait now
            assert stored(db) == 1
        assert rejected.headers["Retry-After"]
        return rejected

    found = at_once(5, call)
    assert [it and it.status_code for it in found] == [200, 200, 200, 503, 503]
    assert found[3]
    assert found[3].headers["Retry-After"]
    assert [it and it.text for it in found[1:3]] == ["begun;True;", "data: true\n\n"]
    assert stored(db) == 2


def test_an_exception_rolls_back_only_its_unit(
    app: FastAPI, client: TestClient, db: Database
) -> None:
    @app.post("/probe")
    def probe(db: DatabaseDep) -> None:
        with db.unit() as session:
            store(session)
        with db.unit() as session:
            store(session, "Chair")
            store(session)

    response = client.post("/probe")
    assert (response.status_code, stored(db)) == (409, 1)


def test_nothing_is_to_be_tried_again_after_a_commit(
    app: FastAPI, client: TestClient, db: Database
) -> None:
    @app.post("/probe/{number}")
    def probe(db: DatabaseDep, number: int) -> None:
        if number:
            with db.unit() as session:
                store(session)
        with db.unit(read_only=True):
            raise PoolTimeoutError

    @app.post("/probe/queue/full")
    def queue_full(db: DatabaseDep) -> None:
        with db.unit() as session:
            store(session, "Chair")
        raise Overloaded  # as a session would

    before, after = client.post("/probe/0"), client.post("/probe/1")
    rejected = client.post("/probe/queue/full")
    assert (rejected.status_code, rejected.json()) == (500, after.json())
    assert (before.status_code, "Retry-After" in before.headers) == (503, True)
    assert (after.status_code, "Retry-After" in after.headers) == (500, False)
    assert after.json()["detail"] == "The request failed after a part of it was stored."
    assert stored(db) == 2


def test_the_first_commit_ends_the_deadline(
    settings: Settings, client_of: ClientOf, db: Database
) -> None:
    app = create_app(settings.model_copy(update={"request_timeout": 0.5}))

    @app.post("/probe/{number}")
    def probe(db: DatabaseDep, number: int) -> None:
        if number:
            db.run(store)
        time.sleep(0.8)
        with db.unit() as session:
            store(session, "Chair")

    with client_of(app) as client:
        late, stored_first = client.post("/probe/0"), client.post("/probe/1")
    assert (late.status_code, stored_first.status_code) == (503, 200)
    assert stored(db) == 2


def test_a_session_beside_authentication_has_a_deadline(
    settings: Settings, client_of: ClientOf, db: Database
) -> None:
    app = create_app(settings.model_copy(update={"request_timeout": 0.5}))

    @app.post("/probe")
    def probe(session: SessionDep, user: Annotated[int, Depends(authenticate)]) -> None:
        store(session)
        time.sleep(0.8)

    with client_of(app) as client:
        response = client.post("/probe")
    assert (response.status_code, stored(db)) == (503, 0)


@pytest.mark.parametrize("path", ["before", "after"])
def test_reading_uses_the_open_session_of_the_request(
    path: str, app: FastAPI, client: TestClient
) -> None:
    def reads(db: DatabaseDep, session: SessionDep) -> bool:
        with db.reading() as reader:
            return reader is session

    @app.get("/probe/before")
    def before(user: Annotated[int, Depends(authenticate)], session: SessionDep) -> bool:
        return count_products(session) == user

    @app.get("/probe/after")
    def after(session: SessionDep, same: Annotated[bool, Depends(reads)]) -> bool:
        return same

    responses = at_once(60, lambda: client.get(f"/probe/{path}"))
    assert [(it.status_code, it.json()) for it in responses] == [(200, True)] * 60


def test_a_unit_beside_an_open_session_is_refused(
    app: FastAPI, client: TestClient, db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    @app.post("/probe/unit")
    def unit(session: SessionDep, db: DatabaseDep) -> None:
        with db.unit() as second:
            store(second)

    @app.post("/probe/run")
    def run(reader: ReaderDep, db: DatabaseDep) -> None:
        db.run(store)

    for path in ("unit", "run"):
        response = client.post(f"/probe/{path}")
        assert response.status_code == 500
        assert "take DatabaseDep only" in caplog.text
        caplog.clear()
    assert stored(db) == 0


def test_what_follows_a_unit_runs_after_its_commit(
    app: FastAPI, client: TestClient, db: Database
) -> None:
    seen: list[int] = []

    def note() -> None:
        seen.append(stored(db))

    @app.post("/probe")
    def probe(db: DatabaseDep, tasks: BackgroundTasks) -> None:
        with db.unit() as session:
            store(session)
        note()
        db.run(lambda session: store(session, "Chair"))
        note()
        tasks.add_task(note)

    response = client.post("/probe")
    assert (response.status_code, seen) == (200, [1, 2, 2])


def test_a_request_that_has_ended_may_begin_units(
    app: FastAPI, client: TestClient, db: Database
) -> None:
    def later(own: DatabaseDep) -> None:
        with own.unit() as session:
            store(session)

    def handle(own: DatabaseDep) -> DatabaseDep:
        return own

    @app.post("/probe")
    def probe(
        session: SessionDep,
        own: Annotated[DatabaseDep, Depends(handle)],
        tasks: BackgroundTasks,
    ) -> None:
        tasks.add_task(later, own)

    response = client.post("/probe")
    assert (response.status_code, stored(db)) == (200, 1)


def test_a_unit_that_is_open_at_a_yield_holds_its_connection(db: Database) -> None:
    """A slow client would hold it: read what a part needs, end the unit, then yield."""

    def lines() -> Generator[str, None]:
        with db.unit() as session:
            store(session)
            yield "stored?"

    with closing(lines()) as stream:  # as when the client leaves
        next(stream)
        assert held(db) == ["writers", "units"]
    assert held(db) == []
    assert stored(db) == 0
