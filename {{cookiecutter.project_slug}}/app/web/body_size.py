"""The limit of a body, also where `Content-Length` declares no size."""

from fastapi import HTTPException, Response, status
from starlette.types import Message, Receive

from app.web.errors import problem

DETAIL = "The body is larger than this service accepts."


class BodyTooLarge(HTTPException):
    """A body that turned out to be too large while it was read."""

    def __init__(self) -> None:
        """Answer 413 wherever it is caught."""
        super().__init__(status.HTTP_413_CONTENT_TOO_LARGE, DETAIL)


def too_large_response() -> Response:
    """Build the answer to a body whose declared size is too large."""
    return problem(status.HTTP_413_CONTENT_TOO_LARGE, DETAIL)


def limited(receive: Receive, max_body_size: int) -> Receive:
    """Count the bytes of a body, which need not be declared in `Content-Length`."""
    size = 0

    async def receive_within_limit() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > max_body_size:
            raise BodyTooLarge
        return message

    return receive_within_limit
