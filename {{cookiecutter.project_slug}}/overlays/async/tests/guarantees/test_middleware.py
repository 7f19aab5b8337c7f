"""Middleware gives every request an id, a log line and security headers."""

import asyncio
import logging
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from fastapi import FastAPI, UploadFile
from fastapi.responses import PlainTextResponse
from httpx2 import AsyncClient, Response
from structlog.testing import capture_logs

from app.dependencies import SessionDep
from app.settings import Settings
from app.web.request_context import HEADERS
from tests.conftest import ClientOf
from tests.dialect import UNREACHABLE
from tests.guarantees.products import create_app

ORIGIN = "https://app.example.com"


def add_bug(app: FastAPI) -> None:
    @app.get("/probe")
    async def probe() -> None:
        raise ValueError("a bug")


@dataclass(frozen=True)
class Case:
    """A request, and the status code of its response."""

    status: int
    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes | None = None


JSON = {"Content-Type": "application/json"}
PREFLIGHT = {"Access-Control-Request-Method": "PATCH"}
CASES = {
    "ok": Case(200, "GET", "/test-products"),
    "redirect": Case(307, "GET", "/test-products/"),
    "not JSON": Case(422, "POST", "/test-products", JSON, b"{"),
    "not UTF-8": Case(400, "POST", "/test-products", JSON, b"\xff"),
    "another host": Case(400, "GET", "/test-products", {"Host": "other.example.com"}),
    "nothing there": Case(404, "GET", "/nowhere"),
    "another method": Case(405, "DELETE", "/test-products"),
    "too large": Case(413, "POST", "/test-products", JSON, b"x" * 101),
    "too large for a GET": Case(413, "GET", "/test-products", {"Content-Length": "101"}),
    "too large for its route": Case(413, "POST", "/test-small", JSON, b'"x"'),
    "a bug": Case(500, "GET", "/probe"),
    "too slow": Case(503, "GET", "/test-slow"),
    "preflight": Case(200, "OPTIONS", "/test-products", PREFLIGHT),
}


def assert_protected(response: Response) -> None:
    for name, value in HEADERS:
        assert response.headers[name.decode()] == value.decode()
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")


def assert_problem(response: Response, code: int) -> None:
    assert response.status_code == code, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert {"title", "status", "detail"} <= response.json().keys()
    assert response.json()["status"] == code


@pytest.fixture
def strict_app(settings: Settings) -> FastAPI:
    """An app with all limits set, and endpoints that exceed them."""
    limits = {
        "allowed_hosts": ["test", "testserver"],
        "cors_origins": [ORIGIN],
        "max_body_size": 100,
        "request_timeout": 1.0,
    }
    app = create_app(settings.model_copy(update=limits))
    add_bug(app)

    @app.get("/test-slow")
    async def slow(session: SessionDep) -> None:
        await asyncio.sleep(1.2)

    @app.post("/test-small", max_body_size=1)
    async def small(data: str) -> None: ...

    return app


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_every_response_has_its_headers_and_log_line(
    case: Case, strict_app: FastAPI, client_of: ClientOf
) -> None:
    async with client_of(strict_app) as client:
        with capture_logs() as lines:
            response = await client.request(
                case.method,
                case.path,
                headers={"Origin": ORIGIN} | case.headers,
                content=case.content,
                follow_redirects=False,
            )
    assert response.status_code == case.status, response.text
    if case.status >= 400:
        assert_problem(response, case.status)
    assert len(response.headers["X-Request-ID"]) == 32
    assert_protected(response)
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    if case.method != "OPTIONS":
        exposed = response.headers["Access-Control-Expose-Headers"]
        assert {"Retry-After", "X-Request-ID"} <= set(exposed.split(", "))
    (line,) = [it for it in lines if it["event"] == f"{case.method} {case.path}"]
    assert line["status"] == case.status


async def test_a_preflight_from_another_origin_gets_problem_details(
    strict_app: FastAPI, client_of: ClientOf
) -> None:
    async with client_of(strict_app) as client:
        headers = PREFLIGHT | {"Origin": "https://evil.example.com"}
        response = await client.options("/test-products", headers=headers)
    assert_problem(response, 400)
    assert_protected(response)
    assert "Access-Control-Allow-Origin" not in response.headers


