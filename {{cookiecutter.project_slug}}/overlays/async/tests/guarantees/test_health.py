"""Health endpoints report the real state, and never wait for long."""

import asyncio

import pytest
from httpx2 import AsyncClient

from app.database import Database
from app.settings import Settings
from app.web import health
from tests.conftest import ClientOf, at_once
from tests.dialect import UNREACHABLE
from tests.guarantees.conftest import broken_connections, delay_connections, delay_next_statement
from tests.guarantees.products import create_app


async def test_a_service_with_its_database_is_ready(client: AsyncClient) -> None:
    live = await client.get("/health/live")
    assert (live.status_code, live.json()) == (200, {"status": "ok"})
    ready = await client.get("/health/ready")
    assert (ready.status_code, ready.json()["parts"]) == (200, {"database": "ok"})


async def test_a_service_without_its_database_is_live_but_not_ready(client_of: ClientOf) -> None:
    async with client_of(create_app(Settings(database_url=UNREACHABLE))) as client:
        live = await client.get("/health/live")
        assert live.status_code == 200
        ready = await client.get("/health/ready")
        assert (ready.status_code, ready.json()["parts"]) == (503, {"database": "down"})
        products = await client.get("/test-products")
        assert products.status_code == 503
        assert products.headers["Retry-After"]


@pytest.mark.commits
async def test_readiness_waits_for_a_slow_connection(
    client: AsyncClient, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Concurrent probes share one connection attempt, and get 503 at the probe's own timeout."""
    monkeypatch.setattr(health, "TIMEOUT", 0.3)
    delay_connections(db, 1.0)
    early = await at_once(20, lambda: client.get("/health/ready"))
    assert {response.status_code for response in early} == {503}
    await asyncio.sleep(1.0)
    late = await client.get("/health/ready")
    assert late.status_code == 200
    assert "Connections in pool: 1 Current Overflow: -6 " in db.engine.pool.status()  # of 7


@pytest.mark.commits
async def test_an_attempt_that_never_ends_is_abandoned(
    client: AsyncClient, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "TIMEOUT", 0.2)
    monkeypatch.setattr(db.probe, "limit", 0.5)
    delay_next_statement(db, 2.0)
    early = await client.get("/health/ready")
    assert early.status_code == 503
    await asyncio.sleep(0.5)
    monkeypatch.setattr(health, "TIMEOUT", 1.0)
    late = await client.get("/health/ready")
    assert late.status_code == 200
    await asyncio.sleep(1.5)  # the abandoned attempt returns its connection


@pytest.mark.commits
async def test_a_running_connection_attempt_ends_at_shutdown(
    client: AsyncClient, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "TIMEOUT", 0.1)
    delay_connections(db, 1.0)
    response = await client.get("/health/ready")
    assert response.status_code == 503


@pytest.mark.commits
@pytest.mark.parametrize("error", [OSError("no"), RuntimeError("no")], ids=["usual", "unknown"])
async def test_readiness_is_503_when_the_driver_fails(
    error: Exception, client: AsyncClient, db: Database
) -> None:
    with broken_connections(db, error):
        response = await client.get("/health/ready")
    assert (response.status_code, response.json()["parts"]) == (503, {"database": "down"})
