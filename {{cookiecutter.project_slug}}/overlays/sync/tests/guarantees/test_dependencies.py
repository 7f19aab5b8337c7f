"""Dependencies and middleware cost a request as little as possible."""

import inspect
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import anyio.to_thread
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import event, select

from app.dependencies import SessionDep, get_reader, get_session


def test_waiting_for_a_connection_holds_no_thread() -> None:
    """Otherwise waiting requests could use all threads, and those with a connection get none."""
    assert inspect.isasyncgenfunction(get_session)
    assert inspect.isasyncgenfunction(get_reader)


def test_a_commit_uses_no_endpoint_thread(app: FastAPI, client: TestClient) -> None:
    """All threads of endpoints may wait for a lock that this commit releases."""
    begun, committed = Event(), Event()

    @app.get("/test-wait")
    def wait() -> bool:
        begun.set()
        return committed.wait(5)

    @app.get("/test-commit")
    async def commit(session: SessionDep) -> None:
        session.execute(select(1))
        event.listen(session, "after_commit", lambda _: committed.set())

    def leave_one_thread() -> None:
        anyio.to_thread.current_default_thread_limiter().total_tokens = 1

    assert client.portal
    client.portal.call(leave_one_thread)
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(client.get, "/test-wait")
        begun.wait(5)
        client.get("/test-commit")
    assert waiting.result().json() is True


def test_middleware_is_pure_asgi() -> None:
    for path in Path("app").rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        assert "BaseHTTPMiddleware" not in source
        assert ".middleware(" not in source
