"""Turns errors into responses: problem details (RFC 9457).

Bodies contain no SQL, no values and no message of the database: the log has the details.
"""

import logging

from fastapi import FastAPI, WebSocket, status
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.utils import is_body_allowed_for_status_code
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocketState

from app.database.admission import Overloaded
from app.database.constraints import ConstraintError, Explanation, explanation_of
from app.database.errors import Kind, describe, kind_of
from app.database.ordering import CursorError
from app.web.problems import INTERNAL_ERROR, invalid, problem
from app.web.routes import request_name

logger = logging.getLogger(__name__)

BUSY = "The service is busy: try again in a moment."
STORED = "The request failed after a part of it was stored."

DETAIL = {
    status.HTTP_409_CONFLICT: "The request conflicts with existing data.",
    status.HTTP_422_UNPROCESSABLE_CONTENT: "The database cannot store these values.",
    status.HTTP_503_SERVICE_UNAVAILABLE: "The database cannot serve the request now: try again.",
    status.HTTP_500_INTERNAL_SERVER_ERROR: INTERNAL_ERROR,
}

# For a websocket that was already accepted.
CLOSE_CODES = {
    status.HTTP_500_INTERNAL_SERVER_ERROR: status.WS_1011_INTERNAL_ERROR,
    status.HTTP_503_SERVICE_UNAVAILABLE: status.WS_1013_TRY_AGAIN_LATER,
}
REFUSED = status.WS_1008_POLICY_VIOLATION

STATUS_OF_KIND = {
    Kind.CONFLICT: status.HTTP_409_CONFLICT,
    Kind.UNPROCESSABLE: status.HTTP_422_UNPROCESSABLE_CONTENT,
    Kind.UNAVAILABLE: status.HTTP_503_SERVICE_UNAVAILABLE,
    Kind.INTERNAL_ERROR: status.HTTP_500_INTERNAL_SERVER_ERROR,
}


async def answer(connection: HTTPConnection, response: Response) -> Response | None:
    """Return the response; for a websocket, send it as denial response or close with a code."""
    if not isinstance(connection, WebSocket):
        return response
    if connection.application_state == WebSocketState.CONNECTING:
        await connection.send_denial_response(response)
    elif connection.application_state == WebSocketState.CONNECTED:
        await connection.close(CLOSE_CODES.get(response.status_code, REFUSED))
    return None


async def on_database_error(connection: HTTPConnection, error: SQLAlchemyError) -> Response | None:
    """Respond to a database error."""
    bug = kind_of(error) is Kind.INTERNAL_ERROR
    response = database_problem(connection, error)
    line = (request_name(connection), response.status_code, describe(error))
    level = logging.ERROR if bug else logging.WARNING
    logger.log(level, "%s returns %d: %s", *line, exc_info=error if bug else None)
    return await answer(connection, response)


def database_problem(connection: HTTPConnection, error: SQLAlchemyError) -> JSONResponse:
    """Build the response to a database error."""
    kind = kind_of(error)
    code = STATUS_OF_KIND[kind]
    if explanation := explanation_of(error):
        return explained(code, explanation)
    if kind is Kind.UNAVAILABLE:
        return unavailable(connection, DETAIL[code])
    return problem(code, DETAIL[code])


def unavailable(connection: HTTPConnection, detail: str) -> JSONResponse:
    """Ask to try again with 503, or respond with 500 if a unit of work has stored something."""
    if hasattr(connection.state, "stored"):
        return problem(status.HTTP_500_INTERNAL_SERVER_ERROR, STORED)
    return problem(status.HTTP_503_SERVICE_UNAVAILABLE, detail, {"Retry-After": "1"})


async def on_constraint_error(
    connection: HTTPConnection, error: ConstraintError
) -> Response | None:
    """Respond to a conflict that a query has found, like to one that the database has found."""
    return await answer(connection, explained(status.HTTP_409_CONFLICT, error.explanation))


def explained(code: int, explanation: Explanation) -> JSONResponse:
    """Build the response to values that a constraint rejects."""
    error = {"loc": ["body", explanation.field], "msg": explanation.sentence, "type": "constraint"}
    return problem(code, explanation.sentence, errors=[error])


async def on_overload(connection: HTTPConnection, _error: Overloaded) -> Response | None:
    """Respond when the queue is full."""
    return await answer(connection, unavailable(connection, BUSY))


async def on_http_exception(connection: HTTPConnection, error: HTTPException) -> Response | None:
    """Respond to an `HTTPException` of an endpoint, or of FastAPI if it could not parse a body."""
    headers = dict(error.headers) if error.headers else None
    if not is_body_allowed_for_status_code(error.status_code):
        return await answer(connection, Response(status_code=error.status_code, headers=headers))
    cause = error.__cause__
    if error.status_code == status.HTTP_400_BAD_REQUEST and cause is not None:
        # Other errors may quote the body. An OSError, such as a full disk, does not.
        logger.warning(
            "%s returns 400: %s",
            request_name(connection),
            repr(cause) if isinstance(cause, OSError) else type(cause).__name__,
        )
    return await answer(connection, problem(error.status_code, error.detail, headers))


async def on_invalid_request(
    connection: HTTPConnection, error: RequestValidationError | WebSocketRequestValidationError
) -> Response | None:
    """Respond to a request that fails validation; `errors` has the location of each error."""
    errors = [{"loc": e["loc"], "msg": e["msg"], "type": e["type"]} for e in error.errors()]
    return await answer(connection, invalid(errors))


async def on_cursor_error(connection: HTTPConnection, _error: CursorError) -> Response | None:
    """Respond to a cursor that is not one of its list."""
    message = "Not a cursor of this list: use `next_cursor` or `previous_cursor` of a page."
    error = {"loc": ["query", "cursor"], "msg": message, "type": "value_error"}
    return await answer(connection, invalid([error]))


def install(app: FastAPI) -> None:
    """Register the exception handlers."""
    app.exception_handler(HTTPException)(on_http_exception)
    app.exception_handler(RequestValidationError)(on_invalid_request)
    app.exception_handler(WebSocketRequestValidationError)(on_invalid_request)
    app.exception_handler(SQLAlchemyError)(on_database_error)
    app.exception_handler(Overloaded)(on_overload)
    app.exception_handler(CursorError)(on_cursor_error)
    app.exception_handler(ConstraintError)(on_constraint_error)
