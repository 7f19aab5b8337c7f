"""How Alembic reaches the database: the address is the app's own, see `app/settings.py`."""

import logging
from typing import Any

from alembic import context
from sqlalchemy import create_engine
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


if context.is_offline_mode():
    context.configure(url=settings.database_url, literal_binds=True, **options)
    migrate()
else:
    engine = create_engine(settings.database_url, poolclass=NullPool)
    with engine.connect() as connection:
        wait_for_turn(connection)  # while another process migrates
        context.configure(connection=connection, **options)
        migrate()
        connection.commit()
    engine.dispose()
