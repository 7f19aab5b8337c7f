"""How Alembic reaches the database: the address is the app's own, see `app/settings.py`."""

import logging
from typing import Any

from alembic import context
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import NullPool

import app.main  # noqa: F401  # every table that the app knows
from app.dialect import acquire_migration_lock, limit_lock_waits
from app.migrations import explain_connection_errors, explain_lock_timeouts, has_destination
from app.models import Base
from app.settings import Settings

logging.getLogger("alembic").setLevel(logging.INFO)

# A caller from Python, such as the tests, may hand over settings of its own.
settings: Settings = context.config.attributes.get("settings") or Settings()
options: dict[str, Any] = {
    "target_metadata": Base.metadata,
    "render_as_batch": True,
    "transaction_per_migration": True,
}


def migrate() -> None:
    """Run the migrations in the order of their revisions."""
    with context.begin_transaction():
        context.run_migrations()


def migrate_online(connection: Connection) -> None:
    """Run the command on a connection; what changes the schema waits until no one else does."""
    changes = has_destination()
    with explain_lock_timeouts():
        if changes:
            acquire_migration_lock(connection, settings)
        event.listen(connection, "begin", limit_lock_waits)
        context.configure(connection=connection, dont_mutate=not changes, **options)
        migrate()
        connection.commit()


if context.is_offline_mode():
    context.configure(url=settings.database_url, literal_binds=True, **options)
    migrate()
else:
    engine = create_engine(settings.database_url, poolclass=NullPool)
    with explain_connection_errors(settings.database_url):
        connection = engine.connect()
    with connection:
        migrate_online(connection)
    engine.dispose()
