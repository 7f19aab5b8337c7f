"""Around every request: an id, headers, CORS, the size of its body, a line in the log."""

import asyncio
import random
import re
import time
from collections.abc import Sequence
from functools import partial

import structlog
from fastapi import HTTPException, Response, status
from fastapi.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, clear_contextvars

from app.errors import answer_to_a_bug, problem

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
TOO_LARGE = status.HTTP_413_CONTENT_TOO_LARGE
TOO_LARGE_DETAIL = "The body is larger than this service accepts."


class BodyTooLarge(HTTPException):
    """A body that turned out to be too large while it was read."""

    def __init__(self) -> None:
        """Answer 413 wherever it is caught."""
        super().__init__(TOO_LARGE, TOO_LARGE_DETAIL)


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
        self.too_large = with_cors(problem(TOO_LARGE, TOO_LARGE_DETAIL))
        self.bug = with_cors(answer_to_a_bug())
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
        given = headers.get(b"x-request-id", b"")
        request_id = given if REQUEST_ID.fullmatch(given) else b"%032x" % random.getrandbits(128)
        clear_contextvars()
        bind_contextvars(request_id=request_id.decode())
        extra = self.page_headers if path in PAGES else self.headers
        code: int | None = 0
        plain: Message | None = None

        async def send_with_headers(message: Message) -> None:
            nonlocal code, plain
            if message["type"] == "http.response.start":
                code = message["status"]
                if code >= status.HTTP_400_BAD_REQUEST and is_plain(scope, message):
                    plain = message  # until its body is known
                    return
                own = {name for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", request_id),
                    *(header for header in extra if header[0] not in own),
                ]
            elif plain is not None:
                response, plain = as_problem(plain, message.get("body", b"")), None
                await response(scope, receive, send_with_headers)
                return
            await send(message)

        begun = time.perf_counter()
        end, log = "", logger.info
        name = f"{scope['method']} {scope['path']}"
        self.in_flight[id(scope)] = name, request_id.decode()
        try:
            declared = headers.get(b"content-length", b"")
            too_large = declared.isdigit() and int(declared) > self.max_body_size
            app = self.too_large if too_large else self.app
            await app(scope, limited(receive, self.max_body_size), send_with_headers)
        except Exception as error:
            if code:
                raise
            if isinstance(error, BodyTooLarge):  # read by a middleware inside this one
                await self.too_large(scope, receive, send_with_headers)
            else:
                await self.bug(scope, receive, send_with_headers)
                raise
        except asyncio.CancelledError:
            code, end, log = None, " was cut off", logger.warning
            raise
        finally:
            # Whoever watches over the service asks every few seconds.
            if code == status.HTTP_200_OK and path.startswith("/health/"):
                log = logger.debug
            milliseconds = round((time.perf_counter() - begun) * 1000, 1)
            if self.in_flight.pop(id(scope), None):
                log(f"{name}{end}", status=code, duration_ms=milliseconds)

    async def name_what_is_cut_off(self, receive: Receive) -> Message:
        """Log, when the server stops, which requests it has cancelled and no longer waits for."""
        message = await receive()
        if message["type"] == "lifespan.shutdown":
            for name, request_id in self.in_flight.values():
                logger.warning("%s was cut off", name, request_id=request_id)
            self.in_flight.clear()
        return message


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


def is_plain(scope: Scope, start: Message) -> bool:
    """Tell whether a middleware answers an error as text, such as Starlette's for `ALLOWED_HOSTS`.

    An endpoint may answer text if it wants to. A body beyond the `max_body_size` of a route is
    answered by FastAPI.
    """
    if "endpoint" in scope and start["status"] != TOO_LARGE:
        return False
    headers = dict(start["headers"])
    text = headers.get(b"content-type", b"").startswith(b"text/plain")
    return text and b"content-length" in headers  # it comes in one piece


def as_problem(start: Message, text: bytes) -> Response:
    """Write such an error as the others are."""
    own = {b"content-length", b"content-type"}
    headers = {key.decode(): value.decode() for key, value in start["headers"] if key not in own}
    return problem(start["status"], text.decode(), headers)
