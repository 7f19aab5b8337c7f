"""Connects Alembic to the database of `DATABASE_URL`, see `app/settings/`."""

import logging

from alembic import context
from sqlalchemy import create_engine
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

if context.is_offline_mode():
    migrate_offline(settings, metadata)
else:
    url = migration_url(settings)
    engine = create_engine(url, poolclass=NullPool)
    with explain_connection_errors(url):
        connection = engine.connect()
    with connection:
        migrate_online(connection, settings, metadata)
    engine.dispose()