async def test_a_body_of_unknown_length_is_limited_too(
    strict_app: FastAPI, client_of: ClientOf
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b" " * 10

    async with client_of(strict_app) as client:
        headers = JSON | {"Origin": ORIGIN}
        response = await client.post("/test-products", content=chunks(), headers=headers)
    assert "Content-Length" not in response.request.headers
    assert_problem(response, 413)
    assert_protected(response)
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN


async def test_a_large_body_is_refused_before_the_endpoint_runs(
    strict_app: FastAPI, client_of: ClientOf
) -> None:
    done = []

    @strict_app.delete("/probe")
    async def delete() -> None:
        done.append(True)

    async with client_of(strict_app) as client:
        response = await client.request("DELETE", "/probe", content=b"x" * 101)
    assert_problem(response, 413)
    assert done == []


async def test_the_response_to_a_bug_closes_the_connection(
    app: FastAPI, client: AsyncClient
) -> None:
    """The server closes the connection, so the client must not send its next request on it."""
    add_bug(app)
    response = await client.get("/probe")
    assert response.headers["Connection"] == "close"


async def test_an_endpoint_may_return_plain_text(app: FastAPI, client: AsyncClient) -> None:
    @app.get("/test-text")
    async def text() -> PlainTextResponse:
        return PlainTextResponse("no", 404)

    response = await client.get("/test-text")
    assert (response.status_code, response.text) == (404, "no")


async def test_the_cause_of_a_body_parsing_error_is_logged(
    settings: Settings,
    client_of: ClientOf,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = create_app(settings.model_copy(update={"max_body_size": 2**22}))

    @app.post("/probe")
    async def probe(file: UploadFile) -> None: ...

    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    async with client_of(app) as client:
        upload = await client.post("/probe", files={"file": b"s3cret" * 2**18})
        latin = await client.post(
            "/test-products", content=b'{"name": "s3cret \xff"}', headers=JSON
        )
    assert_problem(upload, 400)
    assert_problem(latin, 400)
    told = [it.getMessage() for it in caplog.records if it.name == "app.web.errors"]
    assert len(told) == 2
    assert "POST /probe" in told[0]
    assert "No such file or directory" in told[0]
    assert told[1].endswith("UnicodeDecodeError")
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize("path", ["/api", ""], ids=["prefixed", "cut off"])
async def test_a_proxy_prefix_changes_no_headers_or_log_lines(
    path: str, app: FastAPI, client: AsyncClient
) -> None:
    app.root_path = "/api"  # as `fastapi run --root-path /api` sets it
    page = await client.get(f"{path}/docs")
    assert "/api/openapi.json" in page.text
    assert "Content-Security-Policy" not in page.headers
    schema = await client.get(f"{path}/openapi.json")
    assert schema.json()["servers"] == [{"url": "/api"}]
    with capture_logs() as lines:
        await client.get(f"{path}/health/live")
    assert [it for it in lines if it["log_level"] == "info"] == []


async def test_the_docs_page_may_load_its_scripts(client: AsyncClient) -> None:
    page = await client.get("/docs")
    assert "Content-Security-Policy" not in page.headers
    assert page.headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize(
    ("given", "length"), [("job-7_a.b", 9), ("a b", 32), ("x" * 101, 32), ("", 32)]
)
async def test_a_valid_request_id_from_the_client_is_kept(
    given: str, length: int, client: AsyncClient
) -> None:
    response = await client.get("/health/live", headers={"X-Request-ID": given})
    assert len(response.headers["X-Request-ID"]) == length


async def test_a_request_is_logged_without_its_query_string(client: AsyncClient) -> None:
    with capture_logs() as lines:
        await client.get("/nowhere?token=s3cret")
        await client.get("/health/live")
    (line,) = [it for it in lines if it["log_level"] == "info"]
    assert (line["event"], line["status"]) == ("GET /nowhere", 404)
    assert line["duration_ms"] > 0


async def test_secrets_are_neither_logged_nor_returned(
    settings: Settings, client_of: ClientOf, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(settings.model_copy(update={"database_url": UNREACHABLE}))
    add_bug(app)
    told = []
    with caplog.at_level(logging.DEBUG), capture_logs() as lines:
        async with client_of(app) as client:
            for path in ("/test-products", "/health/ready", "/probe"):
                response = await client.get(path, headers={"Authorization": "Bearer s3cret"})
                told.append(response.text)
    for secret in ("s3cret", UNREACHABLE.password or "s3cret"):
        assert secret not in "".join([caplog.text, str(lines), *told])


async def test_other_hosts_are_refused(settings: Settings, client_of: ClientOf) -> None:
    app = create_app(settings.model_copy(update={"allowed_hosts": ["api.example.com"]}))
    async with client_of(app) as client:
        wrong = await client.get("/health/live")
        right = await client.get("/health/live", headers={"Host": "api.example.com"})
    assert (wrong.status_code, right.status_code) == (400, 200)


@pytest.mark.parametrize("origins", [[], ["https://app.example.com"]], ids=["none", "one"])
async def test_only_configured_origins_are_allowed(
    origins: list[str], settings: Settings, client_of: ClientOf
) -> None:
    app = create_app(settings.model_copy(update={"cors_origins": origins}))
    async with client_of(app) as client:
        headers = {"Origin": "https://app.example.com"}
        response = await client.get("/health/live", headers=headers)
    allowed = response.headers.get("Access-Control-Allow-Origin")
    assert allowed == (origins[0] if origins else None)


async def test_the_docs_can_be_disabled(settings: Settings, client_of: ClientOf) -> None:
    async with client_of(create_app(settings.model_copy(update={"docs": False}))) as client:
        for path in ("/docs", "/redoc", "/openapi.json"):
            response = await client.get(path)
            assert response.status_code == 404


async def test_production_sends_strict_transport_security(
    settings: Settings, client_of: ClientOf
) -> None:
    app = create_app(settings.model_copy(update={"environment": "production"}))
    async with client_of(app) as client:
        response = await client.get("/health/live")
    assert response.headers["Strict-Transport-Security"]
