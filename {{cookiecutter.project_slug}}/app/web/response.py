"""Sends responses: adds common headers, and turns plain-text errors into problem details."""

from fastapi import Response, status
from starlette.types import Message, Receive, Scope, Send

from app.web.problems import problem


class Answer:
    """Sends the response to one request, with the common headers."""

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, extra: list[tuple[bytes, bytes]]
    ) -> None:
        """Add the headers `extra`, except those that the response already has."""
        self.scope, self.receive, self.send_on = scope, receive, send
        self.extra = extra
        self.code: int | None = 0  # until the response begins
        self.headers: list[tuple[bytes, bytes]] = []
        self.plain: Message | None = None  # the start of a plain-text error
        self.streams = self.complete = False
        self.last: Message | None = None  # the end of server-sent events

    async def send(self, message: Message) -> None:
        """Send a message; a plain-text error of a middleware becomes problem details."""
        if message["type"] == "http.response.start":
            self.code = code = message["status"]
            self.headers = message["headers"]
            if code >= status.HTTP_400_BAD_REQUEST and is_plain_text_error(self.scope, message):
                self.plain = message  # sent with its body
                return
            self.scope.setdefault("state", {})["responding"] = True
            own = {name for name, _ in message["headers"]}
            self.streams = b"content-length" not in own
            message["headers"] = [
                *message["headers"],
                *(header for header in self.extra if header[0] not in own),
            ]
        elif self.plain is not None:
            response = as_problem(self.plain, message.get("body", b""))
            self.plain = None
            await response(self.scope, self.receive, self.send)
            return
        elif not message.get("more_body"):
            if self.streams and self.has_events():
                self.last = message  # sent by `finish`, unless an error event is the last one
                return
            self.complete = True
        await self.send_on(message)

    async def finish(self) -> None:
        """End server-sent events: only after them FastAPI raises the errors of the endpoint."""
        if self.last is not None:
            self.complete = True
            await self.send_on(self.last)

    def has_events(self) -> bool:
        """Return whether the response consists of server-sent events."""
        kind = dict(self.headers).get(b"content-type", b"")
        return kind.startswith(b"text/event-stream")


def is_plain_text_error(scope: Scope, start: Message) -> bool:
    """Return whether this is a plain-text error of a middleware, such as for `ALLOWED_HOSTS`.

    Endpoints may send plain text. The 413 for a body above the `max_body_size` of a route is
    FastAPI's own, and is converted too.
    """
    if "endpoint" in scope and start["status"] != status.HTTP_413_CONTENT_TOO_LARGE:
        return False
    headers = dict(start["headers"])
    text = headers.get(b"content-type", b"").startswith(b"text/plain")
    return text and b"content-length" in headers  # it comes in one piece


def as_problem(start: Message, text: bytes) -> Response:
    """Convert a plain-text error to problem details."""
    own = {b"content-length", b"content-type"}
    headers = {key.decode(): value.decode() for key, value in start["headers"] if key not in own}
    return problem(start["status"], text.decode(), headers)
