"""A migration runs while the service has connections that cached the old schema."""

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Table, insert, select, text
from sqlalchemy.orm import Session

from app.database import Database, connected
from app.dependencies import ReaderDep, SessionDep
from app.settings import Settings
from tests.conftest import at_once
from tests.dialect import CHANGE_TYPE, TYPES

pytestmark = pytest.mark.commits


def change_type(settings: Settings, name: str) -> None:
    """Change the type of a column on a separate connection, as a migration would."""
    with connected(settings) as other, other.engine.begin() as connection:
        connection.execute(text(CHANGE_TYPE.format(name)))


@pytest.mark.parametrize("path", ["/test-reader", "/test-session"])
def test_a_type_change_fails_at_most_one_request_per_connection(
    path: str, app: FastAPI, client: TestClient, settings: Settings, measures: Table
) -> None:
    @app.get("/test-reader")
    def read(reader: ReaderDep) -> int:
        found = reader.execute(select(measures))
        return len(found.all())

    @app.get("/test-session")
    def read_in_a_transaction(session: SessionDep) -> int:
        found = session.execute(select(measures))
        return len(found.all())

    def status() -> int:
        response = client.get(path)
        return response.status_code

    for _ in range(10):  # a driver prepares a statement after some executions
        assert set(at_once(5, status)) == {200}
    change_type(settings, TYPES[0])
    answers = [status() for _ in range(30)]
    assert set(answers) <= {200, 503}
    assert answers.count(503) <= 5
    assert answers[-20:] == [200] * 20


def test_a_unit_of_work_is_retried_after_a_type_change(
    db: Database, settings: Settings, measures: Table
) -> None:
    def work(session: Session) -> int:
        session.execute(insert(measures).values(amount=1))
        found = session.execute(select(measures.c.amount))
        return len(found.all())

    for count in range(1, 11):
        assert db.run(work) == count
    for count, name in enumerate(TYPES, 11):
        change_type(settings, name)
        assert db.run(work) == count
