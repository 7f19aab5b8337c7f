"""Errors of the database: which kind each is, and what of it may be logged."""

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
# For a code that the table does not know.
KIND_OF_CLASS: dict[type[DBAPIError], Kind] = {
    exc.IntegrityError: Kind.CONFLICT,
    exc.DataError: Kind.UNPROCESSABLE,
}


def kind_of(error: SQLAlchemyError) -> Kind:
    """Tell which kind an error is: by code first, then by class."""
    if isinstance(error, exc.TimeoutError):  # of the pool
        return Kind.UNAVAILABLE
    if isinstance(error, StaleDataError):  # another transaction has changed or removed the row
        return Kind.CONFLICT
    if not isinstance(error, DBAPIError):
        # Such as a moment that is in the year 0 or 10000 in UTC.
        unfit = isinstance(error, StatementError) and isinstance(error.orig, OverflowError)
        return Kind.UNPROCESSABLE if unfit else Kind.INTERNAL_ERROR
    code = error_code(error.orig)
    if code in KIND_OF_CODE:
        return KIND_OF_CODE[code]
    unreachable = code is None and isinstance(error, exc.OperationalError)
    if error.connection_invalidated or unreachable:
        return Kind.UNAVAILABLE
    return KIND_OF_CLASS.get(type(error), Kind.INTERNAL_ERROR)


def quotes_values(error: BaseException | None) -> bool:
    """Tell whether an error, or what it was raised from, may have a value of a row in its message.

    Where a connection cannot be opened, the message says why, and there is no row yet.
    """
    if isinstance(error, exc.InterfaceError | exc.OperationalError):
        return error.statement is not None
    return isinstance(error, StatementError | exc.PendingRollbackError)


def describe(error: SQLAlchemyError) -> str:
    """Say of an error what may be logged: its code, a constraint, the statement without values.

    The message of the server is left out: it quotes the row that it refuses.
    """
    if not quotes_values(error):
        return str(error)
    if not isinstance(error, StatementError):
        return "The session must be rolled back after the error before this one."
    kind, orig = type(error.orig), error.orig
    summary = describe(orig) if isinstance(orig, SQLAlchemyError) else error_summary(orig)
    statement = (error.statement or "")[:1000]  # one of many rows is long
    return f"({kind.__module__}.{kind.__qualname__}) {summary} [SQL: {statement}]"
