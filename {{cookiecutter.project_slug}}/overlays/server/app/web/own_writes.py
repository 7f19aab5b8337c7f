"""Lets a client read what it wrote although readers use a replica: `X-Database-Position`."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.database.replica.writes import Positions, current, known

HEADER = b"x-database-position"


class OwnWrites:
    """Pure ASGI: a response has the position of its commit; a later request may bring it back."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request or a websocket."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        given: bytes = dict(scope["headers"]).get(HEADER, b"")
        positions = Positions(wanted=known(given.decode("latin-1")))

        async def send_position(message: Message) -> None:
            if message["type"] == "http.response.start" and positions.written:
                header = (HEADER, positions.written.encode())
                message["headers"] = [*message["headers"], header]
            await send(message)

        token = current.set(positions)
        try:
            await self.app(scope, receive, send_position)
        finally:
            current.reset(token)
