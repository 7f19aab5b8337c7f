"""Readers on a replica: the settings, the header, and the readiness.

Here the database is its own replica. A change that is late needs a second server, as in production.
"""

import time

import pytest
from fastapi.testclient import TestClient
from pydantic import ValidationError
from sqlalchemy import Connection, ExceptionContext, event
from sqlalchemy.exc import DBAPIError

from app.database import Database, connected
from app.database.replica.positions import Lag
from app.database.replica.watch import WatchedReplica
from app.settings import Settings
from app.settings.url import DEFAULT_URL
from tests.conftest import ClientOf
from tests.dialect import UNREACHABLE
from tests.guarantees.products import create_app

HEADER = "X-Database-Position"
PRODUCT = {"name": "Lamp", "category": "light"}


def with_replica(settings: Settings) -> Settings:
    """Return settings whose replica is the database itself."""
    return settings.model_copy(update={"database_replica_url": settings.database_url})


def wait_for_replica(client: TestClient) -> None:
    """Wait until readers use the replica."""
    for _ in range(100):
        ready = client.get("/health/ready")
        if ready.json()["parts"] == {"database": "ok", "replica": "ok"}:
            return
        time.sleep(0.1)
    pytest.fail("the replica is not ready")


@pytest.mark.commits
def test_a_response_has_the_position_of_its_commit(
    db: Database, settings: Settings, client_of: ClientOf
) -> None:
    with client_of(create_app(with_replica(settings))) as client:
        wait_for_replica(client)
        made = client.post("/test-products", json=PRODUCT)
        assert made.status_code == 201
        assert made.headers[HEADER]
        sent = {HEADER: made.headers[HEADER]}
        read = client.get(f"/test-products/{made.json()['id']}", headers=sent)
        assert read.json() == made.json()
        assert HEADER not in read.headers
        again = client.post("/test-products", json=PRODUCT)
        assert again.status_code == 409


def test_the_first_reader_uses_the_replica(settings: Settings) -> None:
    with connected(with_replica(settings)) as own:
        assert own.replica
        assert own.replica.available


@pytest.mark.commits
@pytest.mark.parametrize("position", ["", "x", "0/", "'", "9" * 500, "é"])
def test_a_position_that_is_none_is_ignored(
    position: str, db: Database, settings: Settings, client_of: ClientOf
) -> None:
    with client_of(create_app(with_replica(settings))) as client:
        wait_for_replica(client)
        sent = {HEADER.encode(): position.encode()}
        read = client.get("/test-products", headers=sent)
        assert read.status_code == 200


@pytest.mark.commits
def test_without_a_replica_there_is_no_position(client: TestClient) -> None:
    made = client.post("/test-products", json=PRODUCT)
    assert made.status_code == 201
    assert HEADER not in made.headers


@pytest.mark.commits
def test_readers_use_the_database_while_the_replica_is_away(
    db: Database, settings: Settings, client_of: ClientOf, caplog: pytest.LogCaptureFixture
) -> None:
    own = settings.model_copy(update={"database_replica_url": UNREACHABLE})
    with client_of(create_app(own)) as client:
        for _ in range(20):
            read = client.get("/test-products")
            assert read.status_code == 200
            time.sleep(0.1)
        ready = client.get("/health/ready")
        assert ready.status_code == 200
        assert ready.json()["parts"] == {"database": "ok", "replica": "down"}
    assert caplog.text.count("Readers use the primary") == 1


def test_a_check_that_began_before_a_connection_was_lost_does_not_count(
    settings: Settings,
) -> None:
    def lose(context: ExceptionContext) -> None:
        context.is_disconnect = True

    class DuringALoss(Lag):
        """Loses another connection before the result of the check is there."""

        def read(self, connection: Connection) -> float:
            with pytest.raises(DBAPIError), replica.engine.connect() as other:
                other.exec_driver_sql("SELECT no_such_column")
            return 0.0

    with connected(settings) as own:
        event.listen(own.reader_engine.dialect, "handle_error", lose)
        replica = WatchedReplica(own.reader_engine)
        replica.measured = DuringALoss()
        replica.check()
        assert not replica.available
        replica.measured = Lag()
        replica.check()
        assert replica.available


@pytest.mark.commits
def test_too_many_connections_are_named_with_what_fits(
    settings: Settings, client_of: ClientOf, caplog: pytest.LogCaptureFixture
) -> None:
    own = settings.model_copy(update={"database_processes": 10_000})
    for tried, times in ((settings, 0), (own, 1)):
        with client_of(create_app(tried)) as client:
            read = client.post("/test-products", json=PRODUCT)
            assert read.status_code in (201, 409)
        assert caplog.text.count("10000 processes with 15 connections each") == times


def test_a_replica_is_of_the_same_database_and_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    other = DEFAULT_URL.set(drivername="other+driver").render_as_string(hide_password=False)
    monkeypatch.setenv("DATABASE_REPLICA_URL", other)
    with pytest.raises(ValidationError, match="the URL must begin with"):
        Settings()


def test_a_patience_needs_a_replica(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_REPLICA_PATIENCE", "50")
    with pytest.raises(ValidationError, match="set DATABASE_REPLICA_URL too"):
        Settings()


def test_the_number_of_processes_is_that_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", "3")
    assert Settings().database_processes == 3
    monkeypatch.setenv("DATABASE_PROCESSES", "12")
    assert Settings().database_processes == 12


@pytest.mark.parametrize("name", ["DATABASE_REPLICA_URL", "MIGRATION_DATABASE_URL"])
def test_no_address_has_the_development_password_in_production(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    monkeypatch.setenv(name, DEFAULT_URL.render_as_string(hide_password=False))
    with pytest.raises(ValidationError, match=f"{name} has the development password"):
        Settings(database_url=DEFAULT_URL.set(password="its own"))
