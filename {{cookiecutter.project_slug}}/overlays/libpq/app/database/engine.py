"""How this service speaks to PostgreSQL through libpq."""

#% if cookiecutter.driver == "psycopg2"
from decimal import Decimal
from typing import Any

from psycopg2 import extensions
from sqlalchemy import Dialect, Engine, ExceptionContext, event
from sqlalchemy.exc import DataError
from sqlalchemy.pool import ConnectionPoolEntry

#% else
from typing import Any

from sqlalchemy import Dialect, Engine, ExceptionContext, event
from sqlalchemy.pool import ConnectionPoolEntry

#% endif
from app.database.dialect import OUTDATED, end_streams, needs_new_connection
from app.database.ping import ping_if_idle
from app.settings import Settings


def engine_options(settings: Settings) -> dict[str, Any]:
    """Arguments for the engine; the server itself ends what runs or idles too long.

    What the URL says comes after the settings, so that it wins.
    """
    limit = settings.database_statement_timeout * 1000  # milliseconds
    said = settings.database_url.query
    limits = f"-c statement_timeout={limit} -c idle_in_transaction_session_timeout={limit}"
    return {
        "echo": settings.database_echo,
        "hide_parameters": not settings.database_echo,
        "pool_timeout": settings.database_pool_timeout,
        "pool_recycle": settings.database_pool_recycle,
        "connect_args": {
            "connect_timeout": said.get("connect_timeout", settings.database_pool_timeout),
            "options": f"{limits} {said.get('options', '')}".rstrip(),
        },
    }


def error_code(error: BaseException | None) -> str | None:
    """Give the SQLSTATE of an error, or `OUTDATED`."""
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


def error_summary(error: BaseException | None) -> str:
    """Give what an error tells without values of rows: its SQLSTATE, and a constraint's name."""
    constraint = getattr(getattr(error, "diag", None), "constraint_name", None)
    return " ".join(filter(None, [error_code(error), constraint]))


def prepare(engine: Engine) -> None:
    """Register the event listeners of this module."""
    ping_if_idle(engine)
    end_streams(engine)
    #% if cookiecutter.driver == "psycopg2"
    event.listen(engine, "handle_error", name_nul)
    #% endif
    event.listen(engine, "handle_error", renew_connections)


@event.listens_for(Engine, "do_connect")  # the engine of migrations connects like this too
def use_utc(
    _dialect: Dialect, _record: ConnectionPoolEntry, _args: Any, kwargs: dict[str, Any]
) -> None:
    """Let the session be in UTC, unless the URL says otherwise."""
    kwargs["options"] = f"-c timezone=UTC {kwargs.get('options', '')}".rstrip()


#% if cookiecutter.driver == "psycopg2"
def name_nul(context: ExceptionContext) -> DataError | None:
    """Say that a text with a NUL does not fit: psycopg2 refuses it by an error of Python's own."""
    error = context.original_exception
    return DataError(context.statement, None, error) if type(error) is ValueError else None


def write_decimal(number: Decimal) -> Any:
    """Write a number as it is: psycopg2 itself would make NaN of infinity."""
    return extensions.AsIs(f"'{number}'::numeric")


extensions.register_adapter(Decimal, write_decimal)


#% endif
def renew_connections(context: ExceptionContext) -> None:
    """Let the pool open new connections where those that it has cannot serve any more."""
    if needs_new_connection(error_code(context.original_exception), context.connection):
        context.is_disconnect = True
