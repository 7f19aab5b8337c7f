"""Logs: an object of JSON per line in production, readable lines while one develops.

Libraries log by the standard library, and `app/middleware.py` by structlog itself, which
costs each request less; their lines look alike. What `structlog.contextvars` holds, such
as the id of the request, stands in every line. Tracebacks show no local variables, and errors
of the database no values of rows, unless `DATABASE_ECHO` asks for these.
"""

import logging.config
import sys
from textwrap import indent
from traceback import format_exception_only, format_tb

import structlog
from sqlalchemy.exc import (
    InterfaceError,
    OperationalError,
    PendingRollbackError,
    SQLAlchemyError,
    StatementError,
)
from structlog.types import EventDict, ExcInfo, Processor, WrappedLogger

from app.engine import error_summary
from app.settings import Settings

CAUSE = "\nThe above exception was the direct cause of the following exception:\n\n"
CONTEXT = "\nDuring handling of the above exception, another exception occurred:\n\n"


def configure(settings: Settings) -> None:
    """Send what this process logs, the server's own lines too, to standard error."""
    facts: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if settings.database_echo:
        exceptions = structlog.processors.format_exc_info
    else:
        exceptions = structlog.processors.ExceptionRenderer(format_exception)
    form: list[Processor]
    if settings.environment == "production":
        form = [exceptions, structlog.processors.JSONRenderer()]
    else:
        console = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
        form = [exceptions, console]
    structlog.configure(
        processors=[*facts, *form],
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
    )
    propagate = {"handlers": [], "level": "NOTSET", "propagate": True}
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "line": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "foreign_pre_chain": [
                        *facts,
                        structlog.stdlib.add_logger_name,
                        structlog.stdlib.ExtraAdder(),
                        without_copy_in_colors,
                    ],
                    "processors": [
                        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                        *form,
                    ],
                }
            },
            "handlers": {
                "output": {
                    "class": "logging.StreamHandler",
                    "formatter": "line",
                    "filters": [] if settings.database_echo else [hide_values],
                },
            },
            "root": {"handlers": ["output"], "level": settings.log_level},
            "loggers": {
                "uvicorn": propagate,
                "uvicorn.error": propagate,
                # `app/middleware.py` logs requests, with their id and duration.
                "uvicorn.access": {"handlers": [], "level": "CRITICAL", "propagate": False},
            },
        }
    )


def without_copy_in_colors(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Leave out what uvicorn adds: its message once more, in colors."""
    event.pop("color_message", None)
    return event


def quotes_values(error: BaseException | None) -> bool:
    """Tell whether an error, or what it was raised from, may have a value of a row in its message.

    Where a connection cannot be opened, the message says why, and there is no row yet.
    """
    if isinstance(error, InterfaceError | OperationalError):
        return error.statement is not None
    return isinstance(error, StatementError | PendingRollbackError)


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


def hide_values(record: logging.LogRecord) -> bool:
    """Describe the database errors among the arguments of a line."""
    if isinstance(record.args, tuple):
        record.args = tuple(
            describe(it) if isinstance(it, SQLAlchemyError) else it for it in record.args
        )
    if record.name == "asyncio":  # it quotes the exception of a lost task below its first line
        record.msg = str(record.msg).partition("\n")[0]
    return True


def format_exception(exc_info: ExcInfo) -> str:
    """Write a traceback like Python's own, with errors of the database as they may be logged."""
    return format_chain(exc_info[1], set(), hidden=False).rstrip("\n")


def format_chain(error: BaseException | None, seen: set[int], *, hidden: bool) -> str:
    """Write an exception below those that led to it.

    `hidden` leaves messages out: an error of the database is raised from one of its driver.
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
