"""Connects this service to PostgreSQL with asyncpg."""

from functools import partial
from typing import Any
from urllib.parse import urlencode

import asyncpg
from sqlalchemy import Dialect, Engine, ExceptionContext, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from app.database.aborted import refuse_to_commit_aborted
from app.database.dialect import OUTDATED, READ_ONLY, end_streams, needs_new_connection
from app.database.hosts import connect_to_one, last_good
from app.database.ping import ping_if_idle
from app.database.pooler import POOLED, pass_pooler
from app.settings import Settings
from app.settings.url_parameters import DSN_PARAMETERS


def engine_options(settings: Settings) -> dict[str, Any]:
    """Return arguments for the engine; the server limits statements and idle transactions.

    Parameters of the URL follow the settings and so override them.
    """
    limit = settings.database_statement_timeout * 1000  # milliseconds
    query = settings.database_url.query
    limits = f"-c statement_timeout={limit} -c idle_in_transaction_session_timeout={limit}"
    options: dict[str, Any] = {
        "echo": settings.database_echo,
        "hide_parameters": not settings.database_echo,
        "pool_timeout": settings.database_pool_timeout,
        "pool_recycle": settings.database_pool_recycle,
        "connect_args": {
            "connect_timeout": query.get("connect_timeout", settings.database_pool_timeout),
            "options": f"{limits} {query.get('options', '')}".rstrip(),
            "application_name": query.get("application_name", settings.database_client_name),
        },
    }
    if settings.database_pooler is not None:
        pass_pooler(options, statement_cache_size=0, prepared_statement_cache_size=0)
    return options


def error_code(error: BaseException | None) -> str | None:
    """Return the SQLSTATE of an error, or `OUTDATED`.

    An error that asyncpg itself raises has its SQLSTATE in the cause.
    """
    cause = getattr(error, "__cause__", None)
    code: str | None = getattr(error, "sqlstate", None) or getattr(cause, "sqlstate", None)
    if isinstance(cause, asyncpg.InvalidCachedStatementError | asyncpg.OutdatedSchemaCacheError):
        return OUTDATED
    if code == "XX000" and "cache lookup failed for type" in str(error):  # never translated
        return OUTDATED
    return code


def constraint_name(error: BaseException | None) -> str | None:
    """Return the name of the constraint that an error is about."""
    cause = getattr(error, "__cause__", None)
    return getattr(error, "constraint_name", None) or getattr(cause, "constraint_name", None)


def error_summary(error: BaseException | None) -> str:
    """Describe an error without values of rows: its SQLSTATE, and the name of the constraint."""
    return " ".join(filter(None, [error_code(error), constraint_name(error)]))


def prepare(engine: Engine) -> None:
    """Register the event listeners of this module."""
    ping_if_idle(engine)
    end_streams(engine)
    refuse_to_commit_aborted(engine, lambda error: error_code(error) is not None)
    event.listen(engine, "handle_error", renew_connections)


def renew_connections(context: ExceptionContext) -> None:
    """Invalidate the pool if its connections can no longer be used."""
    code = error_code(context.original_exception)
    if needs_new_connection(code, context.connection):
        context.is_disconnect = True
    if code == READ_ONLY:  # another host may be the primary now
        last_good.clear()


@event.listens_for(Engine, "do_connect")  # the engine of migrations connects like this too
def connect(
    dialect: Dialect, _record: ConnectionPoolEntry, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> DBAPIConnection:
    """Connect with libpq's parameter names, to one of several hosts.

    The session uses UTC, unless the URL sets another time zone.
    """
    if not kwargs.pop(POOLED, False):
        kwargs["options"] = f"-c timezone=UTC {kwargs.get('options', '')}".rstrip()
    if dsn := {name: kwargs.pop(name) for name in DSN_PARAMETERS & kwargs.keys()}:
        kwargs["dsn"] = f"postgresql://?{urlencode(dsn)}"
    if "connect_timeout" in kwargs:
        kwargs["timeout"] = int(kwargs.pop("connect_timeout")) or None  # 0: no limit
    if "statement_cache_size" in kwargs:
        kwargs["statement_cache_size"] = int(kwargs["statement_cache_size"])
    return connect_to_one(dialect, partial(connect_to, dialect, args), kwargs)


def connect_to(dialect: Dialect, args: tuple[Any, ...], kwargs: dict[str, Any]) -> DBAPIConnection:
    """Connect to one host; convert every failure to `OperationalError`.

    asyncpg does not wrap errors of the socket or of an invalid address, and raises its own if the
    host is not of the kind of `target_session_attrs`.
    """
    try:
        return dialect.connect(*args, **kwargs)
    except dialect.loaded_dbapi.OperationalError:
        raise
    except Exception as error:  # of the driver too, if a pooler or the only host rejects the login
        raise dialect.loaded_dbapi.OperationalError(str(error)) from error
