"""Around every request: an id, headers, CORS, the size of its body, a line in the log."""

import asyncio
import random
import re
import time
from collections.abc import Sequence
from functools import partial

import structlog
from fastapi import status
from fastapi.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, clear_contextvars

from app.web.body_size import BodyTooLarge, limited, too_large_response
from app.web.errors import internal_error_response
from app.web.response import Answer

logger = structlog.get_logger()

REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,100}")

# What OWASP's cheat sheet on REST asks of answers that no browser is to show.
HEADERS = [
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
]
NO_CONTENT = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
HTTPS_ONLY = (b"strict-transport-security", b"max-age=63072000")  # two years
PAGES = {"/docs", "/docs/oauth2-redirect", "/redoc"}  # they load scripts and styles


class RequestContext:
    """Pure ASGI, the outermost layer: names a request, protects its response, logs how it went.

    What it answers itself passes through CORS too: a body that is too large, and a bug.
    """

    def __init__(
        self, app: ASGIApp, *, https_only: bool, max_body_size: int, cors_origins: Sequence[str]
    ) -> None:
        """Wrap `app`; `https_only` tells browsers never to come back without TLS."""

        def with_cors(app: ASGIApp) -> ASGIApp:
            if not cors_origins:
                return app
            return CORSMiddleware(
                app,
                allow_origins=cors_origins,
                allow_methods=["*"],
                allow_headers=["*"],
                expose_headers=["Retry-After", "X-Request-ID"],
            )

        self.app = with_cors(app)
        self.too_large = with_cors(too_large_response())
        self.bug = with_cors(internal_error_response())
        self.max_body_size = max_body_size
        self.page_headers = [*HEADERS, HTTPS_ONLY] if https_only else HEADERS
        self.headers = [*self.page_headers, NO_CONTENT]
        self.in_flight: dict[int, tuple[str, str]] = {}  # what to log, and the id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request under the id that it brings in `X-Request-ID`, or a new one."""
        if scope["type"] == "lifespan":
            receive = partial(self.name_what_is_cut_off, receive)
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # Behind a proxy that adds a prefix, the path begins with `root_path`.
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        headers = dict(scope["headers"])
        request_id = id_of(headers)
        clear_contextvars()
        bind_contextvars(request_id=request_id.decode())
        extra = self.page_headers if path in PAGES else self.headers
        answer = Answer(scope, receive, send, [(b"x-request-id", request_id), *extra])
        begun = time.perf_counter()
        end, log = "", logger.info
        name = f"{scope['method']} {scope['path']}"
        self.in_flight[id(scope)] = name, request_id.decode()
        try:
            declared = headers.get(b"content-length", b"")
            too_large = declared.isdigit() and int(declared) > self.max_body_size
            app = self.too_large if too_large else self.app
            await app(scope, limited(receive, self.max_body_size), answer.send)
        except BodyTooLarge:  # read by a middleware inside this one
            if answer.code:
                raise
            await self.too_large(scope, receive, answer.send)
        except Exception:
            if not answer.code:
                await self.bug(scope, receive, answer.send)
            raise
        except asyncio.CancelledError:
            answer.code, end, log = None, " was cut off", logger.warning
            raise
        finally:
            # Health probes come every few seconds.
            if answer.code == status.HTTP_200_OK and path.startswith("/health/"):
                log = logger.debug
            milliseconds = round((time.perf_counter() - begun) * 1000, 1)
            if self.in_flight.pop(id(scope), None):
                log(f"{name}{end}", status=answer.code, duration_ms=milliseconds)

    async def name_what_is_cut_off(self, receive: Receive) -> Message:
        """Log, when the server stops, which requests it has cancelled and no longer waits for."""
        message = await receive()
        if message["type"] == "lifespan.shutdown":
            for name, request_id in self.in_flight.values():
                logger.warning("%s was cut off", name, request_id=request_id)
            self.in_flight.clear()
        return message


def id_of(headers: dict[bytes, bytes]) -> bytes:
    """Give the id that a request brings, or a new one."""
    given = headers.get(b"x-request-id", b"")
    return given if REQUEST_ID.fullmatch(given) else b"%032x" % random.getrandbits(128)
