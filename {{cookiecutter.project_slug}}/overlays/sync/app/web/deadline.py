"""A deadline for every request, if `REQUEST_TIMEOUT` is set."""

import logging
import math
import time

from fastapi import HTTPException, status
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

logger = logging.getLogger(__name__)


class Deadline:
    """Pure ASGI: stores the deadline of a request; `check_deadline` enforces it.

    A thread cannot be cancelled. So a late request ends when its running statement does: a server
    may limit that. Then it is rolled back and gets 503.
    """

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        """Wrap `app`; a request must reach its commit within `seconds`."""
        self.app = app
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] == "http":
            scope["state"]["deadline"] = time.monotonic() + self.seconds
        await self.app(scope, receive, send)


def check_deadline(request: HTTPConnection) -> None:
    """Raise `HTTPException` if the deadline has passed."""
    if time.monotonic() > getattr(request.state, "deadline", math.inf):
        logger.warning("%s %s took too long", request.scope["method"], request.url.path)
        raise HTTPException(
            status.HTTP_503_SERVICE_UNAVAILABLE,
            "The request took too long: try again.",
            headers={"Retry-After": "1"},
        )


def lift_deadline(request: HTTPConnection) -> None:
    """Lift the deadline before the commit: raises `HTTPException` if it has passed."""
    check_deadline(request)
    request.state.deadline = math.inf
