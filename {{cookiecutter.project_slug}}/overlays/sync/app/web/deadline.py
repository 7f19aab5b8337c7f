"""A deadline for every request, where `REQUEST_TIMEOUT` sets one."""

import logging
import math
import time

from fastapi import HTTPException, status
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

logger = logging.getLogger(__name__)


class Deadline:
    """Pure ASGI: notes when a request must be done.

    A thread cannot be cut off, so a request ends when its statement does (the server limits
    that), and is rolled back and answered 503 instead of being committed too late.
    """

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        """Wrap `app`; `seconds` is the time that a request may take to its commit."""
        self.app = app
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] == "http":
            scope["state"]["deadline"] = time.monotonic() + self.seconds
        await self.app(scope, receive, send)


def check_deadline(request: HTTPConnection) -> None:
    """Raise `HTTPException` if the request is late."""
    if time.monotonic() > getattr(request.state, "deadline", math.inf):
        logger.warning("%s %s took too long", request.scope["method"], request.url.path)
        raise HTTPException(
            status.HTTP_503_SERVICE_UNAVAILABLE,
            "The request took too long: try again.",
            headers={"Retry-After": "1"},
        )
