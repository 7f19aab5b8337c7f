"""Logs: an object of JSON per line in production, readable lines while one develops.

Libraries log by the standard library, and `app/web/request_context.py` by structlog itself, which
costs each request less; their lines look alike. What `structlog.contextvars` holds, such
as the id of the request, stands in every line. Tracebacks show no local variables, and errors
of the database no values of rows, unless `DATABASE_ECHO` asks for these.
"""

import logging.config
import sys

import structlog
from sqlalchemy.exc import SQLAlchemyError
from structlog.types import EventDict, Processor, WrappedLogger

from app.database.errors import describe
from app.logs.tracebacks import format_exception
from app.settings import Settings


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
                # `app/web/request_context.py` logs requests, with their id and duration.
                "uvicorn.access": {"handlers": [], "level": "CRITICAL", "propagate": False},
            },
        }
    )


def without_copy_in_colors(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Leave out what uvicorn adds: its message once more, in colors."""
    event.pop("color_message", None)
    return event


def hide_values(record: logging.LogRecord) -> bool:
    """Describe the database errors among the arguments of a line."""
    if isinstance(record.args, tuple):
        record.args = tuple(
            describe(it) if isinstance(it, SQLAlchemyError) else it for it in record.args
        )
    if record.name == "asyncio":  # it quotes the exception of a lost task below its first line
        record.msg = str(record.msg).partition("\n")[0]
    return True
