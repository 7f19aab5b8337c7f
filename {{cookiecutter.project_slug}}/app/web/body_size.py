"""Limits the size of request bodies, also without `Content-Length`."""

from fastapi import HTTPException, Response, status
from starlette.types import Message, Receive

from app.web.problems import problem

DETAIL = "The body is larger than this service accepts."


class BodyTooLarge(HTTPException):
    """The body exceeded the limit while it was read."""

    def __init__(self) -> None:
        """Set the status to 413."""
        super().__init__(status.HTTP_413_CONTENT_TOO_LARGE, DETAIL)


def too_large_response() -> Response:
    """Build the response to a body whose `Content-Length` is too large."""
    return problem(status.HTTP_413_CONTENT_TOO_LARGE, DETAIL)


def limit_body(receive: Receive, max_body_size: int) -> Receive:
    """Wrap `receive`: count the bytes of the body and raise `BodyTooLarge` above the limit."""
    size = 0

    async def receive_within_limit() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > max_body_size:
            raise BodyTooLarge
        return message

    return receive_within_limit
