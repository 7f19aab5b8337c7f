"""Runs migrations; if they cannot run, prints one sentence, not a traceback."""

import sys
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, NoReturn

from alembic import context
from alembic.operations.ops import MigrationScript
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import URL, Connection, MetaData, event
from sqlalchemy.exc import DBAPIError

from app.database import dialect
from app.database.dialect import AFTER_LOCK_TIMEOUT, CONNECTION_HINT, LOCK_TIMED_OUT_CODES
from app.database.engine import error_code
from app.database.migrations import ddl
from app.database.migrations.autogenerate import arrange, include_name, render_item
from app.settings import Settings


def migration_url(settings: Settings) -> URL:
    """Return the address for migrations, or exit with one sentence."""
    try:
        return dialect.migration_url(settings)
    except ValueError as error:
        fail(str(error), error)


def migrate_online(connection: Connection, settings: Settings, metadata: MetaData) -> None:
    """Run the command on a connection; a database lock serialises migrations."""
    changes = changes_database()
    with explain_lock_timeouts():
        if changes:
            dialect.acquire_migration_lock(connection, settings)
        event.listen(connection, "begin", dialect.limit_lock_waits)
        context.configure(connection=connection, dont_mutate=not changes, **options(metadata))
        migrate()
        connection.commit()


def migrate_offline(settings: Settings, metadata: MetaData) -> None:
    """Print the statements of the command, without a connection."""
    context.configure(url=migration_url(settings), literal_binds=True, **options(metadata))
    migrate()


def migrate() -> None:
    """Run the migrations in the order of their revisions."""
    with warnings.catch_warnings(), context.begin_transaction():
        # Each server rewrites the expression of a computed column.
        warnings.filterwarnings("ignore", "Computed default on")
        context.run_migrations()


def options(metadata: MetaData) -> dict[str, Any]:
    """Return the options of Alembic: how to run revisions, and what autogenerate compares."""
    return {
        "target_metadata": metadata,
        "transaction_per_migration": True,
        "autogenerate_plugins": ["alembic.autogenerate.*", "alembic.ext.checkconstraint_byname"],
        "compare_server_default": True,
        "include_name": include_name,
        "process_revision_directives": complete,
        "render_item": render_item,
        **ddl.OPTIONS,
    }


def complete(context: MigrationContext, _revision: Any, scripts: list[MigrationScript]) -> None:
    """Complete the operations that autogenerate found, so that upgrade and downgrade work."""
    for script in scripts:
        if script.upgrade_ops is None or script.downgrade_ops is None:
            continue
        upgrade, downgrade = script.upgrade_ops.ops, script.downgrade_ops.ops
        arrange(upgrade)
        arrange(downgrade)
        ddl.complete(upgrade, downgrade, context)


def changes_database() -> bool:
    """Return whether the command is `upgrade`, `downgrade` or `stamp`; the others only read."""
    try:
        context.get_revision_argument()
    except KeyError:
        return False
    return True


@contextmanager
def explain_connection_errors(url: URL) -> Generator[None]:
    """Exit with one sentence if the connection or the login fails."""
    try:
        yield
    except DBAPIError as error:
        problem = f"No connection to {url.set(query={})}: {reason(error)}"
        fail(f"{problem}; check DATABASE_URL, and {CONNECTION_HINT}", error)


@contextmanager
def explain_lock_timeouts() -> Generator[None]:
    """Exit with one sentence if another transaction holds a lock for too long."""
    try:
        yield
    except DBAPIError as error:
        if error_code(error.orig) not in LOCK_TIMED_OUT_CODES:
            raise
        fail(
            "A statement timed out waiting for a lock that another transaction holds:"
            f" {AFTER_LOCK_TIMEOUT}; end that transaction or wait for its end,"
            " then run the same command again",
            error,
        )


def reason(error: DBAPIError) -> str:
    """Return the message of the driver in one line, with that of its first cause if it says more.

    If a certificate is rejected, some drivers only say that they cannot connect.
    """
    first: BaseException | None = error.orig
    while first is not None and first.__cause__ is not None:
        first = first.__cause__
    said, cause = (" ".join(str(it).split()).rstrip(".") for it in (error.orig, first))
    return said if cause in said else f"{said}: {cause}"


def fail(sentence: str, error: Exception) -> NoReturn:
    """Print a sentence and exit with code 1; raise `CommandError` when called from Python.

    `alembic --raiseerr` raises too.
    """
    options = context.config.cmd_opts
    if options is None or options.raiseerr:
        raise CommandError(sentence) from error
    sys.exit(sentence)
