"""A response is sent after the commit, and an error rolls everything back."""

import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from fastapi import BackgroundTasks, FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient
from sqlalchemy import Table, func, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from app.database import Database, store_rows
from app.database.managed import ManagedTransactionError
from app.dependencies import ReaderDep, SessionDep
from tests.dialect import FAIL_AT_COMMIT, PAUSE
from tests.guarantees.products import Product

pytestmark = pytest.mark.commits


def lamp() -> Product:
    return Product(name="Lamp", category="light", quantity=1)


def count_products(db: Database) -> int:
    with db.readers() as reader:
        return reader.scalar(select(func.count()).select_from(Product)) or 0


def test_a_failed_commit_gets_an_error_response(
    app: FastAPI, client: TestClient, db: Database
) -> None:
    @app.post("/probe", status_code=201)
    def probe(session: SessionDep) -> str:
        session.add(lamp())
        session.flush()
        for statement in FAIL_AT_COMMIT:
            session.execute(text(statement))
        time.sleep(PAUSE)
        return "stored"

    response = client.post("/probe")
    assert response.status_code in {409, 503}
    assert count_products(db) == 0


@pytest.mark.parametrize(
    ("error", "code"), [(HTTPException(418), 418), (ValueError("a bug"), 500)], ids=["http", "bug"]
)
def test_any_exception_rolls_back(
    error: Exception, code: int, app: FastAPI, client: TestClient, db: Database
) -> None:
    @app.post("/probe")
    def probe(session: SessionDep) -> None:
        session.add(lamp())
        session.flush()
        raise error

    response = client.post("/probe")
    assert response.status_code == code
    assert count_products(db) == 0


