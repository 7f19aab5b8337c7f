"""Health endpoints report the real state, and never wait for long."""

import time

import pytest
from fastapi.testclient import TestClient

from app.database import Database
from app.settings import Settings
from app.web import health
from tests.conftest import ClientOf, at_once
from tests.dialect import UNREACHABLE
from tests.guarantees.conftest import broken_connections, delay_connections, delay_next_statement
from tests.guarantees.products import create_app


def test_a_service_with_its_database_is_ready(client: TestClient) -> None:
    live = client.get("/health/live")
    assert (live.status_code, live.json()) == (200, {"status": "ok"})
    ready = client.get("/health/ready")
    assert (ready.status_code, ready.json()["parts"]) == (200, {"database": "ok"})


def test_a_service_without_its_database_is_live_but_not_ready(client_of: ClientOf) -> None:
    with client_of(create_app(Settings(database_url=UNREACHABLE))) as client:
        live = client.get("/health/live")
        assert live.status_code == 200
        ready = client.get("/health/ready")
        assert (ready.status_code, ready.json()["parts"]) == (503, {"database": "down"})
        products = client.get("/test-products")
        assert products.status_code == 503
        assert products.headers["Retry-After"]


@pytest.mark.commits
def test_readiness_waits_for_a_slow_connection(
    client: TestClient, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Concurrent probes share one connection attempt, and get 503 at the probe's own timeout."""
    monkeypatch.setattr(health, "TIMEOUT", 0.3)
    delay_connections(db, 1.0)
    early = at_once(20, lambda: client.get("/health/ready"))
    assert {response.status_code for response in early} == {503}
    time.sleep(1.0)
    late = client.get("/health/ready")
    assert late.status_code == 200
    assert "Connections in pool: 1 Current Overflow: -6 " in db.engine.pool.status()  # of 7


@pytest.mark.commits
def test_an_attempt_that_never_ends_is_abandoned(
    client: TestClient, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "TIMEOUT", 0.2)
    monkeypatch.setattr(db.probe, "limit", 0.5)
    delay_next_statement(db, 2.0)
    early = client.get("/health/ready")
    assert early.status_code == 503
    time.sleep(0.5)
    monkeypatch.setattr(health, "TIMEOUT", 1.0)
    late = client.get("/health/ready")
    assert late.status_code == 200
    time.sleep(1.5)  # the abandoned attempt returns its connection


@pytest.mark.commits
def test_a_running_connection_attempt_ends_at_shutdown(
    client: TestClient, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "TIMEOUT", 0.1)
    delay_connections(db, 1.0)
    response = client.get("/health/ready")
    assert response.status_code == 503


@pytest.mark.commits
@pytest.mark.parametrize("error", [OSError("no"), RuntimeError("no")], ids=["usual", "unknown"])
def test_readiness_is_503_when_the_driver_fails(
    error: Exception, client: TestClient, db: Database
) -> None:
    with broken_connections(db, error):
        response = client.get("/health/ready")
    assert (response.status_code, response.json()["parts"]) == (503, {"database": "down"})
