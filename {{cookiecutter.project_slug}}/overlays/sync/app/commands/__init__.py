"""Commands that run in their own process: `uv run python -m app.commands.count_rows`.

Each command is a module. `run` sets up the same as the service: settings, logs, all models
and a database.
"""

import logging
import sys
from collections.abc import Callable

from app import logs
from app.database import Database, connected
from app.settings import Settings
from app.tables import metadata

__all__ = ["metadata", "run"]

logger = logging.getLogger(__name__)


def run(command: Callable[[Database], None]) -> None:
    """Run a command; on an error, log it and exit with code 1."""
    settings = Settings()
    #% if cookiecutter.database != "sqlite" and cookiecutter.driver != "mysqldb"
    settings = settings.named(getattr(command, "__name__", "command"))
    #% endif
    logs.configure(settings)
    try:
        with connected(settings) as db:
            command(db)
    except Exception:
        logger.exception("The command failed")
        sys.exit(1)