@pytest.mark.parametrize("method", ["commit", "rollback"])
def test_an_endpoint_cannot_end_the_transaction_of_its_request(
    method: str, app: FastAPI, client: TestClient, db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """Otherwise this client would get 409, although the row is stored."""

    @app.post("/probe")
    def probe(session: SessionDep) -> None:
        session.add(lamp())
        session.flush()
        getattr(session, method)()
        raise HTTPException(409)

    response = client.post("/probe")
    assert response.status_code == 500
    assert count_products(db) == 0
    assert f"{method}() is not allowed here" in caplog.text


@pytest.mark.parametrize("method", ["commit", "rollback"])
def test_a_function_cannot_end_the_transaction_of_its_unit_of_work(
    method: str, db: Database
) -> None:
    def work(session: Session) -> None:
        session.add(lamp())
        session.flush()
        with pytest.raises(ManagedTransactionError):
            getattr(session, method)()

    db.run(work)
    assert count_products(db) == 1


@pytest.mark.parametrize("way", ["close", "commit", "rollback"])
def test_a_transaction_that_was_ended_early_gets_500(
    way: str, app: FastAPI, client: TestClient, db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    @app.post("/probe", status_code=201)
    def probe(session: SessionDep) -> None:
        session.add(lamp())
        session.flush()
        transaction = session.get_transaction()
        assert transaction is not None
        if way == "close":
            session.close()
        elif way == "commit":
            transaction.commit()
        else:
            transaction.rollback()

    response = client.post("/probe")
    assert response.status_code == 500
    assert "did not begin this transaction ended it" in caplog.text
    assert count_products(db) == (1 if way == "commit" else 0)


def test_a_failed_flush_cannot_be_ignored(app: FastAPI, client: TestClient, db: Database) -> None:
    @app.post("/probe", status_code=201)
    def probe(session: SessionDep) -> None:
        session.add(lamp())
        session.flush()
        session.add(lamp())
        with suppress(IntegrityError):
            session.flush()

    response = client.post("/probe")
    assert response.status_code == 500
    assert count_products(db) == 0


@pytest.mark.parametrize("bulk", [False, True], ids=["insert", "store_rows"])
def test_a_failed_statement_cannot_be_ignored(
    app: FastAPI, client: TestClient, db: Database, *, bulk: bool
) -> None:
    """A server may run the COMMIT as a ROLLBACK; elsewhere the first row is stored."""
    row = {"name": "Lamp", "category": "light", "quantity": 1}

    @app.post("/probe", status_code=201)
    def probe(session: SessionDep) -> None:
        session.execute(insert(Product).values(row))
        with suppress(DBAPIError):
            if bulk:
                store_rows(session, Product, [row])
            else:
                session.execute(insert(Product).values(row))

    response = client.post("/probe")
    assert response.status_code in {201, 500}
    assert count_products(db) == (1 if response.status_code == 201 else 0)


def test_a_savepoint_may_be_committed_or_rolled_back(
    app: FastAPI, client: TestClient, db: Database
) -> None:
    @app.post("/probe")
    def probe(session: SessionDep) -> None:
        kept = session.begin_nested()
        session.add(lamp())
        kept.commit()
        undone = session.begin_nested()
        session.add(Product(name="Another lamp", category="light", quantity=1))
        session.flush()
        undone.rollback()

    response = client.post("/probe")
    assert response.status_code == 200
    assert count_products(db) == 1


def test_an_error_in_a_savepoint_keeps_the_rest_of_the_transaction(
    app: FastAPI, client: TestClient, db: Database
) -> None:
    @app.post("/probe")
    def probe(session: SessionDep) -> str:
        session.add(lamp())
        session.flush()
        try:
            with session.begin_nested():
                session.add(lamp())
        except IntegrityError:
            session.add(Product(name="Another lamp", category="light", quantity=1))
        return "stored"

    response = client.post("/probe")
    assert response.json() == "stored"
    assert count_products(db) == 2


def test_writes_to_several_tables_are_atomic(
    app: FastAPI, client: TestClient, db: Database, notes: Table
) -> None:
    @app.post("/probe")
    def probe(session: SessionDep) -> None:
        product = lamp()
        session.add(product)
        session.flush()
        session.execute(insert(notes).values(product_id=product.id))
        session.execute(insert(notes).values(product_id=product.id + 1))

    response = client.post("/probe")
    assert response.status_code == 409
    assert count_products(db) == 0
    with db.readers() as reader:
        assert reader.scalar(select(func.count()).select_from(notes)) == 0


def test_a_response_that_fails_validation_rolls_back(
    app: FastAPI, client: TestClient, db: Database
) -> None:
    @app.post("/probe", response_model=int)
    def probe(session: SessionDep) -> str:
        session.add(lamp())
        session.flush()
        return "no integer"

    response = client.post("/probe")
    assert response.status_code == 500
    assert count_products(db) == 0


@pytest.mark.parametrize("fails", [False, True], ids=["stored", "rolled back"])
def test_a_reader_and_a_session_of_one_request_share_a_transaction(
    app: FastAPI, client: TestClient, db: Database, *, fails: bool
) -> None:
    """The reader may be resolved first; then its dependency ends the transaction."""

    @app.post("/probe")
    def probe(reader: ReaderDep, session: SessionDep) -> int | None:
        session.add(lamp())
        found = reader.scalar(select(func.count()).select_from(Product))
        if fails:
            raise HTTPException(418)
        return found

    response = client.post("/probe")
    assert response.status_code == (418 if fails else 200)
    assert fails or response.json() == 1
    assert count_products(db) == (0 if fails else 1)


def test_a_background_task_sees_the_committed_row(
    app: FastAPI, client: TestClient, db: Database
) -> None:
    seen: list[int] = []

    def count_later(db: Database) -> None:
        seen.append(count_products(db))

    @app.post("/probe")
    def probe(request: Request, session: SessionDep, tasks: BackgroundTasks) -> None:
        session.add(lamp())
        tasks.add_task(count_later, request.state.db)

    client.post("/probe")
    assert seen == [1]


def test_a_stream_cannot_reopen_the_session_of_its_request(
    app: FastAPI, client: TestClient, db: Database
) -> None:
    errors: list[str] = []

    @app.get("/probe")
    def probe(session: SessionDep) -> StreamingResponse:
        def lines() -> Iterator[str]:
            try:
                yield str(session.scalar(select(1)))
            except Exception as error:  # noqa: BLE001
                errors.append(str(error))

        return StreamingResponse(lines())

    client.get("/probe")
    assert "closed" in errors[0]
    assert db.engine.pool.status().endswith("Current Checked out connections: 0")
