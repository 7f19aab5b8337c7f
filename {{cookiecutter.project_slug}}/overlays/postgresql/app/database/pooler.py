"""Connections through a pooler that assigns one for each transaction, such as PgBouncer."""

import logging
from typing import Any

from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

logger = logging.getLogger(__name__)

# In the arguments of a connection: it sends the pooler no parameters that belong to a session.
POOLED = "pooled"


def pass_pooler(options: dict[str, Any], **connect_args: Any) -> None:
    """Change the options of an engine, so that no transaction depends on an earlier one.

    The next transaction of a client may run on another connection of the server. Prepared
    statements and parameters of the session would be on the first one.
    """
    for parameter in ("options", "application_name"):
        options["connect_args"].pop(parameter)
    options["connect_args"] |= {POOLED: True, **connect_args}
    options["pool_events"] = [(warn_if_unlimited, "first_connect")]


def warn_if_unlimited(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    """Log a warning if nothing limits how long a statement may run."""
    cursor = connection.cursor()
    cursor.execute("SHOW statement_timeout")
    (limit,) = cursor.fetchone() or ("0",)
    cursor.close()
    connection.rollback()
    if limit == "0":
        logger.warning(
            "Statements may run without a limit: a pooler does not pass on"
            " DATABASE_STATEMENT_TIMEOUT, so set statement_timeout by ALTER ROLE,"
            " see docs/database.md"
        )
