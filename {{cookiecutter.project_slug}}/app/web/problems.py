"""Responses of errors: problem details (RFC 9457)."""

from http.client import responses
from typing import Any

from fastapi import status
from fastapi.responses import JSONResponse

INTERNAL_ERROR = "Something went wrong here; it has been logged."


def problem(
    code: int, detail: str, headers: dict[str, str] | None = None, **members: Any
) -> JSONResponse:
    """Build a problem details response; `members` extend its body."""
    body = {"title": responses.get(code, "Error"), "status": code, "detail": detail, **members}
    return JSONResponse(body, code, headers, media_type="application/problem+json")


def invalid(errors: list[dict[str, Any]]) -> JSONResponse:
    """Build the response to a request that fails validation."""
    detail = "Validation failed: see `errors`."
    return problem(status.HTTP_422_UNPROCESSABLE_CONTENT, detail, errors=errors)


def internal_error_response() -> JSONResponse:
    """Build the response to an unexpected exception; the server logs its traceback.

    The server then closes the connection. Without the header, a client would send its next
    request on that connection and lose it.
    """
    return problem(
        status.HTTP_500_INTERNAL_SERVER_ERROR,
        INTERNAL_ERROR,
        {"Connection": "close"},
    )
