"""A deadline for every request, if `REQUEST_TIMEOUT` is set."""

import logging
import math

import anyio
from fastapi import HTTPException, status
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web.problems import problem

logger = logging.getLogger(__name__)

TOO_LONG = "The request took too long: try again."


class Deadline:
    """Pure ASGI: cancels and rolls back a request that takes too long, and responds with 503.

    The deadline ends when the response begins: streams and background tasks are not cancelled.
    """

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        """Wrap `app`; a response must begin within `seconds`."""
        self.app = app
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False

        async def send_in_time(message: Message) -> None:
            nonlocal begun
            begun = True
            deadline.deadline = math.inf
            await send(message)

        with anyio.move_on_after(self.seconds) as deadline:
            scope["state"]["deadline"] = deadline
            await self.app(scope, receive, send_in_time)
        if not deadline.cancelled_caught:
            return
        logger.warning(
            "%s %s was cancelled after %g seconds", scope["method"], scope["path"], self.seconds
        )
        if not begun:
            response = problem(
                status.HTTP_503_SERVICE_UNAVAILABLE,
                TOO_LONG,
                {"Retry-After": "1"},
            )
            await response(scope, receive, send)


def lift_deadline(request: HTTPConnection) -> None:
    """Lift the deadline before the commit: a request that commits must not get 503.

    Raises `HTTPException` if it has just passed: the request is cancelled later, or after the commit.
    """
    deadline: anyio.CancelScope | None = getattr(request.state, "deadline", None)
    if deadline is None:
        return
    deadline.deadline = math.inf
    if deadline.cancel_called:
        raise HTTPException(
            status.HTTP_503_SERVICE_UNAVAILABLE, TOO_LONG, headers={"Retry-After": "1"}
        )
