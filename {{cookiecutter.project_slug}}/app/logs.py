"""Logs: an object of JSON per line in production, readable lines while one develops.

Everything logs by the standard library; structlog gives the lines their form. What is
bound with `structlog.contextvars.bind_contextvars` stands in every line of a request.
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
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        without_copy_in_colors,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    form: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if settings.environment == "production":
        form += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        form += [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    propagate = {"handlers": [], "level": "NOTSET", "propagate": True}
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "line": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "foreign_pre_chain": facts,
                    "processors": form,
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
