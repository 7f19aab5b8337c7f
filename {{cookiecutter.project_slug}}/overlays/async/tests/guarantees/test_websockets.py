"""Sessions in websockets: one for the endpoint, or one unit of work per message."""

from typing import Annotated, cast

import pytest
from fastapi import Depends, FastAPI, HTTPException, WebSocket
from httpx2 import AsyncClient
from httpx2.websockets import WebSocketDisconnect, WebSocketUpgradeError
from sqlalchemy import QueuePool, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.dependencies import DatabaseDep, ReaderDep, SessionDep
from app.settings import Settings
from tests.conftest import serving
from tests.guarantees.products import Product

URL = "ws://test/probe"

pytestmark = pytest.mark.commits


async def store(session: AsyncSession, name: str) -> None:
    session.add(Product(name=name, category="socket", quantity=1))
    await session.flush()


async def count_products(session: AsyncSession) -> int:
    return await session.scalar(select(func.count()).select_from(Product)) or 0


def is_problem(error: WebSocketUpgradeError) -> bool:
    kind = error.response.headers["Content-Type"]
    return (error.response.status_code, kind) == (401, "application/problem+json")


async def test_a_session_is_committed_when_the_endpoint_ends(app: FastAPI, db: Database) -> None:
    @app.websocket("/probe")
    async def probe(websocket: WebSocket, reader: ReaderDep, session: SessionDep) -> None:
        assert reader is session
        await store(session, "Lamp")
        await websocket.accept()
        await websocket.send_json(await count_products(reader))
        await websocket.close()

    async with serving(app, {"db": db}) as client, client.websocket(URL) as socket:
        assert await socket.receive_json() == 1
    async with db.readers() as reader:
        assert await count_products(reader) == 1


async def test_a_unit_of_work_per_message_holds_no_connection_in_between(
    app: FastAPI, client: AsyncClient, db: Database
) -> None:
    @app.websocket("/probe")
    async def probe(websocket: WebSocket, own: DatabaseDep) -> None:
        await websocket.accept()
        async for name in websocket.iter_text():
            async with own.unit() as session:
                await store(session, name)
                count = await count_products(session)
            await websocket.send_json([count, cast("QueuePool", db.engine.pool).checkedout()])
            if count == 3:
                break
        await websocket.close()

    async with client.websocket(URL) as socket:
        for count, name in enumerate(("Lamp", "Chair", "Table"), start=1):
            await socket.send_text(name)
            assert await socket.receive_json() == [count, 0]


async def test_an_error_before_the_handshake_is_an_http_response(
    app: FastAPI, db: Database, settings: Settings
) -> None:
    async def user(reader: ReaderDep) -> str:
        await count_products(reader)
        raise HTTPException(401, "Sign in first.")

    @app.websocket("/probe")
    async def probe(websocket: WebSocket, user: Annotated[str, Depends(user)]) -> None:
        raise AssertionError(user)

    for _ in range(settings.request_connections + 1):  # each attempt must return its connection
        with pytest.RaisesGroup(pytest.RaisesExc(WebSocketUpgradeError, check=is_problem)):
            async with serving(app, {"db": db}) as client, client.websocket(URL):
                pass


async def test_an_invalid_handshake_gets_422_with_the_location(app: FastAPI, db: Database) -> None:
    @app.websocket("/probe")
    async def probe(websocket: WebSocket, number: int) -> None:
        raise AssertionError(number)

    def names_the_field(error: WebSocketUpgradeError) -> bool:
        (place,) = error.response.json()["errors"]
        return (error.response.status_code, place["loc"]) == (422, ["query", "number"])

    with pytest.RaisesGroup(pytest.RaisesExc(WebSocketUpgradeError, check=names_the_field)):
        async with serving(app, {"db": db}) as client, client.websocket(f"{URL}?number=x"):
            pass


@pytest.mark.parametrize(
    ("statement", "code"), [("DELETE", 1011), ("missing", 1011), ("refused", 1008)]
)
async def test_an_error_after_the_handshake_closes_the_socket_with_a_code(
    statement: str, code: int, app: FastAPI, client: AsyncClient, db: Database
) -> None:
    @app.websocket("/probe")
    async def probe(websocket: WebSocket, reader: ReaderDep, session: SessionDep) -> None:
        await websocket.accept()
        await store(session, "Lamp")
        if statement == "refused":
            raise HTTPException(409, "Not now.")
        await reader.execute(text(f"{statement} FROM nowhere"))

    async with client.websocket(URL) as socket:
        with pytest.raises(WebSocketDisconnect) as closed:
            await socket.receive_json()
    assert closed.value.code == code
    async with db.readers() as reader:
        assert await count_products(reader) == 0
