"""Tests of the websocket of orders."""

import pytest
from fastapi.testclient import TestClient
from starlette.testclient import WebSocketDenialResponse

from app.database import Database
from tests.people import fill_shop, order, sign_up

URL = "/orders/watch"


def test_each_message_is_answered(client: TestClient, db: Database) -> None:
    fill_shop(client, db)
    headers = sign_up(client)
    created = order(client, headers)
    with client.websocket_connect(URL, headers=headers) as socket:
        socket.send_text(str(created["id"]))
        assert socket.receive_json() == {"status": "draft"}
        socket.send_text("moon")
        assert socket.receive_json() == {"status": None}


def test_a_token_is_required(client: TestClient) -> None:
    with pytest.raises(WebSocketDenialResponse) as refused, client.websocket_connect(URL):
        pass
    assert refused.value.status_code == 401
