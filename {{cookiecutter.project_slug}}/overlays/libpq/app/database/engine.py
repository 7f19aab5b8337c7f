"""Connects this service to PostgreSQL with a driver that uses libpq."""

#% if cookiecutter.driver == "psycopg2"
from decimal import Decimal
from typing import Any

from psycopg2 import extensions
from sqlalchemy import Dialect, Engine, ExceptionContext, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DataError
from sqlalchemy.pool import ConnectionPoolEntry

#% else
from typing import Any

from sqlalchemy import Dialect, Engine, ExceptionContext, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

#% endif
from app.database.aborted import refuse_to_commit_aborted
from app.database.dialect import OUTDATED, READ_ONLY, end_streams, needs_new_connection
from app.database.hosts import connect_to_one, last_good
from app.database.ping import ping_if_idle
from app.database.pooler import POOLED, pass_pooler
from app.settings import Settings


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
        #% if cookiecutter.driver == "psycopg2"
        pass_pooler(options)
        #% else
        pass_pooler(options, prepare_threshold=None)
        #% endif
    return options


def error_code(error: BaseException | None) -> str | None:
    """Return the SQLSTATE of an error, or `OUTDATED`."""
    #% if cookiecutter.driver == "psycopg2"
    code: str | None = getattr(error, "pgcode", None)
    #% else
    code: str | None = getattr(error, "sqlstate", None)
    #% endif
    where = getattr(getattr(error, "diag", None), "source_function", None)
    if code == "0A000" and where == "RevalidateCachedQuery":
        return OUTDATED
    if code == "XX000" and "cache lookup failed for type" in str(error):  # never translated
        return OUTDATED
    return code


def constraint_name(error: BaseException | None) -> str | None:
    """Return the name of the constraint that an error is about."""
    return getattr(getattr(error, "diag", None), "constraint_name", None)


def error_summary(error: BaseException | None) -> str:
    """Describe an error without values of rows: its SQLSTATE, and the name of the constraint."""
    return " ".join(filter(None, [error_code(error), constraint_name(error)]))


def prepare(engine: Engine) -> None:
    """Register the event listeners of this module."""
    ping_if_idle(engine)
    end_streams(engine)
    refuse_to_commit_aborted(engine, lambda error: error_code(error) is not None)
    #% if cookiecutter.driver == "psycopg2"
    event.listen(engine, "handle_error", convert_nul_error)
    #% endif
    event.listen(engine, "handle_error", renew_connections)


@event.listens_for(Engine, "do_connect")  # the engine of migrations connects like this too
def connect(
    dialect: Dialect, _record: ConnectionPoolEntry, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> DBAPIConnection:
    """Connect to one of several hosts; the session uses UTC, unless the URL sets another zone."""
    if not kwargs.pop(POOLED, False):
        kwargs["options"] = f"-c timezone=UTC {kwargs.get('options', '')}".rstrip()
    return connect_to_one(dialect, lambda host: dialect.connect(*args, **host), kwargs)


#% if cookiecutter.driver == "psycopg2"
def convert_nul_error(context: ExceptionContext) -> DataError | None:
    """Raise `DataError` for a string with NUL: psycopg2 raises `ValueError`."""
    error = context.original_exception
    return DataError(context.statement, None, error) if type(error) is ValueError else None


def write_decimal(number: Decimal) -> Any:
    """Adapt a Decimal without changing it: psycopg2 itself turns infinity into NaN."""
    return extensions.AsIs(f"'{number}'::numeric")


extensions.register_adapter(Decimal, write_decimal)


#% endif
def renew_connections(context: ExceptionContext) -> None:
    """Invalidate the pool if its connections can no longer be used."""
    code = error_code(context.original_exception)
    if needs_new_connection(code, context.connection):
        context.is_disconnect = True
    if code == READ_ONLY:  # another host may be the primary now
        last_good.clear()
