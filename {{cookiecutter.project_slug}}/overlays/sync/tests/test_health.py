"""Health tells what is true, and never waits for long."""

from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.conftest import ClientOf
from tests.dialect import UNREACHABLE


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
        items = client.get("/items")
        assert items.status_code == 503
        assert items.headers["Retry-After"]
