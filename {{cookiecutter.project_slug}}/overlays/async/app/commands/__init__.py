"""Commands that run in their own process: `uv run python -m app.commands.count_rows`.

Each command is a module. `run` sets up the same as the service: settings, logs, all models
and a database.
"""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable

from app import logs
from app.database import Database, connected
from app.settings import Settings
from app.tables import metadata

__all__ = ["metadata", "run"]

logger = logging.getLogger(__name__)


def run(command: Callable[[Database], Awaitable[None]]) -> None:
    """Run a command; on an error, log it and exit with code 1."""
    settings = Settings()
    #% if cookiecutter.database != "sqlite" and cookiecutter.driver != "mysqldb"
    settings = settings.named(getattr(command, "__name__", "command"))
    #% endif
    logs.configure(settings)

    async def with_database() -> None:
        async with connected(settings) as db:
            await command(db)

    try:
        asyncio.run(with_database())
    except Exception:
        logger.exception("The command failed")
        sys.exit(1)
