"""Connects Alembic to the database of `DATABASE_URL`, see `app/settings/`."""

import asyncio
import logging
from contextlib import aclosing

from alembic import context
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app import logs, tables
from app.database.migrations.run import (
    explain_connection_errors,
    migrate_offline,
    migrate_online,
    migration_url,
)
from app.settings import Settings

logging.getLogger("alembic").setLevel(logging.INFO)

# Python code that calls Alembic, such as the tests, may pass its own settings and tables.
settings: Settings = context.config.attributes.get("settings") or Settings()
if "settings" not in context.config.attributes:
    logs.configure(settings)
metadata = context.config.attributes.get("metadata", tables.metadata)


async def connect_and_migrate() -> None:
    """Open a connection and run the migrations on it."""
    url = migration_url(settings)
    engine = create_async_engine(url, poolclass=NullPool)
    with explain_connection_errors(url):
        try:
            connection = await engine.connect()
        except DBAPIError:
            await asyncio.sleep(0.1)  # a driver that uses a thread needs this loop to end it
            raise
    async with aclosing(connection):
        await connection.run_sync(migrate_online, settings, metadata)
    await engine.dispose()


if context.is_offline_mode():
    migrate_offline(settings, metadata)
else:
    asyncio.run(connect_and_migrate())
