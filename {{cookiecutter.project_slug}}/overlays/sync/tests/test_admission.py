"""The pool is never oversubscribed; what it cannot serve is answered at once."""

import time
from typing import Annotated

import pytest
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient
from pydantic import ValidationError
from sqlalchemy import select

from app.database import Database, ReaderDep, SessionDep
from app.main import create_app
from app.settings import Settings
from tests.conftest import ClientOf, at_once

pytestmark = pytest.mark.commits


def authenticate(session: SessionDep) -> int:
    """As real services do: a query before the endpoint has begun."""
    return session.scalar(select(1)) or 0


def add_slow_endpoint(app: FastAPI) -> None:
    @app.get("/slow")
    def slow(session: SessionDep, user: Annotated[int, Depends(authenticate)]) -> int:
        session.scalar(select(1))
        time.sleep(0.01)
        return user


def test_three_hundred_at_once_are_all_answered(settings: Settings, client_of: ClientOf) -> None:
    app = create_app(settings.model_copy(update={"database_max_waiting": 300}))
    add_slow_endpoint(app)
    with client_of(app) as client:
        responses = at_once(300, lambda: client.get("/slow"))
    assert [response.status_code for response in responses] == [200] * 300


def test_what_finds_no_place_in_the_queue_hears_it_at_once(
    settings: Settings, client_of: ClientOf
) -> None:
    app = create_app(settings.model_copy(update={"database_max_waiting": 5}))
    add_slow_endpoint(app)
    with client_of(app) as client:
        responses = at_once(60, lambda: client.get("/slow"))
    assert {response.status_code for response in responses} == {200, 503}
    for response in responses:
        assert response.status_code == 200 or response.headers["Retry-After"]


def test_every_slot_and_connection_comes_back(
    app: FastAPI, client: TestClient, db: Database, settings: Settings
) -> None:
    add_slow_endpoint(app)
    at_once(50, lambda: client.get("/slow"))
    assert db.slots.value == settings.database_pool_size
    assert db.engine.pool.status().endswith("Current Checked out connections: 0")


def test_both_sessions_of_a_request_share_its_slot(settings: Settings, client_of: ClientOf) -> None:
    """With one slot each, requests that have the first would wait for each other's second."""
    only_one = {"database_pool_size": 1, "database_max_overflow": 1, "database_max_waiting": 0}
    app = create_app(settings.model_copy(update=only_one))

    @app.get("/both")
    def both(reader: ReaderDep, session: SessionDep) -> list[int | None]:
        return [reader.scalar(select(1)), session.scalar(select(1))]

    with client_of(app) as client:
        response = client.get("/both")
    assert response.json() == [1, 1]


@pytest.mark.parametrize("name", ["pool_size", "max_overflow", "max_waiting", "pool_timeout"])
def test_a_setting_that_makes_no_sense_is_refused(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"DATABASE_{name.upper()}", "-1")
    with pytest.raises(ValidationError, match=f"database_{name}\n.*should be greater than"):
        Settings()
