"""Database errors: the kind of each, and a description that is safe to log."""

from enum import Enum, auto

from sqlalchemy import exc
from sqlalchemy.exc import DBAPIError, SQLAlchemyError, StatementError
from sqlalchemy.orm.exc import StaleDataError

from app.database.dialect import (
    CONFLICT_CODES,
    INVALID_CODES,
    TIMED_OUT_CODES,
    TRANSIENT_CODES,
    UNAVAILABLE_CODES,
)
from app.database.engine import error_code, error_summary


class Kind(Enum):
    """What an error means to a caller."""

    CONFLICT = auto()
    UNPROCESSABLE = auto()
    UNAVAILABLE = auto()
    INTERNAL_ERROR = auto()


KIND_OF_CODE: dict[int | str | None, Kind] = {
    **dict.fromkeys(TRANSIENT_CODES | UNAVAILABLE_CODES | TIMED_OUT_CODES, Kind.UNAVAILABLE),
    **dict.fromkeys(CONFLICT_CODES, Kind.CONFLICT),
    **dict.fromkeys(INVALID_CODES, Kind.UNPROCESSABLE),
}
# For a code that is not in the table.
KIND_OF_CLASS: dict[type[DBAPIError], Kind] = {
    exc.IntegrityError: Kind.CONFLICT,
    exc.DataError: Kind.UNPROCESSABLE,
}


def kind_of(error: SQLAlchemyError) -> Kind:
    """Return the kind of an error: by its code first, then by its class."""
    if isinstance(error, exc.TimeoutError):  # of the pool
        return Kind.UNAVAILABLE
    if isinstance(error, StaleDataError):  # another transaction has changed or removed the row
        return Kind.CONFLICT
    if not isinstance(error, DBAPIError):
        # Such as a datetime that in UTC is in the year 0 or 10000.
        overflow = isinstance(error, StatementError) and isinstance(error.orig, OverflowError)
        return Kind.UNPROCESSABLE if overflow else Kind.INTERNAL_ERROR
    code = error_code(error.orig)
    if code in KIND_OF_CODE:
        return KIND_OF_CODE[code]
    unreachable = code is None and isinstance(error, exc.OperationalError)
    if error.connection_invalidated or unreachable:
        return Kind.UNAVAILABLE
    return KIND_OF_CLASS.get(type(error), Kind.INTERNAL_ERROR)


def quotes_values(error: BaseException | None) -> bool:
    """Return whether the message of an error, or of its cause, may contain a value of a row.

    If a connection cannot be opened, the message says why and contains no row.
    """
    if isinstance(error, exc.InterfaceError | exc.OperationalError):
        return error.statement is not None
    return isinstance(error, StatementError | exc.PendingRollbackError)


def describe(error: SQLAlchemyError) -> str:
    """Return what is safe to log: the code, the constraint, the statement without values.

    The message of the server is left out: it quotes the rejected row.
    """
    if not quotes_values(error):
        return str(error)
    if not isinstance(error, StatementError):
        return "An earlier error ended the transaction: the session must be rolled back."
    kind, orig = type(error.orig), error.orig
    summary = describe(orig) if isinstance(orig, SQLAlchemyError) else error_summary(orig)
    statement = (error.statement or "")[:1000]  # an INSERT of many rows is long
    return f"({kind.__module__}.{kind.__qualname__}) {summary} [SQL: {statement}]"
