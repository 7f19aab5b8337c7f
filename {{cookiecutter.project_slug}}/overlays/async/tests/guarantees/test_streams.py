"""Streams that an error cuts, and requests that hold a connection for too long."""

import asyncio
import logging
from collections.abc import AsyncIterator, MutableMapping
from itertools import count
from typing import Any

import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse
from fastapi.sse import EventSourceResponse
from httpx2 import AsyncClient
from sqlalchemy import select, text
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from structlog.testing import capture_logs

from app.database import WriteSession
from app.dependencies import DatabaseDep, SessionDep
from app.logs import LoggedError, is_new
from app.settings import Settings
from app.web.streams import original
from tests.conftest import ClientOf, at_once
from tests.guarantees.products import create_app

pytestmark = pytest.mark.commits


async def fail(db: DatabaseDep, error: str) -> None:
    """Raise one of the errors that a stream may meet."""
    if error == "unavailable":
        raise PoolTimeoutError
    if error == "refused":
        raise HTTPException(409, "Not now.")
    if error == "statement":
        async with db.unit() as session:
            await session.execute(text("SELECT nothing FROM nowhere"))
    raise ValueError(error)


def add_streams(app: FastAPI) -> None:
    @app.get("/probe/lines/{error}")
    async def lines(db: DatabaseDep, error: str) -> StreamingResponse:
        async def parts() -> AsyncIterator[str]:
            yield "first;"
            await fail(db, error)

        return StreamingResponse(parts())

    @app.get("/probe/events/{error}", response_class=EventSourceResponse)
    async def events(db: DatabaseDep, error: str) -> AsyncIterator[int]:
        yield 1
        await asyncio.sleep(0.1)  # at an error, FastAPI drops events that it has not sent yet
        await fail(db, error)

    @app.get("/probe/early/{error}", response_class=EventSourceResponse)
    async def early(db: DatabaseDep, error: str) -> AsyncIterator[int]:
        await asyncio.sleep(0.1)
        await fail(db, error)
        yield 1


def cut_lines(logs: list[MutableMapping[str, Any]]) -> list[MutableMapping[str, Any]]:
    return [line for line in logs if "was cut" in line["event"]]


@pytest.mark.parametrize("error", ["unavailable", "refused", "statement", "a bug"])
async def test_a_stream_that_an_error_cuts_is_one_line_in_the_log(
    error: str, app: FastAPI, client: AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    add_streams(app)
    with capture_logs() as logs:
        response = await client.get(f"/probe/lines/{error}")
    assert (response.status_code, response.text) == (200, "first;")
    (line,) = cut_lines(logs)
    assert (line["log_level"], line["status"]) == ("error", 200)
    assert line["event"] == f"GET /probe/lines/{error} was cut"
    assert ("exc_info" in line) == (error in {"statement", "a bug"})
    # The server logs the exception too: the format of the service leaves this line out.
    others = [it for it in caplog.records if it.levelno >= logging.WARNING and is_new(it)]
    assert others == []


@pytest.mark.parametrize(
    ("error", "status"), [("unavailable", 503), ("refused", 409), ("statement", 500), ("bug", 500)]
)
async def test_server_sent_events_end_with_the_error(
    error: str, status: int, app: FastAPI, client: AsyncClient
) -> None:
    add_streams(app)
    with capture_logs() as logs:
        response = await client.get(f"/probe/events/{error}")
    assert response.status_code == 200
    first, last, end = response.text.split("\n\n")
    assert (first, end) == ("data: 1", "")
    assert last.startswith('event: error\ndata: {"title":')
    assert f'"status":{status}' in last
    assert len(cut_lines(logs)) == 1


async def test_server_sent_events_that_fail_at_once_send_only_the_error(
    app: FastAPI, client: AsyncClient
) -> None:
    add_streams(app)
    with capture_logs() as logs:
        response = await client.get("/probe/early/unavailable")
    assert response.status_code == 200
    assert response.text.startswith('event: error\ndata: {"title":')
    assert len(cut_lines(logs)) == 1


async def test_an_error_after_the_last_event_is_not_sent(
    app: FastAPI, client: AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    async def failing() -> AsyncIterator[None]:
        yield
        raise ValueError("after the end")

    @app.get("/probe", response_class=EventSourceResponse, dependencies=[Depends(failing)])
    async def events() -> AsyncIterator[int]:
        yield 1

    with capture_logs() as logs:
        response = await client.get("/probe")
    assert (response.text, cut_lines(logs)) == ("data: 1\n\n", [])
    assert "after the end" in caplog.text


def test_an_error_with_a_cause_is_logged_itself() -> None:
    bug = RuntimeError("the bug")
    bug.__cause__ = ValueError("its cause")
    assert original(ExceptionGroup("of a task", [bug])) is bug


def test_other_exceptions_have_their_line_in_the_log() -> None:
    def record(error: Exception) -> logging.LogRecord:
        exc_info = (type(error), error, None)
        return logging.LogRecord("uvicorn.error", logging.ERROR, "", 0, "failed", (), exc_info)

    assert is_new(record(ValueError()))
    assert not is_new(record(LoggedError()))


async def test_a_request_that_holds_a_connection_for_too_long_is_logged(
    settings: Settings, client_of: ClientOf, caplog: pytest.LogCaptureFixture
) -> None:
    """One line for each route and minute; background tasks may take longer."""
    app = create_app(settings.model_copy(update={"database_pool_timeout": 1}))

    async def take_long(_session: WriteSession) -> None:
        await asyncio.sleep(1.2)

    @app.get("/probe/session/{number}")
    async def by_session(session: SessionDep, number: int) -> None:
        await take_long(session)

    @app.get("/probe/unit/{number}")
    async def by_unit(db: DatabaseDep, number: int) -> None:
        await db.run(take_long, read_only=True)

    @app.get("/probe/between/{number}")
    async def between(db: DatabaseDep, number: int) -> None:
        async with db.reading() as reader:
            await reader.scalar(select(1))
        await asyncio.sleep(1.2)

    @app.get("/probe/task/{number}")
    async def task(request: Request, number: int, tasks: BackgroundTasks) -> None:
        tasks.add_task(request.state.db.run_in_background, take_long)

    paths = ("session", "unit", "between", "task") * 2
    callers = count()

    async def call() -> int:
        number = next(callers)
        response = await client.get(f"/probe/{paths[number]}/{number}")
        return response.status_code

    async with client_of(app) as client:
        assert await at_once(len(paths), call) == [200] * len(paths)
    lines = [it.getMessage() for it in caplog.records if it.name == "app.web.held"]
    assert sorted(line.partition(" for ")[0] for line in lines) == [
        "GET /probe/session/{number} held a database connection",
        "GET /probe/unit/{number} held a database connection",
    ]
