"""What migrations say when they cannot run: one sentence, not a traceback."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import NoReturn

from alembic import context
from alembic.util import CommandError
from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

from app.dialect import AFTER_LOCK_TIMEOUT, CONNECTION_HINT, LOCK_TIMED_OUT
from app.engine import error_code


def has_destination() -> bool:
    """Tell `upgrade`, `downgrade` and `stamp` from the commands that only read."""
    try:
        context.get_revision_argument()
    except KeyError:
        return False
    return True


@contextmanager
def explain_connection_errors(url: URL) -> Generator[None]:
    """End the command with a sentence where the database cannot be reached or lets no one in."""
    try:
        yield
    except DBAPIError as error:
        problem = f"No connection to {url.set(query={})}: {reason(error)}"
        fail(f"{problem}; check DATABASE_URL, and {CONNECTION_HINT}", error)


@contextmanager
def explain_lock_timeouts() -> Generator[None]:
    """End the command with a sentence where another transaction holds a lock for too long."""
    try:
        yield
    except DBAPIError as error:
        if error_code(error.orig) not in LOCK_TIMED_OUT:
            raise
        fail(
            "A statement gave up waiting for a lock that another transaction holds:"
            f" {AFTER_LOCK_TIMEOUT}; end that transaction or wait for its end,"
            " then run the same command again",
            error,
        )


def reason(error: DBAPIError) -> str:
    """Give what the driver says in one line, and its first cause where that says more.

    Some drivers say no more than that they cannot connect where a certificate is refused.
    """
    first: BaseException | None = error.orig
    while first is not None and first.__cause__ is not None:
        first = first.__cause__
    said, cause = (" ".join(str(it).split()).rstrip(".") for it in (error.orig, first))
    return said if cause in said else f"{said}: {cause}"


def fail(sentence: str, error: Exception) -> NoReturn:
    """End the command with a sentence and exit code 1; callers from Python get an exception.

    So does `alembic --raiseerr`.
    """
    options = context.config.cmd_opts
    if options is None or options.raiseerr:
        raise CommandError(sentence) from error
    sys.exit(sentence)
