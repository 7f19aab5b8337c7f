"""Tracebacks for the log that contain no values of rows."""

from textwrap import indent
from traceback import format_exception_only, format_tb

from sqlalchemy.exc import SQLAlchemyError
from structlog.types import ExcInfo

from app.database.errors import describe, quotes_values

CAUSE = "\nThe above exception was the direct cause of the following exception:\n\n"
CONTEXT = "\nDuring handling of the above exception, another exception occurred:\n\n"


def format_exception(exc_info: ExcInfo) -> str:
    """Format a traceback like Python's own, but with database errors described without values."""
    return format_chain(exc_info[1], set(), hidden=False).rstrip("\n")


def format_chain(error: BaseException | None, seen: set[int], *, hidden: bool) -> str:
    """Format an exception below its causes.

    `hidden` leaves messages out, because the cause of a database error is an error of the driver.
    """
    text = link = ""
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        kind = f"{type(error).__module__}.{type(error).__qualname__}"
        if isinstance(error, SQLAlchemyError):
            message = f"{kind}: {describe(error)}\n"
        elif hidden:
            message = f"{kind}\n"
        else:
            message = "".join(format_exception_only(error))
        stack = "".join(format_tb(error.__traceback__))
        parts = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
        inside = [indent(format_chain(part, seen, hidden=hidden), "  | ") for part in parts]
        text = "".join(
            ["Traceback (most recent call last):\n", stack, message, *inside, link, text]
        )
        hidden = hidden or quotes_values(error) or quotes_values(error.__context__)
        if error.__cause__ is not None:
            error, link = error.__cause__, CAUSE
        else:
            error, link = None if error.__suppress_context__ else error.__context__, CONTEXT
    return text
