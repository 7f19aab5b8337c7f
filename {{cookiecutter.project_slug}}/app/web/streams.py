"""Streams that an error cuts: their line in the log, and the last server-sent event."""

from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import Scope

from app.database.constraints import ConstraintError
from app.database.errors import Kind, describe, kind_of
from app.logs import LoggedError
from app.web.errors import database_problem, explained
from app.web.problems import INTERNAL_ERROR, problem
from app.web.response import Answer

TOO_LATE = "Caught handled exception, but response already started."


def is_cut(answer: Answer, error: Exception) -> bool:
    """Return whether an error has cut a stream: it has begun, and has not ended.

    An error of a background task comes after the end. FastAPI raises the error of server-sent
    events there too, but in a group.
    """
    ended = answer.last is not None and not isinstance(error, ExceptionGroup)
    return bool(answer.code) and not answer.complete and not ended


def original(error: BaseException) -> BaseException:
    """Return the error that cut the stream, without what FastAPI and Starlette wrap around it."""
    if isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        return original(error.exceptions[0])
    # Starlette raises this if there is a handler for the error.
    if str(error) == TOO_LATE and error.__cause__ is not None:
        return original(error.__cause__)
    return error


def reason(error: BaseException) -> dict[str, Any]:
    """Return what the log says of the error: its traceback if it is a bug."""
    error = original(error)
    if isinstance(error, SQLAlchemyError) and kind_of(error) is not Kind.INTERNAL_ERROR:
        return {"error": describe(error)}
    if isinstance(error, HTTPException | ConstraintError):
        return {"error": str(error)}
    return {"exc_info": error}


async def cut(answer: Answer, scope: Scope, error: BaseException) -> None:
    """End server-sent events with an `error` event, whose data are problem details.

    Raises `LoggedError` for any other stream: the server then closes the connection, so the client
    sees that the stream is incomplete.
    """
    if not answer.has_events():
        raise LoggedError
    response = response_to(HTTPConnection(scope), original(error))
    event = b"event: error\ndata: %b\n\n" % bytes(response.body)
    await answer.send_on({"type": "http.response.body", "body": event})


def response_to(connection: HTTPConnection, error: BaseException) -> Response:
    """Build the response that the error would get if none had begun."""
    if isinstance(error, SQLAlchemyError):
        return database_problem(connection, error)
    if isinstance(error, ConstraintError):
        return explained(409, error.explanation)
    if isinstance(error, HTTPException):
        return problem(error.status_code, error.detail)
    return problem(500, INTERNAL_ERROR)
