"""What stands around every request: an id, headers, a line in the log, and an answer to bugs."""

import random
import re
import time

import structlog
from fastapi import status
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, clear_contextvars

from app.errors import answer_to_a_bug

logger = structlog.get_logger()

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")

# What OWASP's cheat sheet on REST asks of answers that no browser is to show.
HEADERS = [
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
]
NO_CONTENT = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
HTTPS_ONLY = (b"strict-transport-security", b"max-age=63072000")  # two years
PAGES = ("/docs", "/redoc")  # they load scripts and styles


class RequestContext:
    """Pure ASGI: names a request, protects its response, and logs how it went."""

    def __init__(self, app: ASGIApp, *, https_only: bool) -> None:
        """Wrap `app`; `https_only` tells browsers never to come back without TLS."""
        self.app = app
        self.page_headers = [*HEADERS, HTTPS_ONLY] if https_only else HEADERS
        self.headers = [*self.page_headers, NO_CONTENT]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request under the id that it brings in `X-Request-ID`, or a new one."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        method, path = scope["method"], scope["path"]
        given = Headers(scope=scope).get("X-Request-ID", "")
        request_id = given if REQUEST_ID.fullmatch(given) else f"{random.getrandbits(128):032x}"
        clear_contextvars()
        bind_contextvars(request_id=request_id)
        extra = self.page_headers if path.startswith(PAGES) else self.headers
        code = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
                own = {name for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", request_id.encode()),
                    *(header for header in extra if header[0] not in own),
                ]
            await send(message)

        begun = time.perf_counter()
        try:
            await self.app(scope, receive, send_with_headers)
        except Exception:
            if not code:
                await answer_to_a_bug()(scope, receive, send_with_headers)
            raise
        finally:
            # Whoever watches over the service asks every few seconds.
            watched = code == status.HTTP_200_OK and path.startswith("/health/")
            log = logger.debug if watched else logger.info
            milliseconds = round((time.perf_counter() - begun) * 1000, 1)
            log(f"{method} {path}", status=code, duration_ms=milliseconds)
