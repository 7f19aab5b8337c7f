"""A cancelled request ends after its COMMIT, not in the middle of it."""

import asyncio
import threading
import time
from collections.abc import Callable

import pytest
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Connection, event, func, select, text

from app.database import Database
from app.dependencies import SessionDep
from tests.dialect import BLOCK_COMMITS, SLOW_COMMIT
from tests.guarantees.products import Product

pytestmark = pytest.mark.commits

SECONDS = 0.5  # duration of a COMMIT


def block_commits(db: Database) -> None:
    """Make every COMMIT wait for `SECONDS`."""
    block, unblock = BLOCK_COMMITS
    other = db.engine.connect()
    other.exec_driver_sql(block)

    def unblock_commits() -> None:
        other.exec_driver_sql(unblock)
        other.close()

    threading.Timer(SECONDS, unblock_commits).start()


def count_products(db: Database) -> int:
    with db.readers() as reader:
        return reader.scalar(select(func.count()).select_from(Product)) or 0


def test_a_cancelled_request_ends_after_its_commit(
    app: FastAPI, client: TestClient, db: Database
) -> None:
    cancels: list[Callable[[], object]] = []

    async def note_task() -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        cancels.append(lambda: loop.call_soon_threadsafe(task.cancel))

    def cancel(_connection: Connection) -> None:
        threading.Timer(SECONDS / 2, cancels[-1]).start()
        if not SLOW_COMMIT and not BLOCK_COMMITS:
            time.sleep(SECONDS)

    @app.post("/probe", dependencies=[Depends(note_task)])
    def probe(session: SessionDep) -> None:
        session.add(Product(name="Lamp", category="light", quantity=1))
        session.flush()
        for statement in SLOW_COMMIT:
            session.execute(text(statement))
        if BLOCK_COMMITS:
            block_commits(db)

    event.listen(db.engine, "commit", cancel)
    response = client.post("/probe")
    event.remove(db.engine, "commit", cancel)
    assert response.status_code == 500  # by the test client: the app sent no response
    assert count_products(db) == 1
    assert db.writer_queue.free == db.writer_queue.slots
