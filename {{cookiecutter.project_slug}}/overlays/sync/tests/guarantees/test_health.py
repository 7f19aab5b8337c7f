"""Health tells what is true, and never waits for long."""

import time

import pytest
from fastapi.testclient import TestClient

from app.database import Database
from app.settings import Settings
from app.web import health
from tests.conftest import ClientOf, at_once
from tests.dialect import UNREACHABLE
from tests.guarantees.conftest import broken_connections, delay_connections
from tests.guarantees.products import create_app


def test_a_service_with_its_database_is_ready(client: TestClient) -> None:
    live = client.get("/health/live")
    assert (live.status_code, live.json()) == (200, {"status": "ok"})
    ready = client.get("/health/ready")
    assert (ready.status_code, ready.json()["parts"]) == (200, {"database": "ok"})


def test_a_service_without_its_database_lives_but_is_not_ready(client_of: ClientOf) -> None:
    with client_of(create_app(Settings(database_url=UNREACHABLE))) as client:
        live = client.get("/health/live")
        assert live.status_code == 200
        ready = client.get("/health/ready")
        assert (ready.status_code, ready.json()["parts"]) == (503, {"database": "down"})
        products = client.get("/test-products")
        assert products.status_code == 503
        assert products.headers["Retry-After"]


@pytest.mark.commits
def test_a_connection_that_opens_slowly_is_waited_for(
    client: TestClient, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One attempt at a time, however many ask; readiness itself answers after its own limit."""
    monkeypatch.setattr(health, "TIMEOUT", 0.3)
    delay_connections(db, 1.0)
    early = at_once(20, lambda: client.get("/health/ready"))
    assert {response.status_code for response in early} == {503}
    time.sleep(1.0)
    late = client.get("/health/ready")
    assert late.status_code == 200
    assert "Connections in pool: 1 Current Overflow: -4 " in db.engine.pool.status()  # of 5


@pytest.mark.commits
def test_an_attempt_that_still_runs_ends_with_the_service(
    client: TestClient, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "TIMEOUT", 0.1)
    delay_connections(db, 1.0)
    response = client.get("/health/ready")
    assert response.status_code == 503


@pytest.mark.commits
@pytest.mark.parametrize("error", [OSError("no"), RuntimeError("no")], ids=["usual", "unknown"])
def test_a_driver_that_fails_makes_readiness_say_no(
    error: Exception, client: TestClient, db: Database
) -> None:
    with broken_connections(db, error):
        response = client.get("/health/ready")
    assert (response.status_code, response.json()["parts"]) == (503, {"database": "down"})
