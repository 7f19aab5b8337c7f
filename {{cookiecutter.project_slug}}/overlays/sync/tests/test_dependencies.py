"""What every request passes through costs as little as it can."""

import ast
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import anyio.to_thread
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import event, select

from app.database import SessionDep

SOURCES = [path.read_text(encoding="utf-8") for path in Path("app").rglob("*.py")]
NODES = [node for source in SOURCES for node in ast.walk(ast.parse(source))]


def depended_on() -> set[str]:
    """Name what stands in `Depends(…)`."""
    calls = [node for node in NODES if isinstance(node, ast.Call)]
    return {ast.unparse(it.args[0]) for it in calls if ast.unparse(it.func) == "Depends"}


def test_what_waits_for_its_turn_holds_no_thread() -> None:
    """Threads full of waiting requests would leave none to those that have a connection."""
    functions = {node.name for node in NODES if isinstance(node, ast.AsyncFunctionDef)}
    assert {"get_session", "get_reader"} <= depended_on() & functions


def test_a_commit_takes_no_thread_from_endpoints(app: FastAPI, client: TestClient) -> None:
    """All of theirs may be waiting for a lock that this commit gives back."""
    begun, committed = Event(), Event()

    @app.get("/wait")
    def wait() -> bool:
        begun.set()
        return committed.wait(5)

    @app.get("/commit")
    async def commit(session: SessionDep) -> None:
        session.execute(select(1))
        event.listen(session, "after_commit", lambda _: committed.set())

    def leave_one_thread() -> None:
        anyio.to_thread.current_default_thread_limiter().total_tokens = 1

    assert client.portal
    client.portal.call(leave_one_thread)
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(client.get, "/wait")
        begun.wait(5)
        client.get("/commit")
    assert waiting.result().json() is True


def test_middleware_is_pure_asgi() -> None:
    for source in SOURCES:
        assert "BaseHTTPMiddleware" not in source
        assert ".middleware(" not in source
