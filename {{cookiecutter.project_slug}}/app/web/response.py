"""How a response is sent: with headers that every response has, errors as problem details."""

from fastapi import Response, status
from starlette.types import Message, Receive, Scope, Send

from app.web.errors import problem


class Answer:
    """Sends the response of one request, with headers that every response has."""

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, extra: list[tuple[bytes, bytes]]
    ) -> None:
        """Add `extra`, except for headers that the response has itself."""
        self.scope, self.receive, self.send_on = scope, receive, send
        self.extra = extra
        self.code: int | None = 0  # until the response begins
        self.plain: Message | None = None  # the start of an error as text

    async def send(self, message: Message) -> None:
        """Pass a message on; an error that a middleware answers as text becomes a problem."""
        if message["type"] == "http.response.start":
            self.code = code = message["status"]
            if code >= status.HTTP_400_BAD_REQUEST and is_plain(self.scope, message):
                self.plain = message  # until its body is known
                return
            own = {name for name, _ in message["headers"]}
            message["headers"] = [
                *message["headers"],
                *(header for header in self.extra if header[0] not in own),
            ]
        elif self.plain is not None:
            response = as_problem(self.plain, message.get("body", b""))
            self.plain = None
            await response(self.scope, self.receive, self.send)
            return
        await self.send_on(message)


def is_plain(scope: Scope, start: Message) -> bool:
    """Tell whether a middleware answers an error as text, such as Starlette's for `ALLOWED_HOSTS`.

    An endpoint may answer text if it wants to. A body beyond the `max_body_size` of a route is
    answered by FastAPI.
    """
    if "endpoint" in scope and start["status"] != status.HTTP_413_CONTENT_TOO_LARGE:
        return False
    headers = dict(start["headers"])
    text = headers.get(b"content-type", b"").startswith(b"text/plain")
    return text and b"content-length" in headers  # it comes in one piece


def as_problem(start: Message, text: bytes) -> Response:
    """Write such an error as the others are."""
    own = {b"content-length", b"content-type"}
    headers = {key.decode(): value.decode() for key, value in start["headers"] if key not in own}
    return problem(start["status"], text.decode(), headers)
