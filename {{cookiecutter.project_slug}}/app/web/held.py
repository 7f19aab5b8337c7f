"""Logs requests that hold a connection for too long."""

import logging
import time
from collections.abc import Generator
from contextlib import contextmanager

from starlette.requests import HTTPConnection

from app.web.routes import route_name

logger = logging.getLogger(__name__)

PAUSE = 60.0  # seconds between two lines about the same route

logged: dict[str, float] = {}  # when a route was last named


@contextmanager
def held(request: HTTPConnection, limit: float) -> Generator[None]:
    """Log a request that holds a connection in this block for more than `limit` seconds."""
    begun = time.monotonic()
    try:
        yield
    finally:
        report(request, time.monotonic() - begun, limit)


@contextmanager
def opened(request: HTTPConnection, session: object, limit: float) -> Generator[None]:
    """Make `session` the open session of a request in this block; log it like `held`."""
    request.state.session = session
    begun = time.monotonic()
    try:
        yield
    finally:
        del request.state.session
        report(request, time.monotonic() - begun, limit)


def report(request: HTTPConnection, seconds: float, limit: float) -> None:
    """Log a request that held a connection for too long, once a minute for each route."""
    if seconds <= limit:
        return
    name, now = route_name(request), time.monotonic()
    if now - logged.get(name, -PAUSE) >= PAUSE:
        logged[name] = now
        logger.warning(
            "%s held a database connection for %.1f seconds: do slow work between short units of"
            " work, see docs/sessions.md",
            name,
            seconds,
        )
