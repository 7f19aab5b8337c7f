"""Logs: one JSON object per line in production, readable lines in development.

Libraries log through `logging`. `app/web/request_context.py` logs through structlog, which
is faster. Both have the same format. Every line contains the values of
`structlog.contextvars`, such as the request id. Tracebacks show no local variables. Database
errors show no values of rows, unless `DATABASE_ECHO` is true.
"""

import logging.config
import sys

import structlog
from sqlalchemy.exc import SQLAlchemyError
from structlog.types import EventDict, Processor, WrappedLogger

from app.database.errors import describe
from app.logs.tracebacks import format_exception
from app.settings import Settings


class LoggedError(Exception):
    """An error that already has its line in the log: the server's own line is left out."""


def configure(settings: Settings) -> None:
    """Send all logs of this process, including the server's, to standard error."""
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
                        drop_color_message,
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
                    "filters": [is_new] if settings.database_echo else [is_new, hide_values],
                },
            },
            "root": {"handlers": ["output"], "level": settings.log_level},
            "loggers": {
                "uvicorn": propagate,
                "uvicorn.error": propagate,
                # `app/web/request_context.py` logs requests, with their id and duration.
                "uvicorn.access": {"handlers": [], "level": "CRITICAL", "propagate": False},
            },
        }
    )


def drop_color_message(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Remove the colored copy of the message that uvicorn adds."""
    event.pop("color_message", None)
    return event


def is_new(record: logging.LogRecord) -> bool:
    """Return whether a line is not about a `LoggedError`."""
    return not (record.exc_info and isinstance(record.exc_info[1], LoggedError))


def hide_values(record: logging.LogRecord) -> bool:
    """Replace database errors among the arguments of a line by descriptions without values."""
    if isinstance(record.args, tuple):
        record.args = tuple(
            describe(it) if isinstance(it, SQLAlchemyError) else it for it in record.args
        )
    if record.name == "asyncio":  # its next lines quote the exception of a task
        record.msg = str(record.msg).partition("\n")[0]
    return True
