"""An ordinary test is rolled back, and raises an error for what it cannot test."""

import time

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.database import Database
from app.database.dialect import transaction_options
from app.dependencies import ReaderDep, SessionDep
from tests.conftest import at_once
from tests.dialect import SELF_COMMITTING
from tests.guarantees.products import Product
from tests.transaction import OneTransactionError


def lamp() -> Product:
    return Product(name="Lamp", category="light", quantity=1)


def count_products(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(Product)) or 0


def test_a_write_through_a_reader_is_refused(
    app: FastAPI, client: TestClient, db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    @app.post("/probe", status_code=201)
    def probe(reader: ReaderDep) -> None:
        reader.add(lamp())
        reader.commit()

    response = client.post("/probe")
    assert response.status_code == 500
    assert "take SessionDep" in caplog.text
    with db.readers() as reader:
        assert count_products(reader) == 0


@pytest.mark.parametrize("_round", [1, 2])
def test_committed_rows_are_visible_only_in_the_same_test(db: Database, _round: int) -> None:
    with db.sessions.begin() as session:
        session.add(lamp())
    with db.sessions() as session:
        session.execute(select(Product))
        session.rollback()
        session.add(Product(name="Door", category="x", quantity=1))
        session.flush()
    with db.engine.connect() as connection:
        connection.execute(select(Product))
    with db.readers() as reader:
        assert count_products(reader) == 1


def test_a_second_session_is_refused_while_the_first_has_a_connection(db: Database) -> None:
    with db.sessions.begin() as first:
        first.add(lamp())
        first.flush()
        with pytest.raises(OneTransactionError, match=r"with @pytest\.mark\.commits"):
            db.run(count_products)
        assert count_products(first) == 1
    with db.readers() as reader:
        assert count_products(reader) == 1


def test_a_concurrent_request_is_refused(
    app: FastAPI, client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    @app.post("/probe")
    def probe(session: SessionDep) -> None:
        session.execute(select(1))
        time.sleep(0.2)

    responses = at_once(2, lambda: client.post("/probe"))
    assert sorted(response.status_code for response in responses) == [200, 500]
    assert "pytest.mark.commits" in caplog.text


def test_an_isolation_level_that_differs_from_the_test_is_refused(db: Database) -> None:
    assert db.run(count_products) == 0
    if transaction_options("SERIALIZABLE", read_only=False):
        with pytest.raises(OneTransactionError, match="SERIALIZABLE"):
            db.run(count_products, isolation="SERIALIZABLE")
    else:
        assert db.run(count_products, isolation="SERIALIZABLE") == 0


def test_a_read_only_unit_of_work_cannot_write(db: Database) -> None:
    def work(session: Session) -> None:
        session.add(lamp())
        session.flush()

    with pytest.raises(DBAPIError):
        db.run(work, read_only=True)
    db.run(work)
    assert db.run(count_products, read_only=True) == 1


def test_a_reader_can_continue_after_an_error(db: Database) -> None:
    with db.readers() as reader:
        with pytest.raises(DBAPIError):
            reader.scalar(select(text("nothing")).select_from(text("nowhere")))
        assert count_products(reader) == 0


@pytest.mark.parametrize("statement", ["COMMIT", *SELF_COMMITTING])
def test_a_statement_that_ends_the_transaction_is_refused(statement: str, db: Database) -> None:
    with db.sessions() as session:
        assert count_products(session) == 0
        with pytest.raises(OneTransactionError, match="ends a transaction"):
            session.execute(text(statement))


def test_a_lost_connection_is_not_replaced(db: Database) -> None:
    with db.sessions() as session:
        connection = session.connection()
        connection.invalidate()
    with pytest.raises(OneTransactionError, match="was lost"):
        db.run(count_products)


def test_an_unhandled_exception_is_logged_with_its_traceback(
    app: FastAPI, client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    @app.get("/probe")
    def probe() -> None:
        raise ValueError("a bug")

    response = client.get("/probe")
    assert response.status_code == 500
    assert "Traceback" in caplog.text
    assert "ValueError: a bug" in caplog.text


def test_two_units_at_once_are_refused(db: Database) -> None:
    with db.unit():
        second = db.unit()
        with pytest.raises(OneTransactionError, match="commits"):
            second.__enter__()
