"""Each database error has one status code, and the response reveals no details."""

from decimal import Decimal
from typing import Any

import pytest
from fastapi import FastAPI, HTTPException, Request
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import Table, delete, insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from app.database import Database, store_rows
from app.dependencies import ReaderDep, SessionDep
from app.settings import Settings
from tests.conftest import ClientOf
from tests.dialect import DEMOTE, INVALID_VALUES, NAN, REFUSED
from tests.guarantees.conftest import broken_connections
from tests.guarantees.products import Product, create_app

pytestmark = pytest.mark.commits

LAMP = {"name": "Lamp", "category": "light", "quantity": 1}


# Some driver refuses each of these itself, with its own kind of exception.
VALUES: dict[str, dict[str, Any]] = {
    "NUL": {"name": "a\0b"},
    "no character": {"name": "\ud800"},
    "2**70": {"quantity": 2**70},
}


def assert_problem(response: Response, code: int) -> None:
    assert response.status_code == code, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert ("Retry-After" in response.headers) == (code == 503)
    for secret in ("INSERT", "test_products", "Lamp", "constraint", "xxx"):
        assert secret not in response.text


def insert_product(app: FastAPI, client: TestClient, values: dict[str, Any]) -> Response:
    @app.post("/probe")
    def probe(session: SessionDep) -> None:
        session.execute(insert(Product).values(**values))

    return client.post("/probe")


def test_a_duplicate_is_a_conflict(app: FastAPI, client: TestClient) -> None:
    client.post("/test-products", json=LAMP)
    assert_problem(insert_product(app, client, LAMP), 409)


@pytest.mark.parametrize("values", INVALID_VALUES.values(), ids=INVALID_VALUES)
def test_a_value_that_the_table_cannot_hold_gets_422(
    values: dict[str, Any], app: FastAPI, client: TestClient
) -> None:
    assert_problem(insert_product(app, client, LAMP | values), 422)


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("way", ["insert", "store_rows", "select"])
def test_a_value_that_the_driver_refuses_does_not_get_500(
    values: dict[str, Any], way: str, app: FastAPI, client: TestClient
) -> None:
    @app.post("/probe")
    def probe(session: SessionDep) -> None:
        if way == "insert":
            session.execute(insert(Product).values(**LAMP | values))
        elif way == "store_rows":
            store_rows(session, Product, [LAMP | values])
        else:
            session.execute(select(Product).filter_by(**values))

    response = client.post("/probe")
    if response.status_code != 200:
        assert_problem(response, 422)


def test_a_foreign_key_to_a_missing_row_is_a_conflict(
    app: FastAPI, client: TestClient, notes: Table
) -> None:
    @app.post("/probe")
    def probe(session: SessionDep) -> None:
        session.execute(insert(notes).values(product_id=404))

    assert_problem(client.post("/probe"), 409)


def test_an_unusual_status_code_is_sent_as_raised(app: FastAPI, client: TestClient) -> None:
    @app.get("/probe")
    def probe() -> None:
        raise HTTPException(499, "The client went away.", headers={"X-Why": "gone"})

    response = client.get("/probe")
    assert (response.status_code, response.headers["X-Why"]) == (499, "gone")
    assert response.json() == {"title": "Error", "status": 499, "detail": "The client went away."}


def test_a_304_response_has_no_body(app: FastAPI, client: TestClient) -> None:
    @app.get("/probe")
    def probe() -> None:
        raise HTTPException(304, headers={"ETag": "x"})

    response = client.get("/probe")
    assert (response.status_code, response.content) == (304, b"")
    assert response.headers["ETag"] == "x"


def test_wrong_sql_gets_500(app: FastAPI, client: TestClient) -> None:
    @app.get("/probe")
    def probe(session: SessionDep) -> None:
        session.execute(text("SELECT nothing FROM nowhere"))

    assert_problem(client.get("/probe"), 500)


def test_an_exhausted_pool_gets_503(settings: Settings, client_of: ClientOf) -> None:
    small = {"database_pool_size": 5, "database_max_overflow": 0, "database_pool_timeout": 1}
    app = create_app(settings.model_copy(update=small))

    @app.get("/probe")
    def probe(request: Request, session: SessionDep) -> None:
        session.execute(text("SELECT 1"))
        with request.state.db.readers() as second, request.state.db.readers() as third:
            second.execute(select(1))
            third.execute(select(1))
            with request.state.db.readers() as one_too_many:
                one_too_many.execute(select(1))

    with client_of(app) as client:
        assert_problem(client.get("/probe"), 503)


@pytest.mark.parametrize("parts", REFUSED.values(), ids=REFUSED)
def test_a_database_that_refuses_logins_gets_503(
    parts: dict[str, Any], settings: Settings, client_of: ClientOf
) -> None:
    url = settings.database_url.set(**parts)
    app = create_app(settings.model_copy(update={"database_url": url}))
    with client_of(app) as client:
        assert_problem(client.get("/test-products"), 503)
        assert_problem(client.post("/test-products", json=LAMP), 503)
        assert_problem(client.get("/health/ready"), 503)


@pytest.mark.parametrize("column", ["ratio", "price"])
@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_nan_and_infinity_are_stored_unchanged_or_refused(
    column: str, value: str, app: FastAPI, client: TestClient, measures: Table
) -> None:
    given = {"ratio": float(value), "price": Decimal(value)}[column]

    @app.post("/probe")
    def probe(session: SessionDep) -> None:
        session.execute(insert(measures), [{column: given}])

    @app.get("/probe")
    def stored(reader: ReaderDep) -> str:
        return str(reader.scalar(select(measures.c[column])))

    response = client.post("/probe")
    if value == "nan":
        assert response.status_code == NAN
    if response.status_code != 200:
        assert_problem(response, 422)
    else:
        read = client.get("/probe")
        assert float(read.json()) == pytest.approx(given, nan_ok=True)


def test_a_stale_row_is_a_conflict_and_is_not_retried(
    app: FastAPI, client: TestClient, db: Database
) -> None:
    tries: list[int] = []

    def work(session: Session) -> None:
        tries.append(1)
        product = Product(**LAMP)
        session.add(product)
        session.flush()
        session.execute(delete(Product), execution_options={"synchronize_session": False})
        product.quantity += 1

    @app.post("/probe")
    def probe(session: SessionDep) -> None:
        work(session)

    assert_problem(client.post("/probe"), 409)
    with pytest.raises(StaleDataError):
        db.run(work)
    assert len(tries) == 2


def test_a_connection_that_became_read_only_is_replaced(
    app: FastAPI, client: TestClient, db: Database
) -> None:
    with db.sessions.begin() as session:
        connection = session.connection()
        connection.exec_driver_sql(DEMOTE)
    assert_problem(client.post("/test-products", json=LAMP), 503)
    created = client.post("/test-products", json=LAMP)
    assert created.status_code == 201, created.text


def test_a_read_only_unit_of_work_keeps_its_connection(db: Database) -> None:
    def work(session: Session) -> None:
        session.execute(insert(Product).values(**LAMP))

    with pytest.raises(DBAPIError) as refused:
        db.run(work, read_only=True)
    assert not refused.value.connection_invalidated


def test_open_connections_stay_in_use_if_no_new_one_can_be_opened(db: Database) -> None:
    refused = db.engine.dialect.loaded_dbapi.OperationalError("no")
    with db.readers() as reader:
        reader.scalar(select(1))
    with broken_connections(db, refused):
        for _ in range(3):
            with db.readers() as first, db.readers() as second:
                first.scalar(select(1))
                with pytest.raises(DBAPIError):
                    second.scalar(select(1))
