"""How Alembic reaches the database: the address is the app's own, see `app/settings.py`."""

import asyncio
import logging
from typing import Any

from alembic import context
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

import app.main  # noqa: F401  # every table that the app knows
from app.dialect import wait_for_turn
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
    """Run the migrations on a connection, while no other process does."""
    wait_for_turn(connection)
    context.configure(connection=connection, **options)
    migrate()
    connection.commit()


async def connect_and_migrate() -> None:
    """Open a connection for the migrations alone."""
    engine = create_async_engine(settings.database_url, poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(migrate_online)
    await engine.dispose()


if context.is_offline_mode():
    context.configure(url=settings.database_url, literal_binds=True, **options)
    migrate()
else:
    asyncio.run(connect_and_migrate())
