"""Logs: an object of JSON per line in production, readable lines while one develops.

Libraries log by the standard library, and `app/middleware.py` by structlog itself, which
costs each request less; their lines look alike. What `structlog.contextvars` holds, such
as the id of the request, stands in every line.
"""

import logging.config
import sys

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from app.settings import Settings


def configure(settings: Settings) -> None:
    """Send what this process logs, the server's own lines too, to standard error."""
    facts: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    form: list[Processor]
    if settings.environment == "production":
        form = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        form = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
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
                "output": {"class": "logging.StreamHandler", "formatter": "line"},
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
    """Leave out what uvicorn adds: its message once more, in colours."""
    event.pop("color_message", None)
    return event
