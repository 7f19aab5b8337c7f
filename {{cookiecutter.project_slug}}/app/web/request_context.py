"""The outermost middleware: request id, headers, CORS, limit of the body size, access log."""

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

from app.database.admission import Overloaded
from app.web.body_size import BodyTooLarge, limit_body, too_large_response
from app.web.errors import BUSY
from app.web.problems import internal_error_response, problem
from app.web.response import Answer
from app.web.streams import cut, is_cut, original, reason

logger = structlog.get_logger()

REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,100}")

# From OWASP's REST cheat sheet, for responses that a browser should not render.
HEADERS = [
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
]
NO_CONTENT = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
HTTPS_ONLY = (b"strict-transport-security", b"max-age=63072000")  # two years
#% if cookiecutter.database == "sqlite"
EXPOSED = ["Retry-After", "X-Request-ID"]
#% else
EXPOSED = ["Retry-After", "X-Database-Position", "X-Request-ID"]
#% endif
PAGES = {"/docs", "/docs/oauth2-redirect", "/redoc"}  # they load scripts and styles


class RequestContext:
    """Pure ASGI: gives a request an id, adds security headers to its response, and logs it.

    Its own responses, 413 and 500, have CORS headers too.
    """

    def __init__(
        self, app: ASGIApp, *, https_only: bool, max_body_size: int, cors_origins: Sequence[str]
    ) -> None:
        """Wrap `app`; `https_only` sends HSTS: browsers then use HTTPS only."""

        def with_cors(app: ASGIApp) -> ASGIApp:
            if not cors_origins:
                return app
            return CORSMiddleware(
                app,
                allow_origins=cors_origins,
                allow_methods=["*"],
                allow_headers=["*"],
                expose_headers=EXPOSED,
            )

        self.app = with_cors(app)
        self.too_large = with_cors(too_large_response())
        self.internal_error = with_cors(internal_error_response())
        self.busy = with_cors(problem(503, BUSY, {"Retry-After": "1"}))
        self.max_body_size = max_body_size
        self.page_headers = [*HEADERS, HTTPS_ONLY] if https_only else HEADERS
        self.headers = [*self.page_headers, NO_CONTENT]
        self.in_flight: dict[int, tuple[str, str]] = {}  # the name for the log, and the request id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request; pass on websockets and the lifespan."""
        if scope["type"] == "http":
            await self.serve(scope, receive, send)
            return
        if scope["type"] == "lifespan":
            receive = partial(self.log_cancelled_requests, receive)
        await self.app(scope, receive, send)

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request with the id from its `X-Request-ID` header, or a new one."""
        # Behind a proxy that adds a prefix, the path begins with `root_path`.
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        headers = dict(scope["headers"])
        request_id = request_id_of(headers)
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
            await app(scope, limit_body(receive, self.max_body_size), answer.send)
            await answer.finish()
        except BodyTooLarge:  # an inner middleware read the body
            if answer.code:
                raise
            await self.too_large(scope, receive, answer.send)
        except Exception as error:
            if is_cut(answer, error):
                end, log = " was cut", partial(logger.error, **reason(error))
                await cut(answer, scope, error)
            elif not await self.is_rejected(answer, scope, receive, error):
                raise
        except asyncio.CancelledError:
            answer.code, end, log = None, " was cancelled", logger.warning
            raise
        finally:
            # Health probes are frequent: every few seconds.
            if answer.code == status.HTTP_200_OK and path.startswith("/health/"):
                log = logger.debug
            milliseconds = round((time.perf_counter() - begun) * 1000, 1)
            if self.in_flight.pop(id(scope), None):
                log(f"{name}{end}", status=answer.code, duration_ms=milliseconds)

    async def is_rejected(
        self, answer: Answer, scope: Scope, receive: Receive, error: Exception
    ) -> bool:
        """End the response to an error; return whether the request was only rejected."""
        rejected = isinstance(original(error), Overloaded)  # by server-sent events, see `is_cut`
        if answer.code:
            await answer.finish()
        else:
            await (self.busy if rejected else self.internal_error)(scope, receive, answer.send)
        return rejected

    async def log_cancelled_requests(self, receive: Receive) -> Message:
        """Log at shutdown the requests that the server has cancelled and no longer waits for."""
        message = await receive()
        if message["type"] == "lifespan.shutdown":
            for name, request_id in self.in_flight.values():
                logger.warning("%s was cancelled", name, request_id=request_id)
            self.in_flight.clear()
        return message


def request_id_of(headers: dict[bytes, bytes]) -> bytes:
    """Return the `X-Request-ID` of a request, or a new id."""
    given = headers.get(b"x-request-id", b"")
    return given if REQUEST_ID.fullmatch(given) else b"%032x" % random.getrandbits(128)
