"""The OpenAPI schema documents each error with its content type and its model."""

from typing import Any

import pytest
from fastapi import APIRouter

from app.settings import Settings
from app.web.openapi import problems
from tests.guarantees.products import create_app


def documented(schema: dict[str, Any], method: str, path: str) -> set[int]:
    answers = schema["paths"][path][method]["responses"]
    return {int(code) for code in answers}


def test_every_error_is_problem_details() -> None:
    schema = create_app(Settings()).openapi()
    errors = [
        answer
        for path in schema["paths"].values()
        for operation in path.values()
        for code, answer in operation["responses"].items()
        if int(code) >= 400
    ]
    assert errors
    for answer in errors:
        assert answer["content"].keys() == {"application/problem+json"}
    assert "HTTPValidationError" not in schema["components"]["schemas"]


@pytest.mark.parametrize(
    ("method", "path", "codes"),
    [
        ("get", "/health/live", {200, 413, 500}),
        ("get", "/health/ready", {200, 413, 500, 503}),
        ("get", "/test-products", {200, 413, 422, 500, 503}),
        ("post", "/test-products", {201, 400, 409, 413, 422, 500, 503}),
        ("patch", "/test-products/{product_id}", {200, 400, 404, 409, 413, 422, 500, 503}),
        ("delete", "/test-products/{product_id}", {204, 404, 413, 422, 500, 503}),
    ],
)
def test_a_route_documents_its_status_codes(method: str, path: str, codes: set[int]) -> None:
    assert documented(create_app(Settings()).openapi(), method, path) == codes


def test_a_route_can_document_more_errors_in_one_line() -> None:
    app = create_app(Settings())
    router = APIRouter(prefix="/probe", responses=problems(401))

    @router.get("")
    async def probe() -> None: ...

    @router.post("/refusing", responses=problems(400, 422))
    async def refuse() -> None: ...

    app.include_router(router)
    schema = app.openapi()
    assert documented(schema, "get", "/probe") == {200, 401, 413, 500}
    assert documented(schema, "post", "/probe/refusing") == {200, 400, 401, 413, 422, 500}
    (content,) = schema["paths"]["/probe"]["get"]["responses"]["401"]["content"].items()
    assert content == (
        "application/problem+json",
        {"schema": {"$ref": "#/components/schemas/Problem"}},
    )
