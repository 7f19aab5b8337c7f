"""Each error of the database has one meaning, and its answer gives nothing away."""

from typing import Any

import pytest
from fastapi import FastAPI, HTTPException, Request
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import Table, insert, select, text

from app.database import SessionDep
from app.items.models import Item
from app.main import create_app
from app.settings import Settings
from tests.conftest import ClientOf
from tests.dialect import UNFIT

pytestmark = pytest.mark.commits

LAMP = {"name": "Lamp", "category": "light", "quantity": 1}


def assert_problem(response: Response, code: int) -> None:
    assert response.status_code == code, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert ("Retry-After" in response.headers) == (code == 503)
    for secret in ("INSERT", "items", "Lamp", "constraint", "xxx"):
        assert secret not in response.text


def insert_item(app: FastAPI, client: TestClient, values: dict[str, Any]) -> Response:
    @app.post("/probe")
    def probe(session: SessionDep) -> None:
        session.execute(insert(Item).values(**values))

    return client.post("/probe")


def test_a_duplicate_is_a_conflict(app: FastAPI, client: TestClient) -> None:
    client.post("/items", json=LAMP)
    assert_problem(insert_item(app, client, LAMP), 409)


@pytest.mark.parametrize("values", UNFIT.values(), ids=UNFIT)
def test_a_value_that_does_not_fit_is_refused(
    values: dict[str, Any], app: FastAPI, client: TestClient
) -> None:
    assert_problem(insert_item(app, client, LAMP | values), 422)


def test_a_reference_to_nothing_is_a_conflict(
    app: FastAPI, client: TestClient, notes: Table
) -> None:
    @app.post("/probe")
    def probe(session: SessionDep) -> None:
        session.execute(insert(notes).values(item_id=404))

    assert_problem(client.post("/probe"), 409)


def test_an_unusual_code_is_answered_as_it_was_raised(app: FastAPI, client: TestClient) -> None:
    @app.get("/probe")
    def probe() -> None:
        raise HTTPException(499, "The client went away.", headers={"X-Why": "gone"})

    response = client.get("/probe")
    assert (response.status_code, response.headers["X-Why"]) == (499, "gone")
    assert response.json() == {"title": "Error", "status": 499, "detail": "The client went away."}


def test_an_error_of_ours_is_no_fault_of_the_client(app: FastAPI, client: TestClient) -> None:
    @app.get("/probe")
    def probe(session: SessionDep) -> None:
        session.execute(text("SELECT nothing FROM nowhere"))

    assert_problem(client.get("/probe"), 500)


def test_a_pool_that_is_used_up_is_no_fault_of_the_client(
    settings: Settings, client_of: ClientOf
) -> None:
    small = {"database_pool_size": 1, "database_max_overflow": 0, "database_pool_timeout": 1}
    app = create_app(settings.model_copy(update=small))

    @app.get("/probe")
    def probe(request: Request, session: SessionDep) -> None:
        session.execute(text("SELECT 1"))
        with request.state.db.readers() as second:
            second.execute(select(1))

    with client_of(app) as client:
        assert_problem(client.get("/probe"), 503)
