"""A session for requests that only read."""

from typing import Any

from sqlalchemy import CompoundSelect, Select, UpdateBase, event
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import ORMExecuteState, Session, UOWTransaction
from sqlalchemy.sql.visitors import iterate


class ReadOnlyError(InvalidRequestError):
    """A write was tried in a session that only reads."""


class ReadOnlySession(Session):
    """Runs `select()` and nothing else: a write is refused before it reaches the database."""


@event.listens_for(ReadOnlySession, "before_flush")
def refuse_flush(session: Session, _context: UOWTransaction, _instances: Any) -> None:
    """Refuse what the unit of work would write."""
    if session.new or session.dirty or session.deleted:
        raise ReadOnlyError("This session only reads: take SessionDep or db.sessions to write.")


@event.listens_for(ReadOnlySession, "do_orm_execute")
def refuse_statement(state: ORMExecuteState) -> None:
    """Refuse all but a plain select; of textual SQL nobody can tell what it writes."""
    statement = state.statement
    if not isinstance(statement, Select | CompoundSelect) or any(
        isinstance(part, UpdateBase) for part in iterate(statement)
    ):
        raise ReadOnlyError("This session only runs select(): take SessionDep or db.sessions.")
