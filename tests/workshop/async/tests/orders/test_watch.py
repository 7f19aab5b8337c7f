"""Tests of the websocket of orders."""

import pytest
from httpx2 import AsyncClient
from httpx2.websockets import WebSocketUpgradeError

from app.database import Database
from tests.people import fill_shop, order, sign_up

URL = "ws://test/orders/watch"


async def test_each_message_is_answered(client: AsyncClient, db: Database) -> None:
    await fill_shop(client, db)
    headers = await sign_up(client)
    created = await order(client, headers)
    async with client.websocket(URL, headers=headers) as socket:
        await socket.send_text(str(created["id"]))
        assert await socket.receive_json() == {"status": "draft"}
        await socket.send_text("moon")
        assert await socket.receive_json() == {"status": None}


async def test_a_token_is_required(client: AsyncClient) -> None:
    with pytest.raises(WebSocketUpgradeError) as refused:
        async with client.websocket(URL):
            pass
    assert refused.value.response.status_code == 401
