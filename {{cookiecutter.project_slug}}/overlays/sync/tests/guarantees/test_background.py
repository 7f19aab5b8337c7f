"""Work outside requests has its own connections and takes none from requests."""

import asyncio
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Event, Lock

import anyio.to_thread
import pytest
from fastapi import BackgroundTasks, FastAPI, Request
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.database import Database
from app.settings import Settings
from tests.conftest import at_once
from tests.guarantees.products import Product

pytestmark = pytest.mark.commits


def store(session: Session, name: str) -> None:
    session.add(Product(name=name, category="later", quantity=1))
    session.flush()
    time.sleep(0.05)


def count_products(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(Product)) or 0


def test_background_tasks_wait_and_requests_do_not(
    app: FastAPI, client: TestClient, db: Database, settings: Settings
) -> None:
    """Background tasks and other threads share the connections for work outside requests."""
    numbers = count()
    running: list[str] = []
    peaks: list[int] = []

    def count_and_store(session: Session, name: str) -> None:
        running.append(name)
        peaks.append(len(running))
        store(session, name)
        running.pop()

    @app.post("/probe")
    def probe(tasks: BackgroundTasks) -> None:
        tasks.add_task(db.run_in_background, count_and_store, f"Lamp {next(numbers)}")

    def in_a_thread() -> None:
        with db.unit() as session:
            count_and_store(session, f"Lamp {next(numbers)}")

    with ThreadPoolExecutor() as pool:
        posting = pool.submit(lambda: at_once(20, lambda: client.post("/probe")))
        threads = pool.submit(at_once, 10, in_a_thread)
        read = at_once(30, lambda: client.get("/test-products"))
    assert {response.status_code for response in [*posting.result(), *read]} == {200}
    assert threads.result()
    with db.unit() as session:
        assert count_products(session) == 30
    # With one writer at a time the peak is 1: the others wait for its lock with a connection.
    assert 1 <= max(peaks) <= settings.unit_connections


def test_waiting_background_tasks_hold_no_request_threads(
    app: FastAPI, client: TestClient, db: Database, settings: Settings
) -> None:
    free = Event()

    def wait(_session: Session) -> None:
        free.wait(20)

    @app.post("/probe")
    def probe(tasks: BackgroundTasks) -> None:
        tasks.add_task(db.run_in_background, wait)

    def leave_one_thread() -> None:
        anyio.to_thread.current_default_thread_limiter().total_tokens = 1

    assert client.portal
    client.portal.call(leave_one_thread)
    with ThreadPoolExecutor() as pool:
        count = settings.unit_connections + 5
        waiting = pool.submit(lambda: at_once(count, lambda: client.post("/probe")))
        time.sleep(0.5)
        assert client.get("/test-products").status_code == 200
        assert not waiting.done()
        free.set()
    assert {response.status_code for response in waiting.result()} == {200}


def test_a_loop_of_units_does_not_starve_other_units(db: Database, settings: Settings) -> None:
    """Each loop starts its next unit as soon as the last one has ended."""
    stop = Event()

    def loop() -> None:
        while not stop.is_set():
            with db.unit(read_only=True) as session:
                count_products(session)

    with ThreadPoolExecutor() as pool:
        for _ in range(settings.unit_connections):
            pool.submit(loop)
        try:
            for _ in range(20):
                begun = time.monotonic()
                with db.unit(read_only=True) as session:
                    count_products(session)
                assert time.monotonic() - begun < 5
        finally:
            stop.set()


def test_retryable_transactions_wait_for_a_connection(db: Database, settings: Settings) -> None:
    lock = Lock()
    running = peak = 0

    def work(session: Session) -> None:
        nonlocal running, peak
        with lock:
            running += 1
            peak = max(peak, running)
        count_products(session)
        time.sleep(0.02)
        with lock:
            running -= 1

    at_once(30, lambda: db.run(work, read_only=True))
    assert peak == settings.unit_connections


def test_a_unit_on_the_event_loop_is_refused(db: Database) -> None:
    async def begin() -> None:
        with db.unit():
            pass

    with pytest.raises(RuntimeError, match="would block the event loop"):
        asyncio.run(begin())


def test_a_unit_that_fails_is_rolled_back(db: Database) -> None:
    def store_and_fail() -> None:
        with db.unit() as session:
            store(session, "Lamp")
            raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        store_and_fail()
    with db.unit() as session:
        assert count_products(session) == 0


def test_a_read_only_unit_cannot_write(db: Database) -> None:
    with pytest.raises(DBAPIError), db.unit(read_only=True) as session:
        store(session, "Lamp")


def test_a_failed_background_task_is_named_in_the_log(
    app: FastAPI, client: TestClient, db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    def close_order(_session: Session) -> None:
        raise ValueError("a bug")

    @app.post("/probe")
    def probe(tasks: BackgroundTasks) -> None:
        tasks.add_task(db.run_in_background, close_order)

    client.post("/probe")
    assert any("close_order failed" in line.getMessage() for line in caplog.records)


def test_a_stream_reads_in_its_own_units_of_work(
    app: FastAPI, client: TestClient, db: Database
) -> None:
    @app.get("/probe")
    def probe(request: Request) -> StreamingResponse:
        async def lines() -> AsyncIterator[str]:
            for _ in range(3):
                found = await request.state.db.run_in_background(count_products, read_only=True)
                yield f"{found};"

        return StreamingResponse(lines())

    with db.unit() as session:
        store(session, "Lamp")
    responses = at_once(30, lambda: client.get("/probe"))
    assert {response.text for response in responses} == {"1;1;1;"}
