"""Sessions in websockets: one for the endpoint, or one unit of work per message."""

from typing import Annotated, cast

import pytest
from fastapi import Depends, FastAPI, HTTPException, WebSocket, WebSocketDisconnect
from fastapi.testclient import TestClient
from sqlalchemy import QueuePool, func, select, text
from sqlalchemy.orm import Session
from starlette.testclient import WebSocketDenialResponse

from app.database import Database
from app.dependencies import ReaderDep, SessionDep
from app.settings import Settings
from tests.guarantees.products import Product

pytestmark = pytest.mark.commits


def store(session: Session, name: str) -> int:
    session.add(Product(name=name, category="socket", quantity=1))
    session.flush()
    return count_products(session)


def count_products(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(Product)) or 0


def test_a_session_is_committed_when_the_endpoint_ends(
    app: FastAPI, client: TestClient, db: Database
) -> None:
    def stored(reader: ReaderDep, session: SessionDep) -> int:
        assert reader is session
        return store(session, "Lamp")

    @app.websocket("/probe")
    async def probe(websocket: WebSocket, count: Annotated[int, Depends(stored)]) -> None:
        await websocket.accept()
        await websocket.send_json(count)

    with client.websocket_connect("/probe") as socket:
        assert socket.receive_json() == 1
    with db.readers() as reader:
        assert count_products(reader) == 1


def test_a_unit_of_work_per_message_holds_no_connection_in_between(
    app: FastAPI, client: TestClient, db: Database
) -> None:
    @app.websocket("/probe")
    async def probe(websocket: WebSocket) -> None:
        await websocket.accept()
        async for name in websocket.iter_text():
            count = await db.run_in_background(store, name)
            await websocket.send_json([count, cast("QueuePool", db.engine.pool).checkedout()])

    with client.websocket_connect("/probe") as socket:
        for count, name in enumerate(("Lamp", "Chair", "Table"), start=1):
            socket.send_text(name)
            assert socket.receive_json() == [count, 0]


def test_an_error_before_the_handshake_is_an_http_response(
    app: FastAPI, client: TestClient, settings: Settings
) -> None:
    def user(reader: ReaderDep) -> str:
        count_products(reader)
        raise HTTPException(401, "Sign in first.")

    @app.websocket("/probe")
    async def probe(websocket: WebSocket, user: Annotated[str, Depends(user)]) -> None:
        raise AssertionError(user)

    for _ in range(settings.request_connections + 1):  # each attempt must return its connection
        with pytest.raises(WebSocketDenialResponse) as refused:
            client.websocket_connect("/probe").__enter__()
        assert refused.value.status_code == 401
        assert refused.value.headers["Content-Type"] == "application/problem+json"


def test_an_invalid_handshake_gets_422_with_the_location(app: FastAPI, client: TestClient) -> None:
    @app.websocket("/probe")
    async def probe(websocket: WebSocket, number: int) -> None:
        raise AssertionError(number)

    with pytest.raises(WebSocketDenialResponse) as refused:
        client.websocket_connect("/probe?number=x").__enter__()
    assert refused.value.status_code == 422
    (place,) = refused.value.json()["errors"]
    assert place["loc"] == ["query", "number"]


@pytest.mark.parametrize(
    ("statement", "code"), [("DELETE", 1011), ("missing", 1011), ("refused", 1008)]
)
def test_an_error_after_the_handshake_closes_the_socket_with_a_code(
    statement: str, code: int, app: FastAPI, client: TestClient, db: Database
) -> None:
    @app.websocket("/probe")
    async def probe(websocket: WebSocket, reader: ReaderDep, session: SessionDep) -> None:
        await websocket.accept()
        store(session, "Lamp")
        if statement == "refused":
            raise HTTPException(409, "Not now.")
        reader.execute(text(f"{statement} FROM nowhere"))

    with client.websocket_connect("/probe") as socket:
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
        assert closed.value.code == code
    with db.readers() as reader:
        assert count_products(reader) == 0
