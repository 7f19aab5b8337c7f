"""A request that takes too long gets 503 and is rolled back."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from fastapi import BackgroundTasks
from fastapi.responses import StreamingResponse
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from app.database import Database
from app.dependencies import SessionDep
from app.settings import Settings
from tests.conftest import ClientOf
from tests.guarantees.products import Product, create_app

pytestmark = pytest.mark.commits


@pytest.fixture
def slow_commit() -> Iterator[None]:
    def sleep(_session: Session) -> None:
        time.sleep(1.2)

    event.listen(Session, "before_commit", sleep)
    yield
    event.remove(Session, "before_commit", sleep)


async def test_a_request_beyond_its_deadline_is_rolled_back(
    settings: Settings, client_of: ClientOf, db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(settings.model_copy(update={"request_timeout": 0.5}))

    @app.post("/probe")
    async def probe(session: SessionDep) -> None:
        session.add(Product(name="Lamp", category="light", quantity=1))
        await session.flush()
        await asyncio.sleep(0.8)

    async with client_of(app) as client:
        response = await client.post("/probe")
        assert response.status_code == 503
        assert response.headers["Retry-After"]
        assert response.headers["Content-Type"] == "application/problem+json"
        (line,) = [it for it in caplog.records if it.name == "app.web.deadline"]
        assert (line.levelname, "POST /probe" in line.getMessage()) == ("WARNING", True)
        after = await client.get("/health/ready")
        assert after.status_code == 200
    async with db.readers() as reader:
        assert await reader.scalar(select(func.count()).select_from(Product)) == 0


async def test_a_request_committed_after_its_deadline_succeeds(
    settings: Settings, client_of: ClientOf, db: Database, slow_commit: None
) -> None:
    app = create_app(settings.model_copy(update={"request_timeout": 1.0}))
    async with client_of(app) as client:
        response = await client.post("/test-products", json={"name": "Lamp", "category": "light"})
        found = await client.get(f"/test-products/{response.json()['id']}")
    assert (response.status_code, found.status_code) == (201, 200)


async def test_the_deadline_ends_when_the_response_starts(
    settings: Settings, client_of: ClientOf, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(settings.model_copy(update={"request_timeout": 0.5}))
    done: list[str] = []

    async def finish_later() -> None:
        await asyncio.sleep(0.8)
        done.append("task")

    @app.get("/probe")
    async def probe(tasks: BackgroundTasks) -> StreamingResponse:
        async def lines() -> AsyncIterator[str]:
            yield "first"
            await asyncio.sleep(0.8)
            yield " last"

        tasks.add_task(finish_later)
        return StreamingResponse(lines())

    async with client_of(app) as client:
        response = await client.get("/probe")
    assert (response.status_code, response.text, done) == (200, "first last", ["task"])
    assert not [it for it in caplog.records if it.name == "app.web.deadline"]
