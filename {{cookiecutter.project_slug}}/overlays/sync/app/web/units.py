"""Short units of work in a request: nothing is held between them."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import Session
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket, WebSocketState

from app.database import UnitsOfWork, WriteSession
from app.database.admission import Overloaded
from app.database.dialect import Isolation
from app.database.slots import Slots
from app.web.deadline import lift_deadline
from app.web.held import held


class SessionOpenError(InvalidRequestError):
    """A request that has an open session began a unit of work."""


@dataclass(frozen=True, kw_only=True)
class RequestDatabase(UnitsOfWork):
    """The database of one request or websocket.

    Each unit of work commits at the end of its block; an exception rolls back only the unit that
    it leaves. Units wait in the order of arrival. If too many wait, a request gets 503, unless it
    has stored something or its response has begun.
    """

    connection: HTTPConnection

    @classmethod
    def of(cls, db: UnitsOfWork, connection: HTTPConnection) -> Self:
        """Bind a database to a request or websocket."""
        return cls(
            managed=db.managed,
            readers=db.readers,
            unit_slots=db.unit_slots,
            reading_slots=db.reading_slots,
            hold_limit=db.hold_limit,
            connection=connection,
        )

    @contextmanager
    def slot(self, slots: Slots) -> Generator[None, None]:
        """Wait for a slot, or raise `Overloaded` immediately if the queue is full.

        Raises `SessionOpenError` if the request has a session open: waiting for a second
        connection could deadlock.
        """
        state = self.connection.state
        if hasattr(state, "session"):
            raise SessionOpenError(
                "db.unit() and db.run() are not allowed while SessionDep or ReaderDep is open:"
                " take DatabaseDep only."
            )
        if slots.full and not hasattr(state, "stored") and not self.has_begun_response():
            raise Overloaded
        with slots, held(self.connection, self.hold_limit):
            yield

    def has_begun_response(self) -> bool:
        """Return whether the client has a response, or a part of one."""
        if isinstance(self.connection, WebSocket):
            return self.connection.application_state is not WebSocketState.CONNECTING
        return hasattr(self.connection.state, "responding")

    @contextmanager
    def begin(
        self, isolation: Isolation | None, *, read_only: bool
    ) -> Generator[WriteSession, None]:
        """Begin a transaction; its commit ends the deadline of the request."""
        with super().begin(isolation, read_only=read_only) as session:
            yield session
            if not read_only and not self.has_begun_response():
                lift_deadline(self.connection)
        if not read_only:
            self.connection.state.stored = True

    @contextmanager
    def reading(self) -> Generator[Session, None]:
        """The session that the request has open, or a read-only one in AUTOCOMMIT."""
        session: Session | None = getattr(self.connection.state, "session", None)
        if session is not None:
            yield session
            return
        with super().reading() as reader:
            yield reader
