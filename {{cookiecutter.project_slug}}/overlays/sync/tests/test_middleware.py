"""Around every request stand an id, a line in the log, and headers that protect the response."""

import logging

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response
from structlog.testing import capture_logs

from app.main import create_app
from app.middleware import HEADERS
from app.settings import Settings
from tests.conftest import ClientOf
from tests.dialect import UNREACHABLE


def add_bug(app: FastAPI) -> None:
    @app.get("/probe")
    def probe() -> None:
        raise ValueError("a bug")


def assert_protected(response: Response) -> None:
    for name, value in HEADERS:
        assert response.headers[name.decode()] == value.decode()
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")


@pytest.mark.parametrize("path", ["/health/live", "/nowhere", "/probe"], ids=["ok", "404", "500"])
def test_every_response_has_an_id_and_is_protected(
    path: str, app: FastAPI, client: TestClient
) -> None:
    add_bug(app)
    response = client.get(path)
    assert len(response.headers["X-Request-ID"]) == 32
    assert_protected(response)


def test_a_page_may_load_its_scripts(client: TestClient) -> None:
    page = client.get("/docs")
    assert "Content-Security-Policy" not in page.headers
    assert page.headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize(
    ("given", "length"), [("job-7_a.b", 9), ("a b", 32), ("x" * 101, 32), ("", 32)]
)
def test_the_id_that_a_request_brings_is_kept_if_it_is_one(
    given: str, length: int, client: TestClient
) -> None:
    response = client.get("/health/live", headers={"X-Request-ID": given})
    assert len(response.headers["X-Request-ID"]) == length


def test_a_request_is_logged_without_its_query(client: TestClient) -> None:
    with capture_logs() as lines:
        client.get("/nowhere?token=s3cret")
        client.get("/health/live")
    (line,) = [it for it in lines if it["log_level"] == "info"]
    assert (line["event"], line["status"]) == ("GET /nowhere", 404)
    assert line["duration_ms"] > 0


def test_secrets_are_neither_logged_nor_answered(
    settings: Settings, client_of: ClientOf, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(settings.model_copy(update={"database_url": UNREACHABLE}))
    add_bug(app)
    told = []
    with caplog.at_level(logging.DEBUG), capture_logs() as lines, client_of(app) as client:
        for path in ("/items", "/health/ready", "/probe"):
            response = client.get(path, headers={"Authorization": "Bearer s3cret"})
            told.append(response.text)
    for secret in ("s3cret", UNREACHABLE.password or "s3cret"):
        assert secret not in "".join([caplog.text, str(lines), *told])


def test_a_body_beyond_the_limit_is_refused(settings: Settings, client_of: ClientOf) -> None:
    app = create_app(settings.model_copy(update={"max_body_size": 10}))
    with client_of(app) as client:
        response = client.post("/items", json={"name": "Lamp", "category": "light"})
    assert response.status_code == 413


def test_other_hosts_are_refused(settings: Settings, client_of: ClientOf) -> None:
    app = create_app(settings.model_copy(update={"allowed_hosts": ["api.example.com"]}))
    with client_of(app) as client:
        wrong = client.get("/health/live")
        right = client.get("/health/live", headers={"Host": "api.example.com"})
    assert (wrong.status_code, right.status_code) == (400, 200)


@pytest.mark.parametrize("origins", [[], ["https://app.example.com"]], ids=["none", "one"])
def test_other_origins_may_call_where_a_setting_says_so(
    origins: list[str], settings: Settings, client_of: ClientOf
) -> None:
    app = create_app(settings.model_copy(update={"cors_origins": origins}))
    with client_of(app) as client:
        headers = {"Origin": "https://app.example.com"}
        response = client.get("/health/live", headers=headers)
    allowed = response.headers.get("Access-Control-Allow-Origin")
    assert allowed == (origins[0] if origins else None)


def test_the_docs_can_be_switched_off(settings: Settings, client_of: ClientOf) -> None:
    with client_of(create_app(settings.model_copy(update={"docs": False}))) as client:
        for path in ("/docs", "/redoc", "/openapi.json"):
            response = client.get(path)
            assert response.status_code == 404


def test_production_is_for_https_only(settings: Settings, client_of: ClientOf) -> None:
    app = create_app(settings.model_copy(update={"environment": "production"}))
    with client_of(app) as client:
        response = client.get("/health/live")
    assert response.headers["Strict-Transport-Security"]
